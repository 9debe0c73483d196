/*!
One run over many clusters: each is looked at before the first is changed, then they have their turns wave by wave.

```text
flags → Rollout::prepare → look at all → waves → report
```

What is done to a cluster is a [`Task`]: `apply` and `upgrade` are two; `gated` puts the gates of its wave before it. Nothing here knows HTTP or Kubernetes.
*/

mod approval;
pub mod args;
mod clock;
mod forecasts;
mod gated;
mod interrupt;
pub mod outcome;
pub mod report;
mod run;
mod site;
mod task;
mod turn;
mod waves;

use std::path::PathBuf;

use cli::{Exit, Format, StatusTable};
use jiff::Timestamp;
use schema::{Digest, text::Page};

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
    fleet::Fleet,
    gates::{Limits, RunId},
};
use gated::Gated;
use report::{html, record::Record, retry};
use run::Run;

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
        Run::new(self, &task, status, &record).all().await;
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
