/*!
One run over many clusters: each is looked at before the first is changed, then they have their turns wave by wave.

```text
flags → Rollout::prepare → look at all → waves → report
```

What is done to a cluster is a [`Task`]: `apply` and `upgrade` are two; [`gated`] puts the gates of its wave before it. Nothing here knows HTTP or Kubernetes.
*/

mod approval;
pub mod args;
mod clock;
mod forecasts;
mod gated;
mod interrupt;
pub mod outcome;
pub mod report;
mod site;
mod task;
mod turn;
mod waves;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    path::PathBuf,
    pin::pin,
    sync::{Mutex, PoisonError},
};

use cli::{Exit, Format, StatusTable};
use cluster::{Cluster, ClusterError};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use schema::{Digest, text::Page};
use tokio::time::Instant;

pub(crate) use approval::Approval;
pub use approval::Unattended;
pub use clock::Clock;
pub(crate) use interrupt::interrupted;
pub use outcome::{ClusterOutcome, State};
pub use report::{Detail, Report};
pub use site::Site;
pub use task::{Forecast, Task};

use crate::{
    Error,
    fleet::{Fleet, Pause, Wave},
    gates::{Limits, RunId, Window},
};
use forecasts::Forecasts;
use gated::Gated;
use report::{html, preflight, record::Record, retry};
use turn::{Event, RunState};
use waves::Turns;

/// Which clusters, and how carefully.
#[derive(Debug, Clone, Default)]
pub struct RolloutOptions {
    /// The clusters and their waves.
    pub fleet: Fleet,
    /// Clusters worked on at once.
    pub max_parallel: usize,
    /// How long requests and hooks of the waves may take.
    pub limits: Limits,
    /// Do not wait for approval between waves.
    pub auto_approve: bool,
    /// Begin only if nothing is wrong anywhere.
    pub all_or_nothing: bool,
    /// The report of an earlier run, whose unfinished clusters alone have a turn.
    pub retry_failed: Option<PathBuf>,
    /// Where the report goes, as JSON.
    pub report: Option<PathBuf>,
    /// Where it goes as a page.
    pub report_html: Option<PathBuf>,
    /// Show only what is not as it should be.
    pub summary: bool,
}

/// Everything that can be wrong with flags and files about clusters has been found out.
#[derive(Debug)]
pub struct Rollout {
    /// The clusters that have a turn, and their waves.
    pub fleet: Fleet,
    approval: Approval,
    max_parallel: usize,
    limits: Limits,
    all_or_nothing: bool,
    report: Option<PathBuf>,
    report_html: Option<PathBuf>,
    summary: bool,
    dry_run: bool,
    /// The bundle of the run whose unfinished clusters have a turn.
    last_bundle: Option<Digest>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished<D> {
    /// Every cluster.
    pub report: Report<D>,
    /// With which code the program ends.
    pub exit: Exit,
    summary: bool,
}

impl<D: Detail> Finished<D> {
    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Table if self.summary => Ok(self.report.summary()),
            _ => self.report.shown(format),
        }
    }
}

impl Rollout {
    /// Reads the files that the flags name, before anything is changed anywhere. `inputs` are files that are read: the report
    /// must not be written over one.
    pub fn prepare<D: Detail>(
        options: RolloutOptions,
        dry_run: bool,
        inputs: &[PathBuf],
    ) -> Result<Self, Error> {
        let mut fleet = options.fleet;
        for warning in &fleet.warnings {
            tracing::warn!("{warning}");
        }
        let last_bundle = match &options.retry_failed {
            Some(path) => retry::retain_unfinished::<D>(&mut fleet, path)?,
            None => None,
        };
        if dry_run {
            fleet.without_stops();
        }
        for (flag, path) in [
            ("--report", &options.report),
            ("--report-html", &options.report_html),
        ] {
            if let Some(path) = path {
                report::check(flag, path, inputs)?;
            }
        }
        Ok(Self {
            approval: Approval::new(&fleet.waves, options.auto_approve)?,
            fleet,
            max_parallel: options.max_parallel.max(1),
            limits: options.limits,
            // What changes nothing has nothing to hold back.
            all_or_nothing: options.all_or_nothing && !dry_run,
            report: options.report,
            report_html: options.report_html,
            summary: options.summary,
            dry_run,
            last_bundle,
        })
    }

