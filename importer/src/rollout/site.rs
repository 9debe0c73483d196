/*! Who a cluster is: found out by the look at it, and reported with what became of it. */

use cluster::ClusterId;

/// Who a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The address of its API server.
    pub server: String,
    /// `spec.clusterID` of its ClusterVersion, if it has one.
    pub cluster_id: Option<ClusterId>,
    /// The OpenShift version that it completed last, or is on its way to when it never completed one.
    pub version: Option<String>,
    /// What to look at before it is changed.
    pub warnings: Vec<String>,
}

impl Site {
    /// What tells it from other clusters: its id, else its address.
    pub fn key(&self) -> String {
        match &self.cluster_id {
            Some(id) => format!("clusterID {id}"),
            None => self.server.clone(),
        }
    }
}
