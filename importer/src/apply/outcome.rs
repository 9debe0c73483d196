/*! What became of each object on a cluster, as values: for the table, for JSON, and for the next run. */

use serde::{Deserialize, Serialize};

use super::manifests::Manifest;
use crate::prove_pull::Pulled;

/// What became of an object, in the words of `kubectl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
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
    /// It was not begun, or waits for what is not there yet.
    Skipped,
    /// The bundle no longer has it, and it was removed.
    Pruned,
    /// The bundle no longer has it, and it was left there.
    Kept,
}

/// An object on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
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

impl Action {
    /// In reports for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Conflict => "conflict",
            Self::Created => "created",
            Self::Failed => "failed",
            Self::Kept => "kept",
            Self::Pruned => "pruned",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
        }
    }
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
            Action::Created
                | Action::Configured
                | Action::Unchanged
                | Action::Pruned
                | Action::Kept
        )
    }
}

/// What an apply did to a cluster, or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Applied {
    /// How its objects were to change, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<String>,
    /// Every object.
    #[serde(default)]
    pub objects: Vec<ObjectOutcome>,
    /// What nodes have pulled, or could not, where that was to be proved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<Pulled>,
}