    /// Carries it out, and reports on each cluster that has a turn, in the order of the fleet. `bundle` is the id of the
    /// bundle that it is about, if it is about one.
    pub async fn run<T: Task>(
        &self,
        task: &T,
        bundle: Option<Digest>,
        status: StatusTable,
    ) -> Finished<T::Detail> {
        retry::compare(self.last_bundle, bundle);
        let record = Record::new(&self.fleet, self.report.as_ref(), bundle, self.dry_run);
        let task = Gated {
            task,
            fleet: &self.fleet,
            run: RunId::new(Timestamp::now()),
            limits: self.limits,
            dry_run: self.dry_run,
        };
        let run = Run {
            rollout: self,
            task: &task,
            status,
            forecasts: Forecasts::of(&self.fleet),
            entries: Mutex::default(),
            record: &record,
        };
        run.all().await;
        let (report, written) = record.finish();
        let mut exit = report.exit();
        let page = self.report_html.as_deref();
        let page = page.map_or(Ok(()), |path| html::write(&report, path));
        for (flag, written) in [("--report", written), ("--report-html", page)] {
            // Clusters may be changed: what became of them is shown all the same.
            if let Err(error) = written {
                tracing::error!("{flag} {error}");
                if exit == Exit::Done {
                    exit = Exit::Failed;
                }
            }
        }
        Finished {
            report,
            exit,
            summary: self.summary,
        }
    }
}

/// A run on its way.
struct Run<'a, T: Task> {
    rollout: &'a Rollout,
    task: &'a T,
    status: StatusTable,
    forecasts: Forecasts<T::Forecast>,
    /// Which entries of the list lead to a cluster, by what it is.
    entries: Mutex<BTreeMap<String, BTreeSet<String>>>,
    record: &'a Record<'a, T::Detail>,
}

impl<T: Task> Run<'_, T> {
    /// Looks at all clusters, then gives each its turn, until the end or an interruption.
    async fn all(&self) {
        let (fleet, at_once) = (&self.rollout.fleet, self.rollout.max_parallel);
        let mut interrupt = pin!(interrupted());
        let looking = self
            .forecasts
            .look(fleet, at_once, |cluster| self.look(cluster.clone()));
        let mut looking = pin!(looking);
        let mut looked = false;
        tokio::select! {
            biased;
            () = &mut interrupt => {
                let reason = "interrupted before anything was changed; run the same command again";
                return self.skip_all(|_| reason.to_owned());
            }
            () = &mut looking => looked = true,
            () = self.forecasts.nearly_all(), if !self.rollout.all_or_nothing => {}
        }
        for line in preflight::lines(fleet, &self.forecasts, Timestamp::now()) {
            tracing::info!("{line}");
        }
        if self.rollout.all_or_nothing
            && let Some((first, reason)) = self.objection()
        {
            // Each cluster has what is wrong with it; the others, with whom it began.
            return self.skip_all(|cluster| {
                let own = self.objection_of(cluster);
                let reason = own.unwrap_or_else(|| format!("{first}: {reason}"));
                format!("--all-or-nothing: {reason}")
            });
        }
        let mut waves = pin!(waves::run(&fleet.waves, at_once, self, interrupt));
        let runs = loop {
            tokio::select! {
                runs = &mut waves => break runs,
                () = &mut looking, if !looked => looked = true,
            }
        };
        for one in runs {
            if let RunState::Stopped(stop) = one.state {
                self.record.add(self.skipped(&one.cluster, stop.reason()));
            }
        }
    }

    async fn look(&self, cluster: Cluster) -> Result<T::Forecast, ClusterError> {
        let name = &cluster.name;
        let line = self.status.line(name);
        line.say("looking");
        let look = AssertUnwindSafe(self.task.look(&cluster))
            .catch_unwind()
            .await;
        let look = look.unwrap_or_else(|panic| Err(ClusterError::Fault(panicked(&panic))));
        match &look {
            Ok(forecast) => {
                let site = forecast.site();
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                entries.entry(site.key()).or_default().insert(name.clone());
                drop(entries);
                let id = site.cluster_id.as_ref().map(ToString::to_string);
                tracing::info!(
                    "{name}: {}, cluster id {}, version {}",
                    site.server,
                    id.as_deref().unwrap_or("none"),
                    site.version.as_deref().unwrap_or("unknown"),
                );
                for warning in &site.warnings {
                    tracing::warn!("{name}: {warning}");
                }
            }
            Err(error) => tracing::warn!("{name}: {error}"),
        }
        look
    }

    /// The first thing that is wrong anywhere, and with which cluster.
    fn objection(&self) -> Option<(&str, String)> {
        let mut clusters = self.rollout.fleet.members();
        clusters.find_map(|cluster| Some((&*cluster.name, self.objection_of(cluster)?)))
    }

    fn objection_of(&self, cluster: &Cluster) -> Option<String> {
        let twice = self
            .forecasts
            .get(cluster)
            .and_then(|look| look.found.as_ref().ok());
        let twice = twice.and_then(|forecast| self.listed_twice(cluster, forecast.site()));
        twice.or_else(|| self.forecasts.objection(cluster))
    }

    /// Why a cluster that has several entries in the list has no turn.
    fn listed_twice(&self, cluster: &Cluster, site: &Site) -> Option<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let names = entries.get(&site.key())?.iter();
        let others: Vec<_> = names
            .filter(|name| **name != cluster.name)
            .cloned()
            .collect();
        (!others.is_empty()).then(|| {
            format!(
                "this is the same cluster as {} ({}); leave all but one of them out of the list, or mend the context",
                others.join(", "),
                site.key()
            )
        })
    }

    /// Nothing is done to any cluster.
    fn skip_all(&self, reason: impl Fn(&Cluster) -> String) {
        for cluster in self.rollout.fleet.members() {
            self.record.add(self.skipped(cluster, reason(cluster)));
        }
    }

    /// A cluster whose turn never came, or was cut short.
    fn skipped(&self, cluster: &Cluster, reason: String) -> ClusterOutcome<T::Detail> {
        match self.forecasts.get(cluster).map(|look| &look.found) {
            Some(Err(error)) => unreachable(cluster, error),
            None => ClusterOutcome::new(cluster, State::Stopped, reason),
            Some(Ok(forecast)) => {
                ClusterOutcome::at(cluster, forecast.site(), State::Stopped, reason)
            }
        }
    }
}

