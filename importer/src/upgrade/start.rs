/*! Looks at a cluster, says how it is, and asks it for the release. */

use cluster::{CLUSTER_VERSION, Call, Session};

use super::{
    UpgradeError,
    patch::{Decision, patch},
    request::UpgradeRequest,
    requests::{Unanswered, ask},
    show::Before,
};
use crate::apply::{FIELD_MANAGER, status::text};

/// What there was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// Nothing: the release is the one the cluster has, or is on its way to.
    AlreadyThere,
    /// The cluster was asked; with a dry run, it would have been.
    Requested {
        /// The guards that were passed because the flags say so.
        warnings: Vec<String>,
    },
}

/// Asks one cluster for the release, unless its `spec.clusterID` is not the `expected` one. `looked` hears how it is before
/// anything is changed; `timeout` is for each request.
pub async fn start(
    session: &Session,
    request: &UpgradeRequest,
    expected: Option<&str>,
    looked: impl FnOnce(&Before),
) -> Result<Started, UpgradeError> {
    let cluster_version = ask(session, Call::get(CLUSTER_VERSION.to_owned())).await;
    let cluster_version = cluster_version.map_err(|error| match error.status() {
        Some(404) => UpgradeError::NotOpenShift,
        _ => failed("read", &error),
    })?;
    let before = Before::new(&cluster_version, request);
    looked(&before);
    let found = text(&cluster_version, "/spec/clusterID");
    session.identified(Some(found).filter(|found| !found.is_empty()));
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(UpgradeError::Identity {
            expected: expected.to_owned(),
            found: before.cluster_id.unwrap_or_else(|| "none".to_owned()),
        });
    }
    let (patch, warnings) = match patch(&cluster_version, request)? {
        Decision::AlreadyThere => return Ok(Started::AlreadyThere),
        Decision::Patch { patch, warnings } => (patch, warnings),
    };
    let dry_run = if request.dry_run { "&dryRun=All" } else { "" };
    let path = format!("{CLUSTER_VERSION}?fieldManager={FIELD_MANAGER}{dry_run}");
    let patched = ask(session, Call::merge(path, &patch)).await;
    patched.map_err(|error| failed("patch", &error))?;
    Ok(Started::Requested { warnings })
}

fn failed(what: &'static str, error: &Unanswered) -> UpgradeError {
    UpgradeError::Api {
        what,
        said: error.to_string(),
    }
}
