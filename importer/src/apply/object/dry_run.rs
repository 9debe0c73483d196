/*! What a dry run shows of one object, as a value. */

use super::immutable::Doomed;

/// What would come of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRunResult {
    /// It is not there yet.
    Create,
    /// It is there and differs, or was never applied by this tool.
    Configure {
        /// `metadata.resourceVersion` of what is there; empty where that may not be read.
        resource_version: String,
    },
    /// It is there, differs in what cannot be changed, and may be deleted and created anew.
    Recreate(Doomed),
    /// It is right already.
    Unchanged {
        /// `metadata.resourceVersion` of what is there: as long as that stays, so does this answer.
        resource_version: String,
    },
    /// Others hold fields of it.
    Conflict {
        /// Who, and which.
        reason: String,
    },
    /// The server does not take it: forbidden, invalid, or not to be asked.
    Refused {
        /// The server's words.
        reason: String,
    },
    /// The server could not be asked about it; others may do better.
    Unanswered {
        /// Why.
        reason: String,
    },
    /// What it needs comes with the same bundle, so that it could not be tried.
    Waits {
        /// For what.
        reason: String,
    },
    /// Its namespace or its kind is not there, and does not come with the bundle.
    Impossible {
        /// What is missing.
        reason: String,
    },
    /// It is there, and on its way out.
    Deleting {
        /// Since when, and what holds it.
        reason: String,
    },
    /// A webhook on the cluster takes no dry runs: it can only be applied without one.
    Untried {
        /// The server's words.
        reason: String,
        /// `metadata.resourceVersion` of what is there, if anything is.
        resource_version: Option<String>,
    },
}

impl DryRunResult {
    /// Why it would not become as it should be; nothing of what only waits.
    pub fn objection(&self) -> Option<&str> {
        match self {
            Self::Create
            | Self::Configure { .. }
            | Self::Recreate(_)
            | Self::Unchanged { .. }
            | Self::Waits { .. }
            | Self::Untried { .. } => None,
            Self::Conflict { reason }
            | Self::Refused { reason }
            | Self::Unanswered { reason }
            | Self::Impossible { reason }
            | Self::Deleting { reason } => Some(reason),
        }
    }

    /// Whether it can be sent as it is, since nothing stands in its way and it is not right already.
    pub fn is_to_send(&self) -> bool {
        matches!(
            self,
            Self::Create | Self::Configure { .. } | Self::Untried { .. }
        )
    }

    /// `metadata.resourceVersion` of what is there, where that is known.
    pub fn resource_version(&self) -> Option<&str> {
        match self {
            Self::Configure { resource_version } | Self::Unchanged { resource_version } => {
                Some(resource_version)
            }
            Self::Untried {
                resource_version, ..
            } => resource_version.as_deref(),
            _ => None,
        }
    }

    /// Whether the cluster will have changed by it.
    pub fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Configure { .. }
                | Self::Recreate(_)
                | Self::Waits { .. }
                | Self::Untried { .. }
        )
    }
}