/// What a panic says.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    cluster::clean(text.unwrap_or("a panic without a text"))
}

fn unreachable<D: Detail>(cluster: &Cluster, error: &ClusterError) -> ClusterOutcome<D> {
    ClusterOutcome::new(cluster, State::Unreachable, error.to_string())
}

impl<T: Task> Turns for Run<'_, T> {
    type Outcome = State;

    async fn run(&self, cluster: &Cluster) -> State {
        let (began, clock) = (Timestamp::now(), Instant::now());
        let outcome = ClusterOutcome {
            began: Some(began),
            ..self.turn(cluster).await
        };
        let seconds = (clock.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let state = outcome.state;
        self.record.add(ClusterOutcome {
            seconds: Some(seconds),
            ..outcome
        });
        state
    }

    fn failed(&self, outcome: &State) -> bool {
        *outcome != State::Done
    }

    fn window<'w>(&self, wave: &'w Wave) -> Option<&'w Window> {
        let window = wave.gates.window.as_ref();
        window.filter(|_| !self.rollout.dry_run)
    }

    async fn approve(&self, wave: &Wave) -> Result<(), String> {
        let question = format!("Wave {} comes next. Begin it?", wave.number);
        self.rollout.approval.wait(&question).await
    }

    fn event(&self, event: Event) {
        match event {
            Event::Begins { wave } if self.rollout.fleet.waves.len() > 1 => {
                tracing::info!("wave {wave} begins")
            }
            Event::Begins { .. } => {}
            Event::Pause { wave, pause } => match pause {
                Pause::For(time) => tracing::info!("wave {wave} begins in {time:?}"),
                Pause::Approval => tracing::info!("wave {wave} waits for approval"),
            },
            Event::Closed { wave, opens } => {
                tracing::info!("wave {wave} waits for its window, which opens {opens}")
            }
            Event::Interrupted => tracing::warn!(
                "interrupted: no further cluster is begun; those under way have a moment to end"
            ),
        }
    }
}

impl<T: Task> Run<'_, T> {
    /// A cluster's turn: with the look at it, or with a new one where that has grown old.
    async fn turn(&self, cluster: &Cluster) -> ClusterOutcome<T::Detail> {
        let look = self.forecasts.wait(cluster).await;
        let anew;
        let found = match look.filter(|look| look.is_fresh()) {
            Some(look) => &look.found,
            None => {
                anew = self.look(cluster.clone()).await;
                &anew
            }
        };
        let forecast = match found {
            Ok(forecast) => forecast,
            Err(error) => return unreachable(cluster, error),
        };
        let failed =
            |reason: String| ClusterOutcome::at(cluster, forecast.site(), State::Failed, reason);
        if let Some(reason) = self.listed_twice(cluster, forecast.site()) {
            return failed(reason);
        }
        let line = self.status.line(&cluster.name);
        let run = AssertUnwindSafe(self.task.run(cluster, forecast, line)).catch_unwind();
        run.await
            .unwrap_or_else(|panic| failed(ClusterError::Fault(panicked(&panic)).to_string()))
    }
}
