/*!
`importer clusters check`: what each cluster of a list is, before anything is brought there, and its id for the list.

```text
flags → rollout (each is looked at, none is changed) → clusters listed twice → ids into CLUSTERS.yaml → report
```
*/

mod args;
mod check;
mod edit;
mod ids;
mod report;
#[cfg(test)]
mod tests;

pub use args::{CheckArgs, ClustersCommand};

use cli::{Exit, StatusTable};

use crate::{
    Error,
    apply::command::CommandOutput,
    rollout::{Rollout, RolloutOptions},
};
use check::Check;
use report::CheckReport;

/// Looks at all clusters, and writes what is missing into their list where that was asked for.
pub async fn check(args: &CheckArgs, status: StatusTable) -> Result<CommandOutput, Error> {
    let mut fleet = args.clusters.fleet(true)?;
    // What changes nothing need not wait, nor stop.
    fleet.without_gates();
    let options = RolloutOptions {
        fleet,
        max_parallel: usize::from(args.clusters.max_parallel),
        ..RolloutOptions::default()
    };
    let inputs: Vec<_> = args.clusters.inputs().cloned().collect();
    let rollout = Rollout::prepare::<check::Checked>(options, false, &inputs)?;
    let task = Check {
        request_timeout: args.clusters.request_timeout,
        cluster_timeout: args.clusters.cluster_timeout,
    };
    let finished = rollout.run(&task, None, status).await;
    let mut failed = false;
    let mut report = CheckReport::new(finished.report);
    if let (true, Some(path)) = (args.write_ids, &args.clusters.clusters) {
        match ids::write(path, &rollout.fleet, &report.known()) {
            Ok(written) => report.written = written,
            // What the clusters are is shown all the same.
            Err(error) => {
                tracing::error!("{error}");
                failed = true;
            }
        }
    }
    Ok(CommandOutput {
        exit: match report.exit() {
            Exit::Done if failed => Exit::Failed,
            exit => exit,
        },
        text: report.shown(args.format)?,
        details: None,
    })
}
