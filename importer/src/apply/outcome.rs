/*! What became of each object on each cluster, as values: for the matrix, for JSON, and for the next run. */

use cli::Exit;
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;

/// What became of an object, in the words of `kubectl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It did not exist.
    Created,
    /// It was another.
    Configured,
    /// It was right already, and nothing was sent.
    Unchanged,
    /// Somebody else holds fields of it, and it was left alone.
    Conflict,
    /// The server refused it, or could not be asked.
    Failed,
    /// Its turn never came, or it waits for what is not there yet.
    Skipped,
}

/// An object on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectOutcome {
    /// The file.
    pub path: String,
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// What became of it.
    pub action: Action,
    /// Why, where that is not plain: the manager that holds fields, the server's words, what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ObjectOutcome {
    /// The outcome of a manifest.
    pub fn of(manifest: &Manifest, action: Action, reason: Option<String>) -> Self {
        Self {
            path: manifest.path.clone(),
            api_version: manifest.api_version.clone(),
            kind: manifest.kind.clone(),
            namespace: manifest.namespace.clone(),
            name: manifest.name.clone(),
            action,
            reason,
        }
    }

    /// Whether it is as it should be.
    pub fn is_right(&self) -> bool {
        matches!(
            self.action,
            Action::Created | Action::Configured | Action::Unchanged
        )
    }
}

/// Where a cluster got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Every object is as it should be.
    Done,
    /// Some object is not, or the cluster failed in between.
    Failed,
    /// It could not be reached, or is not the one it should be; it was not touched.
    Unreachable,
    /// Its wave was not begun, or it was stopped before its turn.
    Stopped,
}

/// A cluster, when all is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterOutcome {
    /// Its name: from CLUSTERS.yaml, or its context.
    pub cluster: String,
    /// The wave it is in, from 0.
    pub wave: usize,
    /// The address of its API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `spec.clusterID` of its ClusterVersion, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Where it got to.
    pub state: State,
    /// Why it is not done, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to look at, though nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How its objects were to change, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<String>,
    /// Every object.
    pub objects: Vec<ObjectOutcome>,
}

/// The exit code that many clusters come to.
pub fn exit(clusters: &[ClusterOutcome]) -> Exit {
    let done = clusters
        .iter()
        .filter(|cluster| cluster.state == State::Done)
        .count();
    match done {
        all if all == clusters.len() => Exit::Done,
        0 => Exit::AllClusters,
        _ => Exit::SomeClusters,
    }
}
