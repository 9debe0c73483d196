/*! A cluster by name: how to reach it, and what is known of it before it is asked. */

use std::{collections::BTreeMap, path::PathBuf};

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
    pub cluster_id: Option<String>,
}
