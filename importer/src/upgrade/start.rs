/*! Looks at a cluster and asks it for the release. */

use cluster::{CLUSTER_VERSION, Call, Identity, Session};

use super::{
    UpgradeError,
    patch::{Decision, patch},
    request::UpgradeRequest,
    show::Before,
};
use crate::apply::FIELD_MANAGER;

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

/// Asks one cluster for the release. `looked` hears how it is before anything is changed.
pub async fn start(
    session: &Session,
    request: &UpgradeRequest,
    looked: impl FnOnce(Before),
) -> Result<Started, UpgradeError> {
    let cluster_version = match session.identify().await? {
        Identity::OpenShift(cluster_version) => cluster_version,
        Identity::NotOpenShift => return Err(UpgradeError::NotOpenShift),
        Identity::Forbidden(words) => return Err(UpgradeError::Forbidden(words)),
    };
    looked(Before::new(&cluster_version, request));
    let (patch, warnings) = match patch(&cluster_version, request)? {
        Decision::AlreadyThere => return Ok(Started::AlreadyThere),
        Decision::Patch { patch, warnings } => (patch, warnings),
    };
    let dry_run = if request.dry_run { "&dryRun=All" } else { "" };
    let path = format!("{CLUSTER_VERSION}?fieldManager={FIELD_MANAGER}{dry_run}");
    let patched = session.object(&Call::merge(path, &patch)).await;
    patched.map_err(UpgradeError::Patch)?;
    Ok(Started::Requested { warnings })
}
