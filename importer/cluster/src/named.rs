/*! A cluster by name: how to reach it, and what is known of it before it is asked. */

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::classify::clean;

/// A cluster to be applied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// From CLUSTERS.yaml, else the context.
    pub name: String,
    /// Kubeconfig files, merged as `KUBECONFIG` lists are; never empty.
    pub kubeconfig: Vec<PathBuf>,
    /// The context in them.
    pub context: String,
    /// From CLUSTERS.yaml.
    pub labels: BTreeMap<String, String>,
    /// `spec.clusterID` that its ClusterVersion must have.
    pub cluster_id: Option<ClusterId>,
}

/// Which OpenShift cluster it is, whatever its address: `spec.clusterID` of its ClusterVersion (`config.openshift.io/v1`).
/// Never empty; a UUID in practice, which nobody checks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(String);

impl ClusterId {
    /// An id as somebody has written it; none if that is blank.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it was written; it may hold what a terminal obeys.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// That of a ClusterVersion.
    pub fn of(cluster_version: &Value) -> Option<Self> {
        Self::new(cluster_version.pointer("/spec/clusterID")?.as_str()?)
    }
}

/// Harmless for a terminal.
impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean(&self.0))
    }
}
