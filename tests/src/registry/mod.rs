/*!
A whole OCI registry inside the test.

The programs are judged by what registries see and keep, so the registry must be watched from within: every request is
[logged](LoggedRequest), content can be placed and read directly, and [faults](crate::faults) strike on command. It runs
on a runtime of its own, so that tests may block, and ends when it is dropped.
*/

mod auth;
mod blobs;
mod log;
mod manifests;
pub(crate) mod message;
mod route;
pub(crate) mod serve;
mod settings;
mod store;
mod tls;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use message::Content;
use schema::{Digest, Manifest, MediaType, Repository, Selector, Tag};
use serve::{Door, Shared};
use store::Store;
use tokio::runtime::Runtime;

use crate::faults::{Fault, Script};

pub(crate) use log::Log;
pub use log::LoggedRequest;
pub(crate) use serve::pairs;
pub use settings::{Auth, Login, Settings, Tls, Tokens};
pub use store::Stored;
pub(crate) use tls::acceptor;

/// How long [`Embedded::wait_for`] waits before it calls the test failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running registry.
#[derive(Debug)]
pub struct Embedded {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Embedded {
    /// Starts a registry on a free port of 127.0.0.1.
    pub fn start(settings: Settings) -> Result<Self> {
        let store = Arc::new(
            Store::new(settings.directory.as_deref())
                .context("cannot make the registry's directory")?,
        );
        let acceptor = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let front = listen(settings.ipv6)?;
        let objects = settings
            .redirect_blobs
            .then(|| listen(settings.ipv6))
            .transpose()?;
        let addr = front.local_addr()?;
        let redirect_port = objects.as_ref().map(TcpListener::local_addr).transpose()?;
        let shared = Arc::new(Shared {
            guard: auth::Guard::new(settings.auth.clone()),
            settings,
            store,
            faults: Script::default(),
            log: Arc::default(),
            redirect_log: Arc::default(),
            url: format!("{scheme}://{addr}"),
            // Another name, not just another port: a client must not take it for the same host.
            redirect_url: redirect_port.map(|addr| format!("{scheme}://localhost:{}", addr.port())),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        for (listener, door) in [(Some(front), Door::Front), (objects, Door::Objects)] {
            let Some(listener) = listener else { continue };
            let _inside = runtime.enter();
            let listener = tokio::net::TcpListener::from_std(listener)?;
            runtime.spawn(serve::accept(
                listener,
                acceptor.clone(),
                shared.clone(),
                door,
            ));
        }
        Ok(Self {
            addr,
            shared,
            runtime: Some(runtime),
        })
    }

    /// `127.0.0.1:PORT`, as image references begin.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Adds a fault to the script.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.all()
    }

    /// All requests at the listener that blob GETs are redirected to.
    pub fn redirect_requests(&self) -> Vec<LoggedRequest> {
        self.shared.redirect_log.all()
    }

    /// Requests to the token endpoint.
    pub fn token_requests(&self) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.path == "/token")
            .count()
    }

    /// Blocks until the requests so far fulfil a condition; an error after a minute.
    pub fn wait_for(&self, condition: impl Fn(&[LoggedRequest]) -> bool) -> Result<()> {
        self.shared.log.wait(PATIENCE, condition)
    }

    /// Repositories that anything was pushed to, sorted.
    pub fn repositories(&self) -> Vec<Repository> {
        self.shared.store.repositories()
    }

    /// Tags of a repository with their digests; empty for one that does not exist.
    pub fn tags(&self, repository: &Repository) -> BTreeMap<Tag, Digest> {
        self.shared.store.tags(repository).unwrap_or_default()
    }

    /// Whether a repository has a tag.
    pub fn has_tag(&self, repository: &Repository, tag: &Tag) -> bool {
        self.tags(repository).contains_key(tag)
    }

    /// Whether any repository has any tag: "nothing was published".
    pub fn has_tags(&self) -> bool {
        self.repositories()
            .iter()
            .any(|repository| !self.tags(repository).is_empty())
    }

    /// A manifest by tag or digest.
    pub fn manifest(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Option<Stored> {
        self.shared.store.manifest(repository, &selector.into())
    }

    /// Whether a blob is visible in a repository.
    pub fn has_blob(&self, repository: &Repository, digest: &Digest) -> bool {
        self.shared.store.blob(repository, digest).is_some()
    }

    /// Upload sessions that were neither finished nor deleted.
    pub fn open_uploads(&self) -> usize {
        self.shared.store.open_uploads()
    }

    /// Places a blob, unlogged.
    pub fn put_blob(&self, repository: &Repository, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.shared
            .store
            .put_blob(repository, digest, Content::Memory(bytes));
        digest
    }

    /// Places a blob that lies in a file, which must stay; `digest` is taken on trust.
    pub fn put_blob_file(
        &self,
        repository: &Repository,
        digest: Digest,
        path: &Path,
    ) -> Result<()> {
        let size = path
            .metadata()
            .with_context(|| format!("cannot serve {}", path.display()))?
            .len();
        self.shared
            .store
            .put_blob(repository, digest, Content::File(path.into(), size));
        Ok(())
    }

    /// Places a manifest, unlogged and with no check of what it refers to, so that broken content can be placed too.
    pub fn put_manifest(
        &self,
        repository: &Repository,
        tag: Option<&Tag>,
        media_type: MediaType,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.shared.store.put_manifest(
            repository,
            tag.cloned(),
            Stored {
                digest,
                media_type,
                bytes,
            },
        );
        digest
    }

    /// Checks that everything a tag leads to is here: children, configs and layers, each visible in the repository.
    pub fn check_complete(&self, repository: &Repository, tag: &Tag) -> Result<()> {
        let mut open = vec![Selector::Tag(tag.clone())];
        while let Some(selector) = open.pop() {
            let stored = self.manifest(repository, selector.clone());
            let stored =
                stored.with_context(|| format!("{repository} has no manifest {selector}"))?;
            let manifest = Manifest::parse(&stored.bytes, stored.media_type)?;
            for blob in manifest.blobs {
                let content = self.shared.store.blob(repository, &blob.digest);
                let size = content
                    .with_context(|| format!("{repository} has no blob {}", blob.digest))?
                    .size();
                ensure!(
                    size == blob.size,
                    "{repository} holds {size} bytes of {}, expected {}",
                    blob.digest,
                    blob.size
                );
            }
            open.extend(
                manifest
                    .children
                    .into_iter()
                    .map(|child| Selector::Digest(child.digest)),
            );
        }
        Ok(())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Allowed inside async code too, where a blocking shutdown would panic.
        self.runtime
            .take()
            .into_iter()
            .for_each(Runtime::shutdown_background);
    }
}

fn listen(ipv6: bool) -> Result<TcpListener> {
    let address = match ipv6 {
        true => IpAddr::from(Ipv6Addr::LOCALHOST),
        false => IpAddr::from(Ipv4Addr::LOCALHOST),
    };
    let listener =
        TcpListener::bind((address, 0)).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
