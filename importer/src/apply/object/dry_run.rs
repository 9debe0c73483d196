/*! What a dry run says of one object, as a value. */

/// What would come of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRunResult {
    /// It is not there yet.
    Create,
    /// It is there and differs, or was never applied by this tool.
    Configure,
    /// It is right already.
    Unchanged,
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
    /// Its namespace or its kind comes with the same bundle, so that it could not be tried.
    Waits {
        /// For what.
        reason: String,
    },
    /// Its namespace or its kind is not there, and does not come with the bundle.
    Impossible {
        /// What is missing.
        reason: String,
    },
}

impl DryRunResult {
    /// Why it would not become as it should be; nothing to say of what only waits.
    pub fn objection(&self) -> Option<&str> {
        match self {
            Self::Create | Self::Configure | Self::Unchanged | Self::Waits { .. } => None,
            Self::Conflict { reason } | Self::Refused { reason } | Self::Impossible { reason } => {
                Some(reason)
            }
        }
    }
}
