/*! Looks at a cluster, says how it is, and asks it for the release. */

use std::time::Duration;

use super::{
    UpgradeError,
    patch::{Decision, patch},
    request::UpgradeRequest,
    requests::{CLUSTER_VERSION, Unanswered, get, merge_patch},
    show::Before,
};
use crate::apply::{FIELD_MANAGER, status::text};

/// The pauses before a request that failed is made again: to read changes nothing, and to patch twice is to patch once.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

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
    client: &kube::Client,
    request: &UpgradeRequest,
    expected: Option<&str>,
    timeout: Duration,
    looked: impl FnOnce(&Before),
) -> Result<Started, UpgradeError> {
    let cluster_version = again(|| get(client, CLUSTER_VERSION, timeout)).await;
    let cluster_version = cluster_version.map_err(|error| match error.code() {
        Some(404) => UpgradeError::NotOpenShift,
        _ => failed("read", &error),
    })?;
    let before = Before::new(&cluster_version, request);
    looked(&before);
    let found = text(&cluster_version, "/spec/clusterID");
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
    let patched = again(|| merge_patch(client, &path, &patch, timeout)).await;
    patched.map_err(|error| failed("patch", &error))?;
    Ok(Started::Requested { warnings })
}

fn failed(what: &'static str, error: &Unanswered) -> UpgradeError {
    UpgradeError::Api {
        what,
        said: error.to_string(),
    }
}

/// Makes a request again where that may help.
async fn again<T, F>(mut request: impl FnMut() -> F) -> Result<T, Unanswered>
where
    F: Future<Output = Result<T, Unanswered>>,
{
    for pause in PAUSES {
        match request().await {
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
    }
    request().await
}
