/*!
Real clusters, as far as their configuration goes: `kube-apiserver` and `etcd`, without nodes or controllers.

What an API server takes, refuses and calls a conflict is best said by one. Each [`Cluster`] has its own authority, users,
audit log and address; all that live at a time share one `etcd`. `tests/kube-apiserver` brings the programs.

```no_run
# fn main() -> anyhow::Result<()> {
use tests::cluster::Cluster;

let clusters = Cluster::fleet(&["east", "west"], |name| Cluster::openshift(name, "4.16.3"))?;
let file = std::env::temp_dir().join("kubeconfig");
Cluster::kubeconfig_of(&clusters.iter().collect::<Vec<_>>()).write(&file)?;
let before = clusters[0].mark()?;
clusters[0].kubectl()?.args(["create", "namespace", "shop"]).run()?.expect_code(0)?;
assert_eq!(clusters[0].writes(before)?.len(), 1);
# Ok(())
# }
```
*/

mod audit;
mod daemon;
mod etcd;
mod openshift;
mod server;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use anyhow::{Context, Result, anyhow, bail};
use reqwest::{Client, Method, StatusCode, header::CONTENT_TYPE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::{block_on, process::Program, real::tool};
use fakes::{
    certificates::{Authority, Identity},
    kubeconfig::{Access, Credential, Kubeconfig},
};

pub use audit::{Mark, Request};

use daemon::Daemon;
use etcd::Etcd;
use server::Port;

/// A running API server; ended, and all it stored gone, when dropped.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    authority: Authority,
    client: Client,
    prefix: String,
    port: Port,
    // In this order: a server ends before its store, and both before its directory goes.
    server: Option<Daemon>,
    etcd: Arc<Etcd>,
    directory: TempDir,
}

impl Cluster {
    /// Of the user `admin`, who may do everything.
    pub const ADMIN_TOKEN: &str = "admin-of-the-harness";
    /// Of the user `plain`, who may do nothing until RBAC says so.
    pub const PLAIN_TOKEN: &str = "plain-of-the-harness";

    /// Starts one and waits until it serves. It knows the kinds of Kubernetes and is empty. The name is that of its context.
    pub fn start(name: &str) -> Result<Self> {
        let authority = Authority::new()?;
        let directory = tempfile::tempdir()?;
        server::prepare(directory.path(), &authority)?;
        let etcd = Etcd::shared()?;
        let mut cluster = Self {
            name: name.to_owned(),
            client: server::client(&authority)?,
            authority,
            prefix: etcd.prefix(),
            port: Port::reserve()?,
            server: None,
            etcd,
            directory,
        };
        cluster.restart()?;
        let file = cluster.file("kubeconfig");
        let admin = Self::kubeconfig_of(&[&cluster]).current(name);
        admin.write(&file)?;
        Ok(cluster)
    }

