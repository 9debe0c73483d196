/*! How much of an object on a cluster is ours, and whose the rest is. */

use std::sync::Arc;

use super::trust::PullSecret;

/// How much of an object is sent, and whose the rest is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Share {
    /// All of it.
    #[default]
    Whole,
    /// Some fields of an object that is the cluster's own. What an earlier run has set there besides stays.
    Fields,
    /// Credentials in a Secret that is the cluster's own, made from what it holds.
    Credentials(Arc<PullSecret>),
}

impl Share {
    /// Whether the object as such is ours: to label, to list, to remove, to wait for.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// What there is to say of it when it is changed.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Whole | Self::Fields => None,
            Self::Credentials(secret) => {
                Some(format!("merged the credentials for {}", secret.hosts()))
            }
        }
    }
}
