/*!
Hundreds of clusters behind one address, for numbers and faults that real API servers are too heavy for.

Each lies below a path of its own (`https://127.0.0.1:PORT/c/7`). They share their faults and their log; the package
`tests` has real clusters too, which stay the judge.

```no_run
# fn main() -> anyhow::Result<()> {
use std::time::Duration;
use fakes::{Action, FakeFleet, Fault, Faults};

let faults = Faults::default()
    .latency(Duration::from_millis(20))
    .with(Fault::of(Action::status(500)).share(0.01))
    .with(Fault::of(Action::hang()).clusters([7]));
let fleet = FakeFleet::start(200, faults)?;
let file = std::env::temp_dir().join("kubeconfig");
fleet.kubeconfig(&file)?;
assert_eq!(fleet.summary().writes, 0);
# Ok(())
# }
```
*/

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::FakeCluster;
use crate::{
    certificates::{Authority, Tls},
    faults::{Faults, Script},
    kubeconfig::{Access, Credential, Kubeconfig},
    log::{Log, LoggedRequest, Summary},
    message::Body,
    server::{Server, listen},
    tls,
};

/// The one token that is taken.
const TOKEN: &str = "token-of-the-fleet";

/// Running clusters; ended when dropped.
#[derive(Debug)]
pub struct FakeFleet {
    addr: SocketAddr,
    authority: Option<Authority>,
    /// Takes connections, by the kernel's hand, and never says a word.
    silent: TcpListener,
    clusters: Arc<[FakeCluster]>,
    faults: Arc<Script>,
    log: Arc<Log>,
    _server: Server,
}

impl FakeFleet {
    /// Starts so many clusters behind one port with TLS.
    pub fn start(count: usize, faults: Faults) -> Result<Self> {
        Self::with(count, faults, Some(Authority::new()?))
    }

    /// The same without TLS.
    pub fn plain(count: usize, faults: Faults) -> Result<Self> {
        Self::with(count, faults, None)
    }

    fn with(count: usize, faults: Faults, authority: Option<Authority>) -> Result<Self> {
        let identity = authority.as_ref().map(Authority::server).transpose()?;
        let tls = identity.map(|identity| Tls {
            identity,
            client_authority: None,
        });
        let acceptor = tls.as_ref().map(tls::acceptor).transpose()?;
        let (listener, silent) = (listen(false)?, listen(false)?);
        let addr = listener.local_addr()?;
        let (faults, log) = (Arc::new(Script::new(faults)), Arc::<Log>::default());
        let cluster = |number| {
            let (faults, log) = (faults.clone(), log.clone());
            FakeCluster::of(number, Some(TOKEN.to_owned()), false, faults, log)
        };
        let clusters: Arc<[FakeCluster]> = (0..count).map(cluster).collect();
        let server = Server::new()?;
        let served = clusters.clone();
        server.serve(listener, acceptor, log.clone(), move |request| {
            let clusters = served.clone();
            async move { route(&clusters, request).await }
        })?;
        Ok(Self {
            addr,
            authority,
            silent,
            clusters,
            faults,
            log,
            _server: server,
        })
    }

    /// How many clusters there are.
    pub fn count(&self) -> usize {
        self.clusters.len()
    }

    /// One of them.
    pub fn cluster(&self, number: usize) -> Option<&FakeCluster> {
        self.clusters.get(number)
    }

    /// A new CustomResourceDefinition is established after so many requests to its cluster, and served after as many more.
    pub fn establish_after(&self, requests: u32) {
        self.clusters
            .iter()
            .for_each(|cluster| cluster.establish_after(requests));
    }

    /// The address of a cluster, as kubeconfig files have it.
    pub fn url(&self, cluster: usize) -> String {
        self.url_at(self.addr, cluster)
    }

    fn url_at(&self, addr: SocketAddr, cluster: usize) -> String {
        let scheme = self.authority.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{addr}/c/{cluster}")
    }

