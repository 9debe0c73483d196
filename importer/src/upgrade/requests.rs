/*! Requests to the API server of a cluster: each has its time, and a failed one says why in a few words. */

use std::time::Duration;

use kube::{
    Api,
    api::{ApiResource, DynamicObject},
};

use super::status::one_line;

/// The name of the one ClusterVersion there is.
pub const VERSION: &str = "version";

/// ClusterVersions, of which there is one, named [`VERSION`].
pub fn cluster_versions(client: &kube::Client) -> Api<DynamicObject> {
    of(
        client,
        "config.openshift.io",
        "ClusterVersion",
        "clusterversions",
    )
}

/// The pools that nodes are updated in.
pub fn machine_config_pools(client: &kube::Client) -> Api<DynamicObject> {
    of(
        client,
        "machineconfiguration.openshift.io",
        "MachineConfigPool",
        "machineconfigpools",
    )
}

fn of(client: &kube::Client, group: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: format!("{group}/v1"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    Api::all_with(client.clone(), &resource)
}

/// A request that is over after `timeout`.
pub async fn bounded<T>(
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
pub enum Unanswered {
    /// The server was not reached, or not understood.
    #[error("{0}")]
    Broken(String),
    /// The server let us wait.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The server refused it.
    #[error("{said} (HTTP {code})")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        said: String,
    },
}

impl Unanswered {
    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Broken(_) | Self::Late(_) => None,
        }
    }

    /// Whether the same request may soon do better.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            // It has cost its time already.
            Self::Late(_) => false,
            Self::Status { code, .. } => *code == 429 || *code >= 500,
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
