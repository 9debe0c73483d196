/*!
Asks clusters to become a release, and watches them get there.

```text
request → patch (pure) → start → watch → show
```

[`request`] says what is asked for, [`mod@patch`] whether a cluster may be asked now and how, [`mod@watch`] follows it. [`one`] does all of
it on one cluster and never fails: what came of it is a value.
*/

pub mod args;
mod error;
mod limits;
mod observe;
pub mod patch;
pub mod request;
mod requests;
mod rollout;
pub mod show;
mod start;
#[cfg(test)]
mod tests;
pub mod watch;

use cli::Exit;
use cluster::Session;
use serde::{Deserialize, Serialize};

pub use args::UpgradeArgs;
pub use error::UpgradeError;
pub use limits::Limits;
pub use observe::{Progress, Stage};
pub use patch::{Decision, Refusal};
pub use request::{PinnedImage, UpgradeRequest};
pub use rollout::fleet;
pub use show::Before;
pub use start::{Started, start};
pub use watch::{Finished, watch};

/// Said of a cluster that took a release on trust.
const UNVERIFIED: &str = "the cluster has not verified the signature of the release";

/// What became of the upgrade of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeState {
    /// It was not asked: the release is the one it has, or is on its way to.
    AlreadyThere,
    /// It was asked for, and not waited for.
    Requested,
    /// It would be asked for (`--dry-run`).
    WouldRequest,
    /// It has the release now, nodes included.
    Upgraded,
    /// It was not asked for: the cluster is not fit, or the release not right for it.
    Refused,
    /// Its turn never came, or was cut short.
    Stopped,
    /// It could not be asked for, or the cluster does not get there.
    Failed,
}

/// The upgrade of a cluster, when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterUpgrade {
    /// What became of it.
    pub state: UpgradeState,
    /// How the cluster was before, unless it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// The version it is at now, if it was watched to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it was refused or has failed, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to look at, though nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl ClusterUpgrade {
    /// Whether the next wave may begin.
    pub fn is_right(&self) -> bool {
        use UpgradeState::{Failed, Refused, Stopped};
        !matches!(self.state, Refused | Failed | Stopped)
    }
}

/// The exit code that many clusters come to.
pub fn exit<'u>(upgrades: impl IntoIterator<Item = &'u ClusterUpgrade>) -> Exit {
    let (right, wrong): (Vec<_>, Vec<_>) =
        upgrades.into_iter().partition(|upgrade| upgrade.is_right());
    match (right.len(), wrong.len()) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::AllClusters,
        _ => Exit::SomeClusters,
    }
}

/// What is told while a cluster is upgraded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was looked at, and nothing is changed yet.
    Before(Before),
    /// It was asked for the release, or would have been.
    Asked {
        /// The guards that were passed.
        warnings: Vec<String>,
    },
    /// Something has changed.
    Progress(Progress),
}

/// Upgrades one cluster, if it is the one whose `spec.clusterID` was expected; with limits, until it is done.
pub async fn one(
    session: &Session,
    request: &UpgradeRequest,
    expected: Option<&str>,
    wait: Option<&Limits>,
    tell: &(dyn Fn(Event) + Send + Sync),
) -> ClusterUpgrade {
    let mut upgrade = ClusterUpgrade {
        state: UpgradeState::Failed,
        before: None,
        version: None,
        reason: None,
        warnings: Vec::new(),
    };
    if let Err(error) = tried(session, request, expected, wait, tell, &mut upgrade).await {
        upgrade.reason = Some(error.to_string());
        upgrade.state = match error {
            UpgradeError::Identity { .. } | UpgradeError::Refused(_) => UpgradeState::Refused,
            _ => UpgradeState::Failed,
        };
    }
    upgrade
}

async fn tried(
    session: &Session,
    request: &UpgradeRequest,
    expected: Option<&str>,
    wait: Option<&Limits>,
    tell: &(dyn Fn(Event) + Send + Sync),
    upgrade: &mut ClusterUpgrade,
) -> Result<(), UpgradeError> {
    let looked = |before: &Before| {
        upgrade.before = Some(before.clone());
        tell(Event::Before(before.clone()));
    };
    let started = start(session, request, expected, looked).await?;
    upgrade.state = match started {
        Started::AlreadyThere => UpgradeState::AlreadyThere,
        Started::Requested { warnings } => {
            tell(Event::Asked {
                warnings: warnings.clone(),
            });
            upgrade.warnings.extend(warnings);
            if request.dry_run {
                UpgradeState::WouldRequest
            } else {
                UpgradeState::Requested
            }
        }
    };
    let Some(limits) = wait.filter(|_| !request.dry_run) else {
        return Ok(());
    };
    let finished = watch(
        session,
        &request.image,
        &|progress| tell(Event::Progress(progress)),
        limits,
    )
    .await?;
    if upgrade.state == UpgradeState::Requested {
        upgrade.state = UpgradeState::Upgraded;
        if !finished.verified {
            upgrade.warnings.push(UNVERIFIED.to_owned());
        }
    }
    upgrade.version = finished.version;
    upgrade.warnings.extend(finished.warnings);
    Ok(())
}
