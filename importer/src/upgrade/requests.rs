/*! What an upgrade asks of a cluster: to read an object or a list, and to patch the ClusterVersion. */

use cluster::{Answer, Call, ClusterError, Session, refusal};
use serde_json::Value;

/// The pools that nodes are updated in.
pub const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";

/// What is wanted of a call: the object that it answers with.
pub async fn ask(session: &Session, call: Call) -> Result<Value, Unanswered> {
    let answer = session.send(&call).await?;
    match answer.is_success() {
        true => Ok(answer.body),
        false => Err(Unanswered::Refused(answer)),
    }
}

/// A call that did not bring what it was for.
#[derive(Debug, thiserror::Error)]
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
