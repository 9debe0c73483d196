/*!
Hundreds of clusters in one process: a stand-in for API servers, for numbers and faults that real ones are too heavy for.

Each cluster lies below a path of its own (`https://127.0.0.1:PORT/c/7`), with its own objects, and looks like OpenShift
from afar. It takes what an importer sends: discovery, reviews of access, server-side apply with owners of fields and
conflicts, merge patches. What it answers is held against a real one in its tests; [`crate::cluster`] stays the judge.

```no_run
# fn main() -> anyhow::Result<()> {
use std::time::Duration;
use tests::standin::{Action, Fault, Faults, Standin};

let faults = Faults::default()
    .latency(Duration::from_millis(20))
    .with(Fault::of(Action::Status(500)).share(0.01))
    .with(Fault::of(Action::Hang).clusters([7]));
let standin = Standin::start(200, faults)?;
let file = std::env::temp_dir().join("kubeconfig");
standin.kubeconfig(&file)?;
assert_eq!(standin.summary().writes, 0);
# Ok(())
# }
```
*/

mod api;
mod apply;
mod faults;
mod fields;
mod kinds;
mod log;
mod message;
mod serve;
mod store;
#[cfg(test)]
mod tests;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::{
    certificates::Authority,
    cluster::{Access, Credential, Kubeconfig},
    registry::{Tls, acceptor},
};

pub use faults::{Action, Fault, Faults};
pub use log::{Logged, Span, Summary};

use serve::Shared;
use store::Cluster;

/// How long [`Standin::wait_for`] waits before it calls the test failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The one token that is taken.
const TOKEN: &str = "token-of-the-stand-in";

/// Running stand-ins; ended when dropped.
#[derive(Debug)]
pub struct Standin {
    addr: SocketAddr,
    authority: Option<Authority>,
    /// Takes connections, by the kernel's hand, and never says a word.
    silent: TcpListener,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Standin {
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
        let acceptor = tls.as_ref().map(acceptor).transpose()?;
        let (listener, silent) = (listen()?, listen()?);
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new((0..count).map(Cluster::new).collect(), faults));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(serve::accept(listener, acceptor, shared.clone()));
        Ok(Self {
            addr,
            authority,
            silent,
            shared,
            runtime: Some(runtime),
        })
    }

    /// How many clusters there are.
    pub fn count(&self) -> usize {
        self.shared.clusters.len()
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
        self.shared.set_faults(faults);
    }

    /// What lies in a cluster at a path such as `/api/v1/namespaces/NAMESPACE/configmaps/NAME`, unseen by the log.
    pub fn get(&self, cluster: usize, path: &str) -> Option<Value> {
        let cluster = self.shared.clusters.get(cluster)?;
        cluster.peek(path)
    }

    /// The requests so far in order of arrival, the first half million of them.
    pub fn requests(&self) -> Vec<Logged> {
        self.shared.log.all()
    }

    /// The numbers of all requests since the start or the last [`forget`](Self::forget).
    pub fn summary(&self) -> Summary {
        self.shared.log.summary()
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.shared.log.forget();
    }

    /// Blocks until the numbers are as a test wants them.
    pub fn wait_for(&self, condition: impl Fn(&Summary) -> bool) -> Result<()> {
        self.shared.log.wait(PATIENCE, condition)
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        // What hangs must not hold the end up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
