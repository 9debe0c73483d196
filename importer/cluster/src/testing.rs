/*! For tests: a cluster whose API server is a function in the same process. */

use std::{collections::BTreeMap, error::Error, time::Duration};

use http::{Request, Response};
pub use kube::client::Body;
use tower::Service;

use crate::{Cluster, Connection, Session};

/// A connection to a service, whose login cannot be renewed.
pub fn connection<S, B>(service: S, server: &str) -> Connection
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Connection::of(kube::Client::new(service, "default"), server)
}

/// A session of [`cluster`] over a connection.
pub fn session(connection: &Connection, request_timeout: Duration) -> Session {
    Session::new(&cluster(), connection, request_timeout)
}

/// A cluster with a kubeconfig that is not there.
pub fn cluster() -> Cluster {
    Cluster {
        name: "east".to_owned(),
        kubeconfig: vec!["/nonexistent/kubeconfig".into()],
        context: "east".to_owned(),
        labels: BTreeMap::new(),
        cluster_id: None,
    }
}
