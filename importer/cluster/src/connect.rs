/*!
A client for one cluster, as its kubeconfig says, and why there is none.

Nothing is asked of the cluster here. A kubeconfig's current context never counts: only the context that was named.
*/

use std::time::Duration;

use kube::{Client, Config};

use crate::{Cluster, ClusterError, login, transport::client};

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client; it keeps connections open for as long as any clone of it lives.
    pub(crate) client: Client,
    /// The address of the API server, `https://host:port` and a path if it has one, without credentials.
    pub server: String,
    config: Option<Config>,
}

/// Sets up a client for a cluster; an exec plugin is run for it, unattended. `request_timeout` is the most time for one request.
pub async fn connect(
    cluster: &Cluster,
    request_timeout: Duration,
) -> Result<Connection, ClusterError> {
    let mut config = login::resolve(cluster, request_timeout).await?;
    config.connect_timeout = Some(request_timeout.mul_f32(0.75));
    let server = address(&config);
    Ok(Connection {
        client: client(&config, &server)?,
        server,
        config: Some(config),
    })
}

impl Connection {
    /// A client that is made already, whose login cannot be renewed.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn of(client: Client, server: &str) -> Self {
        Self {
            client,
            server: server.to_owned(),
            config: None,
        }
    }

    /// The same way without the sockets that were opened on it: hundreds of clusters may wait for their turn.
    pub fn at_rest(&self) -> Result<Self, ClusterError> {
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