    /// Starts several at the same time.
    pub fn fleet(names: &[&str], start: impl Fn(&str) -> Result<Self> + Sync) -> Result<Vec<Self>> {
        thread::scope(|scope| {
            let start = &start;
            let starts: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(move || start(name)))
                .collect();
            // All are waited for before the first failure is told.
            let started = starts.into_iter().map(|start| {
                start
                    .join()
                    .map_err(|_| anyhow!("the start of a cluster panicked"))?
            });
            started.collect::<Vec<_>>().into_iter().collect()
        })
    }

    /// One kubeconfig with the administrator's context of each; none is current.
    pub fn kubeconfig_of(clusters: &[&Self]) -> Kubeconfig {
        clusters.iter().map(|cluster| cluster.admin()).collect()
    }

    /// Its name, which is that of its context in every kubeconfig.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `https://127.0.0.1:PORT`, the same as long as it lives.
    pub fn url(&self) -> String {
        format!("https://{}", self.port.addr())
    }

    /// Its process, for measuring; `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Daemon::pid)
    }

    /// Kills the server. Connections are refused from now on; what it stored is kept.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again at the same address, with what it stored.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let server = server::start(
            self.directory.path(),
            self.port.addr(),
            &self.etcd,
            &self.prefix,
            &self.client,
        );
        self.server = Some(server.with_context(|| format!("cluster {}", self.name))?);
        Ok(())
    }

    /// Lets it hang: connections are taken, nothing is answered, until it is thawed or stopped.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on where it was frozen.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("cluster {} is stopped", self.name))?;
        Ok(kill_process(pid, signal)?)
    }

    /// It as the administrator reaches it, by token.
    pub fn admin(&self) -> Access {
        self.access(Credential::Token(Self::ADMIN_TOKEN.to_owned()))
    }

    /// It as the user `plain` reaches it, by token.
    pub fn plain(&self) -> Access {
        self.access(Credential::Token(Self::PLAIN_TOKEN.to_owned()))
    }

    /// It as anyone reaches it.
    pub fn access(&self, credential: Credential) -> Access {
        Access {
            context: self.name.clone(),
            server: self.url(),
            authority: self.authority.pem().to_owned(),
            credential,
            more: Map::new(),
        }
    }

    /// A client certificate for a user, in a group if given (`system:masters` may do everything).
    pub fn certificate(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        self.authority.user(user, group)
    }

    /// The path of a kubeconfig with the administrator's context, which is current.
    pub fn kubeconfig(&self) -> PathBuf {
        self.file("kubeconfig")
    }

    /// A real `kubectl` as the administrator.
    pub fn kubectl(&self) -> Result<Program> {
        Ok(Program::at(&tool("kubectl")?)?.env("KUBECONFIG", self.kubeconfig()))
    }

    /// Applies manifests (YAML) with `kubectl apply --server-side`.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let file = self.file("manifests.yaml");
        fs::write(&file, manifests)?;
        self.apply_path(&file)
    }

    fn apply_path(&self, path: &Path) -> Result<()> {
        let apply = self.kubectl()?.args(["apply", "--server-side", "-f"]);
        apply.args([path]).run()?.expect_code(0)?;
        Ok(())
    }

    /// What lies at a path such as `/api/v1/namespaces/NAMESPACE/configmaps/NAME`, unseen by the audit log; `None` if nothing.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        self.ask(Method::GET, path, None)
    }

    /// Merges a patch into the object at a path (RFC 7386), also unseen; for `…/status`, which `kubectl` cannot reach.
    pub fn merge(&self, path: &str, patch: &Value) -> Result<()> {
        let merged = self.ask(Method::PATCH, path, Some(patch))?;
        merged.with_context(|| format!("cluster {} has no {path}", self.name))?;
        Ok(())
    }

    fn ask(&self, method: Method, path: &str, patch: Option<&Value>) -> Result<Option<Value>> {
        let mut request = self.client.request(method, self.url() + path);
        if let Some(patch) = patch {
            request = request
                .header(CONTENT_TYPE, "application/merge-patch+json")
                .body(patch.to_string());
        }
        block_on(async {
            let answer = request.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            match status {
                StatusCode::NOT_FOUND => Ok(None),
                _ if status.is_success() => Ok(Some(serde_json::from_str(&text)?)),
                _ => bail!("{path}: {status}: {text}"),
            }
        })?
    }

    /// A moment, for [`requests`](Self::requests) and [`writes`](Self::writes).
    pub fn mark(&self) -> Result<Mark> {
        audit::mark(&self.file("audit.log"))
    }

    /// Every request since a moment, but not what the server or the harness asked: `kubectl` counts, `get` and `merge` do not.
    pub fn requests(&self, since: Mark) -> Result<Vec<Request>> {
        audit::requests(&self.file("audit.log"), since)
    }

    /// Those that were to change something; see [`Request::is_write`].
    pub fn writes(&self, since: Mark) -> Result<Vec<Request>> {
        let mut requests = self.requests(since)?;
        requests.retain(Request::is_write);
        Ok(requests)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
