/*!
The report of a run while it goes on: a crash or a hang-up leaves what `--retry-failed` needs.

Clusters are added as they end. The file is written anew, whole and atomically, when one has ended and the last time is a moment ago;
a pipe or a device gets the report once, in the end.
*/

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use schema::{Digest, output::Destination};
use tokio::time::Instant;

use super::{Detail, Report};
use crate::rollout::outcome::{ClusterOutcome, State};
use crate::{Error, fleet::Fleet};

/// The least time between two times that the file is written.
const PAUSE: Duration = Duration::from_secs(1);

/// What the report has for a cluster of which nothing is known yet.
const NOT_YET: &str = "the run ended before its turn did; run the same command again, or --retry-failed with this report";

/// A report that grows.
pub(in crate::rollout) struct Record<'a, D> {
    fleet: &'a Fleet,
    path: Option<&'a Path>,
    bundle: Option<Digest>,
    dry_run: bool,
    began: Timestamp,
    kept: Mutex<Kept<D>>,
}

struct Kept<D> {
    outcomes: BTreeMap<String, ClusterOutcome<D>>,
    written: Option<Instant>,
}

impl<'a, D: Detail> Record<'a, D> {
    /// Nothing is known of any cluster.
    pub(in crate::rollout) fn new(
        fleet: &'a Fleet,
        path: Option<&'a PathBuf>,
        bundle: Option<Digest>,
        dry_run: bool,
    ) -> Self {
        Self {
            fleet,
            path: path.map(PathBuf::as_path),
            bundle,
            dry_run,
            began: Timestamp::now(),
            kept: Mutex::new(Kept {
                outcomes: BTreeMap::new(),
                written: None,
            }),
        }
    }

    /// Adds a cluster that has ended, and writes the file if it is time. That it cannot be written is reported in the end.
    pub(in crate::rollout) fn add(&self, outcome: ClusterOutcome<D>) {
        let mut kept = self.kept();
        kept.outcomes.insert(outcome.cluster.clone(), outcome);
        let soon = kept
            .written
            .is_some_and(|written| written.elapsed() < PAUSE);
        let Some(path) = self.path.filter(|path| !soon && is_file(path)) else {
            return;
        };
        kept.written = Some(Instant::now());
        if let Err(error) = self.report(&kept.outcomes).write(path) {
            tracing::debug!("--report {error}");
        }
    }

    /// The whole report, written where it belongs.
    pub(in crate::rollout) fn finish(&self) -> (Report<D>, Result<(), Error>) {
        let kept = self.kept();
        let mut report = self.report(&kept.outcomes);
        report.ended = Some(Timestamp::now());
        let written = self.path.map_or(Ok(()), |path| report.write(path));
        (report, written)
    }

    /// Every cluster that has a turn, in the order of the fleet.
    fn report(&self, outcomes: &BTreeMap<String, ClusterOutcome<D>>) -> Report<D> {
        let mut waves = BTreeMap::new();
        for wave in &self.fleet.waves {
            waves.extend(
                wave.clusters
                    .iter()
                    .map(|cluster| (&cluster.name, wave.number)),
            );
        }
        let clusters = self.fleet.clusters.iter().filter_map(|cluster| {
            let wave = *waves.get(&cluster.name)?;
            let outcome = outcomes.get(&cluster.name).cloned();
            let outcome = outcome.unwrap_or_else(|| {
                ClusterOutcome::new(cluster, State::Stopped, NOT_YET.to_owned())
            });
            Some(ClusterOutcome { wave, ..outcome })
        });
        let mut report = Report::new(self.dry_run, clusters.collect());
        report.began = Some(self.began);
        report.bundle = self.bundle;
        report
    }

    fn kept(&self) -> MutexGuard<'_, Kept<D>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is a file, or nothing yet.
fn is_file(path: &Path) -> bool {
    matches!(Destination::resolve(path), Ok(Destination::File(_)))
}
