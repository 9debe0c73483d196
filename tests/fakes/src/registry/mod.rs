/*!
A whole OCI registry inside the test.

The programs are judged by what registries see and keep, so the registry must be watched from within: every request is
[logged](LoggedRequest), content can be placed and read directly, and [faults](crate::faults) strike on command.
*/

mod auth;
mod blobs;
mod manifests;
mod route;
mod serve;
mod settings;
mod store;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use schema::{Digest, Manifest, MediaType, Repository, Selector, Tag};

use crate::{
    faults::{Fault, Faults, Script},
    log::LoggedRequest,
    message::Content,
    pipeline::handle,
    server::{Server, listen},
    tls,
};

use serve::{Front, Objects, Shared};
use store::Store;

pub use settings::{Auth, Login, Settings, Tokens};
pub use store::Stored;

/// A running registry; ended when dropped.
#[derive(Debug)]
pub struct FakeRegistry {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    _server: Server,
}

impl FakeRegistry {
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
        let server = Server::new()?;
        let (registry, log) = (shared.clone(), shared.log.clone());
        server.serve(front, acceptor.clone(), log, move |request| {
            let shared = registry.clone();
            async move { handle(&Front(&shared), &shared.faults, &shared.log, 0, request).await }
        })?;
        if let Some(listener) = objects {
            let (registry, log) = (shared.clone(), shared.redirect_log.clone());
            server.serve(listener, acceptor, log, move |request| {
                let (shared, backend) = (registry.clone(), registry.clone());
                async move {
                    let Shared {
                        faults,
                        redirect_log,
                        ..
                    } = &*shared;
                    handle(&Objects(&backend), faults, redirect_log, 0, request).await
                }
            })?;
        }
        Ok(Self {
            addr,
            shared,
            _server: server,
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
        self.shared.faults.set(Faults::default());
    }

    /// How often faults struck since the last [`heal`](Self::heal): a fault that never strikes proves nothing.
    pub fn faults_struck(&self) -> usize {
        self.shared.faults.struck()
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
        self.shared.log.wait(|state| condition(&state.requests))
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
