/*! Looks at a cluster, says how it is, and asks it for the release. */

use std::time::Duration;

use kube::api::{Patch, PatchParams};

use super::{
    UpgradeError,
    patch::{Decision, patch},
    request::UpgradeRequest,
    requests::{Unanswered, VERSION, bounded, cluster_versions},
    show::Before,
};
use crate::apply::FIELD_MANAGER;

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

/// Asks one cluster for the release. `looked` hears how it is before anything is changed; `timeout` is for each request.
pub async fn start(
    client: &kube::Client,
    request: &UpgradeRequest,
    timeout: Duration,
    looked: impl FnOnce(&Before),
) -> Result<Started, UpgradeError> {
    let api = cluster_versions(client);
    let cluster_version = again(|| bounded(timeout, api.get(VERSION))).await;
    let cluster_version = cluster_version.map_err(|error| match error.code() {
        Some(404) => UpgradeError::NotOpenShift,
        _ => failed("read", &error),
    })?;
    looked(&Before::new(&cluster_version.data, request));
    let (patch, warnings) = match patch(&cluster_version.data, request)? {
        Decision::AlreadyThere => return Ok(Started::AlreadyThere),
        Decision::Patch { patch, warnings } => (Patch::Merge(patch), warnings),
    };
    let params = PatchParams {
        dry_run: request.dry_run,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = again(|| bounded(timeout, api.patch(VERSION, &params, &patch))).await;
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
