/*! Looks at a cluster, says how it is, and asks it for the release. */

use std::time::Duration;

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::Value;

use super::{
    UpgradeError,
    patch::{Decision, patch},
    request::UpgradeRequest,
    show::Before,
    status::one_line,
};
use crate::apply::FIELD_MANAGER;

/// The name of the one ClusterVersion there is.
const VERSION: &str = "version";

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
    client: &kube::Client,
    request: &UpgradeRequest,
    timeout: Duration,
    looked: impl FnOnce(&Before),
) -> Result<Started, UpgradeError> {
    let api = cluster_versions(client);
    let cluster_version = bounded(timeout, api.get(VERSION)).await.map_err(|error| {
        if error.code() == Some(404) {
            UpgradeError::NotOpenShift
        } else {
            UpgradeError::Api {
                what: "read",
                said: error.to_string(),
            }
        }
    })?;
    let cluster_version = value(cluster_version);
    looked(&Before::new(&cluster_version, request));
    let (patch, warnings) = match patch(&cluster_version, request)? {
        Decision::AlreadyThere => return Ok(Started::AlreadyThere),
        Decision::Patch { patch, warnings } => (patch, warnings),
    };
    let params = PatchParams {
        dry_run: request.dry_run,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = bounded(timeout, api.patch(VERSION, &params, &Patch::Merge(&patch))).await;
    patched.map_err(|error| UpgradeError::Api {
        what: "patch",
        said: error.to_string(),
    })?;
    Ok(Started::Requested { warnings })
}

/// ClusterVersions, of which there is one, named `version`.
pub(super) fn cluster_versions(client: &kube::Client) -> Api<DynamicObject> {
    Api::all_with(
        client.clone(),
        &resource("config.openshift.io", "ClusterVersion", "clusterversions"),
    )
}

/// A resource of version v1.
pub(super) fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: format!("{group}/v1"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// The object as one value, its metadata left out.
pub(super) fn value(object: DynamicObject) -> Value {
    object.data
}

/// A request that is over after `timeout`.
pub(super) async fn bounded<T>(
    timeout: Duration,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Unanswered> {
    match tokio::time::timeout(timeout, request).await {
        Ok(answer) => answer.map_err(Unanswered::from),
        Err(_) => Err(Unanswered::Late(timeout)),
    }
}

/// A request that did not bring what it was for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The server refused it.
    #[error("{said} (HTTP {code})")]
    Status { code: u16, said: String },
    /// The server was not reached, or not understood.
    #[error("{0}")]
    Broken(String),
    /// The server let us wait.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

impl Unanswered {
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl From<kube::Error> for Unanswered {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Status {
                code: status.code,
                said: one_line(&status.message),
            },
            other => Self::Broken(chain(&other)),
        }
    }
}

/// An error and its causes, what was said not said again.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = next.source();
    }
    one_line(&said)
}
