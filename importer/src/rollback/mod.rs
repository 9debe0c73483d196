/*!
Brings clusters back to what `--backup` saved before an apply changed them.

```text
DIR → look (is it the cluster that was saved?) → objects in reverse order → report
```

What was there is as it was, but for what servers set; what was not there is deleted. It reads before each write, so that a
rollback that was cut short is run again.
*/

mod args;
mod compare;
mod report;
mod restore;
mod task;

use cli::StatusTable;

pub use args::RollbackArgs;
pub use report::{ObjectRollback, RollbackAction, RollbackReport, RolledBack};
pub use restore::Rules;
pub use task::RollbackTask;

use crate::{
    Error,
    apply::command::CommandOutput,
    rollout::{
        Rollout,
        args::{ClusterArgs, RolloutArgs},
    },
};

/// Rolls clusters back, and reports what became of each.
pub async fn fleet(
    args: &RollbackArgs,
    clusters: &ClusterArgs,
    rollout: &RolloutArgs,
    status: StatusTable,
) -> Result<CommandOutput, Error> {
    let fleet = clusters.fleet(true)?;
    let inputs: Vec<_> = clusters.inputs().cloned().collect();
    let options = rollout.options(clusters, fleet);
    let rollout = Rollout::prepare::<RolledBack>(options, args.dry_run, &inputs)?;
    let task = RollbackTask::new(args, clusters, &rollout.fleet)?;
    let finished = rollout.run(&task, None, status).await;
    Ok(CommandOutput {
        text: finished.shown(args.format)?,
        details: None,
        exit: finished.exit,
    })
}
