/*! Why a cluster cannot be asked: whose fault it is, what to do, and whether a retry can help. */

use crate::named::ClusterId;

/// Why a cluster cannot be asked. It has not been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The kubeconfig, or a file it names. The user's to mend.
    #[error("{0}")]
    Kubeconfig(String),
    /// The exec plugin of the kubeconfig gave no credentials. The user's to mend.
    #[error("the credential plugin {command} {detail}")]
    Plugin {
        /// The program, without its arguments.
        command: String,
        /// What happened and what to do.
        detail: String,
    },
    /// The two sides do not trust each other. The user's to mend.
    #[error("no trusted connection to {server}: {detail}")]
    Tls {
        /// The address.
        server: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// 401, also with renewed credentials. The user's to mend.
    #[error(
        "{server} does not accept the credentials of context {context:?}{detail}; log in again, or renew the token or certificate in the kubeconfig"
    )]
    Unauthorized {
        /// The address.
        server: String,
        /// The context.
        context: String,
        /// The server's words, empty or opening with `: `.
        detail: String,
    },
    /// Nobody answers there. The network's, or the cluster's.
    #[error("cannot reach {server}: {detail}")]
    Unreachable {
        /// The address.
        server: String,
        /// What is wrong and what to do.
        detail: String,
        /// Whether it may pass by itself.
        transient: bool,
    },
    /// The connection broke before an answer came. It may pass.
    #[error("the connection to {server} was cut ({detail}); check the network and run again")]
    Cut {
        /// The address.
        server: String,
        /// The transport's words.
        detail: String,
    },
    /// The answer took too long.
    #[error(
        "{server} gave no answer within {seconds} s; check the cluster's health, or allow more time"
    )]
    Silent {
        /// The address.
        server: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It answers, but not as an API server does.
    #[error("{server} does not answer as a Kubernetes API server: {detail}")]
    Protocol {
        /// The address.
        server: String,
        /// What was expected and found.
        detail: String,
    },
    /// It takes no apply patches, as all that is applied is sent.
    #[error("{server} takes no server-side apply, which needs Kubernetes 1.16 or newer: {found}")]
    NoServerSideApply {
        /// The address.
        server: String,
        /// What was found, and what to do.
        found: String,
    },
    /// A fault of this program; other clusters are not touched by it.
    #[error("this program has a fault there ({0}); please report it")]
    Fault(String),
    /// The kubeconfig was changed on the way. The user's to check.
    #[error(
        "the kubeconfig leads to {now} now, and led to {server} when the cluster was looked at; check it, and run again"
    )]
    Moved {
        /// The address that was looked at.
        server: String,
        /// The address by now.
        now: String,
    },
    /// It is another cluster than it should be. The user's to check.
    #[error(
        "{server} is not the cluster that was meant: expected clusterID {expected}, {found}; check the context, or the clusterID in the list of clusters"
    )]
    Identity {
        /// The address.
        server: String,
        /// `clusterID` of the list of clusters, or what it was before.
        expected: ClusterId,
        /// What was found in its place.
        found: String,
    },
}

impl ClusterError {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Cut { .. } => true,
            Self::Unreachable { transient, .. } => *transient,
            _ => false,
        }
    }

    /// Whether it is about one request alone, so that another may do better.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Cut { .. } | Self::Silent { .. } | Self::Protocol { .. }
        )
    }
}