    /// A cluster as its context `c0`, `c1`, … reaches it.
    pub fn access(&self, cluster: usize) -> Access {
        Access {
            context: format!("c{cluster}"),
            server: self.url(cluster),
            authority: self
                .authority
                .as_ref()
                .map(|authority| authority.pem().to_owned())
                .unwrap_or_default(),
            credential: Credential::Token(TOKEN.to_owned()),
            more: Map::new(),
        }
    }

    /// The same at an address where connections are taken and nothing is ever said, not even TLS.
    pub fn silent(&self, cluster: usize) -> Result<Access> {
        let server = self.url_at(self.silent.local_addr()?, cluster);
        Ok(Access {
            server,
            ..self.access(cluster)
        })
    }

    /// Writes a kubeconfig with the contexts `c0`, `c1`, …, none of them current.
    pub fn kubeconfig(&self, path: &Path) -> Result<()> {
        let all: Kubeconfig = (0..self.count())
            .map(|cluster| self.access(cluster))
            .collect();
        all.write(path)?;
        Ok(())
    }

    /// Writes a CLUSTERS.yaml over such a kubeconfig: each cluster with the label `part`, which is its number modulo `parts`.
    /// `more` is what else the file says, `waves` for example.
    pub fn clusters_yaml(
        &self,
        path: &Path,
        kubeconfig: &Path,
        parts: usize,
        more: Value,
    ) -> Result<()> {
        let clusters = (0..self.count()).map(|cluster| {
            let name = format!("c{cluster}");
            let part = (cluster % parts.max(1)).to_string();
            json!({"name": name, "kubeconfig": kubeconfig, "context": name, "labels": {"part": part}})
        });
        let mut file = json!({"clusters": clusters.collect::<Value>()});
        if let (Some(file), Value::Object(more)) = (file.as_object_mut(), more) {
            file.extend(more);
        }
        // JSON is YAML.
        fs::write(path, format!("{file:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Replaces all faults; what hangs hangs on.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.set(faults);
    }

    /// What lies in a cluster at a path such as `/api/v1/namespaces/NAMESPACE/configmaps/NAME`, unseen by the log.
    pub fn get(&self, cluster: usize, path: &str) -> Option<Value> {
        self.clusters.get(cluster)?.get(path)
    }

    /// The requests so far in order of arrival, the first half million of them.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.log.all()
    }

    /// The numbers of all requests since the start or the last [`forget`](Self::forget).
    pub fn summary(&self) -> Summary {
        self.log.summary()
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.log.forget();
    }

    /// Blocks until nobody is connected. What a program has asked for may be done after it was killed.
    pub fn wait_until_deserted(&self) -> Result<()> {
        self.log.wait(|state| state.is_deserted())
    }

    /// Blocks until the numbers are as a test wants them.
    pub fn wait_for(&self, condition: impl Fn(&Summary) -> bool) -> Result<()> {
        self.log.wait(|state| condition(&state.summary))
    }
}

/// `/c/7/api/v1` is `/api/v1` of the seventh.
async fn route<B>(
    clusters: &[FakeCluster],
    mut request: http::Request<B>,
) -> io::Result<http::Response<Body>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some((cluster, uri)) = below(clusters, request.uri()) else {
        let mut nobody = http::Response::new(BodyExt::boxed_unsync(
            http_body_util::Empty::new().map_err(|never| match never {}),
        ));
        *nobody.status_mut() = StatusCode::NOT_FOUND;
        return Ok(nobody);
    };
    *request.uri_mut() = uri;
    cluster.call(request).await
}

fn below<'a>(clusters: &'a [FakeCluster], uri: &Uri) -> Option<(&'a FakeCluster, Uri)> {
    let rest = uri.path_and_query()?.as_str().strip_prefix("/c/")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    let cluster = clusters.get(number.parse::<usize>().ok()?)?;
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Some((cluster, format!("{slash}{rest}").parse().ok()?))
}
