/*!
Asks clusters to become a release, and watches them get there.

```text
request → look → patch (pure) → start → watch → report
```

[`request`] says what is asked for, [`mod@patch`] whether a cluster may be asked now and how, [`mod@watch`] follows it. [`task`] does all of
it on the clusters of a rollout and never fails: what came of it is a value.
*/

pub mod args;
mod error;
mod limits;
mod observe;
pub mod patch;
mod report;
pub mod request;
pub mod show;
mod start;
pub mod task;
#[cfg(test)]
mod tests;
pub mod watch;

use std::{path::PathBuf, time::Duration};

use cli::{Format, StatusTable};
use schema::Digest;

pub use args::UpgradeArgs;
pub use error::UpgradeError;
pub use limits::Limits;
pub use observe::{Progress, Stage};
pub use patch::{Decision, Refusal};
pub use report::{UpgradeDetail, UpgradeReport, UpgradeState};
pub use request::{PinnedImage, UpgradeRequest};
pub use show::Before;
pub use task::UpgradeTask;

use crate::{
    Error,
    apply::command::CommandOutput,
    prove_pull::Proof,
    rollout::{Rollout, RolloutOptions},
};

/// What is asked for on the command line.
#[derive(Debug)]
pub struct FleetUpgrade {
    /// What each cluster is asked for.
    pub request: UpgradeRequest,
    /// The id of the bundle that the release is in, where one was named.
    pub bundle: Option<Digest>,
    /// How long to wait for what, if each is watched to its end.
    pub wait: Option<Limits>,
    /// What nodes are to pull before each is asked.
    pub proof: Option<Proof>,
    /// Which clusters, and when.
    pub rollout: RolloutOptions,
    /// The most time for one request.
    pub request_timeout: Duration,
    /// The most time for the look at a cluster.
    pub look_timeout: Duration,
    /// How the report is shown.
    pub format: Format,
    /// Files that are read: the report must not be written over one.
    pub inputs: Vec<PathBuf>,
}

/// Upgrades clusters, and reports what became of each.
pub async fn fleet(upgrade: FleetUpgrade, status: StatusTable) -> Result<CommandOutput, Error> {
    let dry_run = upgrade.request.dry_run;
    let rollout = Rollout::prepare::<UpgradeDetail>(upgrade.rollout, dry_run, &upgrade.inputs)?;
    let task = UpgradeTask {
        request: upgrade.request,
        proof: upgrade.proof,
        wait: upgrade.wait,
        request_timeout: upgrade.request_timeout,
        look_timeout: upgrade.look_timeout,
    };
    let finished = rollout.run(&task, upgrade.bundle, status).await;
    Ok(CommandOutput {
        text: finished.shown(upgrade.format)?,
        details: None,
        exit: finished.exit,
    })
}
