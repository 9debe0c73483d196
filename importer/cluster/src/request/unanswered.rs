/*! A call that did not bring what it was for: nobody answered, or the answer is a refusal. */

use crate::{Answer, ClusterError, refusal};

/// A call that did not bring the object that it was for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// The server was not reached, or not understood.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The server refused it.
    #[error("{} (HTTP {})", refusal::words(.0), .0.status)]
    Refused(Answer),
}

impl Unanswered {
    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Cluster(_) => None,
            Self::Refused(answer) => Some(answer.status),
        }
    }
}
