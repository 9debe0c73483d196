/*! What became of each cluster, as values: for the table, for JSON, and for the next run. */

use cluster::{Cluster, ClusterId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::site::Site;

/// Where a cluster got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it should be.
    Done,
    /// It is not, or it failed in between.
    Failed,
    /// It was not begun, or was stopped before its end.
    Stopped,
    /// It could not be reached, or is not the one it should be; it was not touched.
    Unreachable,
}

impl State {
    /// In reports for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A cluster, when all is over; `D` is what there is to report of the work itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ClusterOutcome<D> {
    /// Its name: from CLUSTERS.yaml, or its context.
    pub cluster: String,
    /// The number of the wave it is in, from 1.
    #[serde(default)]
    pub wave: usize,
    /// The address of its API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `spec.clusterID` of its ClusterVersion, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<String>"))]
    pub cluster_id: Option<ClusterId>,
    /// The OpenShift version that it had when it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<String>,
    /// When its turn began (RFC 3339), and how long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub began: Option<Timestamp>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Where it got to.
    pub state: State,
    /// Why it is not done, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to look at, though nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The work itself.
    #[serde(flatten)]
    pub detail: D,
}

impl<D: Default> ClusterOutcome<D> {
    /// A cluster of which nothing is known but where it got to.
    pub fn new(cluster: &Cluster, state: State, reason: impl Into<Option<String>>) -> Self {
        Self {
            cluster: cluster.name.clone(),
            wave: 0,
            server: None,
            cluster_id: None,
            cluster_version: None,
            began: None,
            seconds: None,
            state,
            reason: reason.into(),
            warnings: Vec::new(),
            detail: D::default(),
        }
    }

    /// A cluster that was looked at: who it is, and where it got to.
    pub fn at(
        cluster: &Cluster,
        site: &Site,
        state: State,
        reason: impl Into<Option<String>>,
    ) -> Self {
        Self {
            server: Some(site.server.clone()),
            cluster_id: site.cluster_id.clone(),
            cluster_version: site.version.clone(),
            ..Self::new(cluster, state, reason)
        }
    }
}

impl<D> ClusterOutcome<D> {
    /// Whether nothing is left to do on it.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }
}
