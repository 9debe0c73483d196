/*!
A client for one cluster, as its kubeconfig says, and why there is none.

Nothing is asked of the cluster here. A kubeconfig's current context never counts: only the context that was named.
*/

use kube::{Client, Config};

use super::{Rules, cluster::Cluster, kubeconfig, transport};

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client; it keeps connections open for as long as any clone of it lives.
    pub client: Client,
    /// The address of the API server, `https://host:port` and a path if it has one, without credentials.
    pub server: String,
    config: Option<Config>,
}

/// Sets up a client for a cluster; an exec plugin is run for it, unattended.
pub async fn connect(cluster: &Cluster, rules: &Rules) -> Result<Connection, ConnectError> {
    let mut config = kubeconfig::resolve(cluster, rules).await?;
    config.connect_timeout = Some(rules.request_timeout.mul_f32(0.75));
    config.read_timeout = Some(rules.request_timeout);
    config.reset_reader_on_write = true;
    config.write_timeout = Some(rules.request_timeout);
    config.default_retry = false;
    let server = address(&config);
    Ok(Connection {
        client: client(&config, &server)?,
        server,
        config: Some(config),
    })
}

impl Connection {
    /// A client that is made already, whose login cannot be renewed.
    #[cfg(test)]
    pub(super) fn of(client: Client, server: &str) -> Self {
        Self {
            client,
            server: server.to_owned(),
            config: None,
        }
    }

    /// The same way without the sockets that were opened on it: hundreds of clusters may wait for their turn.
    pub(super) fn at_rest(&self) -> Result<Self, ConnectError> {
        let client = match &self.config {
            Some(config) => client(config, &self.server)?,
            None => self.client.clone(),
        };
        Ok(Self {
            client,
            server: self.server.clone(),
            config: self.config.clone(),
        })
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Connection");
        shown.field("server", &self.server).finish_non_exhaustive()
    }
}

fn client(config: &Config, server: &str) -> Result<Client, ConnectError> {
    Client::try_from(config.clone()).map_err(|error| transport::sort(&error, server))
}

/// Scheme, host, port, and the path where several clusters share a host: a user name or a token in the address is not for
/// other eyes.
fn address(config: &Config) -> String {
    let url = &config.cluster_url;
    let scheme = url.scheme_str().unwrap_or("http");
    let standard = if scheme == "https" { 443 } else { 80 };
    let port = url.port_u16().unwrap_or(standard);
    let host = url.host().unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{scheme}://{host}:{port}{path}")
}

/// Why a cluster cannot be asked. It has not been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
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
        /// What the server said, empty or opening with `: `.
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
        /// What the transport said.
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
        /// `clusterID` of the list of clusters.
        expected: String,
        /// What was found in its place.
        found: String,
    },
}

impl ConnectError {
    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Cut { .. } => true,
            Self::Unreachable { transient, .. } => *transient,
            _ => false,
        }
    }

    /// Whether it is about one request alone, so that another may do better.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Cut { .. } | Self::Silent { .. } | Self::Protocol { .. }
        )
    }
}
