/*! One registry, one repository there: cheap handles that share connections and tokens. */

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use schema::Repository;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::{
    Error, Options,
    auth::{Logins, access::Access, store::Store},
    capabilities::Capabilities,
    listing::tag_list::TagLists,
    pull::buffers::Buffers,
    push::{form::Quirks, refused_for_good::RefusedForGood},
    transport::{
        clients::{Clients, Traffic},
        retry::RetryBudget,
    },
};

/// A registry host with its connections, certificates and logins. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Registry(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub host: String,
    pub base: Url,
    pub clients: Arc<Clients>,
    pub logins: Logins,
    /// Whether `/v2/` was asked how to log in.
    pub asked_base: tokio::sync::Mutex<bool>,
    /// Whether it has answered a request without a login.
    pub is_open: AtomicBool,
    pub retries: u32,
    /// Places for requests under way, `--concurrency` of them: whatever there is to ask, and whoever asks, no more
    /// connections are open. Uploads apart, of which each caller has so many: their bytes may come from a request.
    pub permits: Arc<Semaphore>,
    pub buffers: Buffers,
    pub quirks: Quirks,
    pub refused_for_good: RefusedForGood,
    pub capabilities: Capabilities,
    pub tags: TagLists,
    pub writes: AtomicBool,
}

impl Registry {
    /// Prepares for `HOST[:PORT]` as users write it (`docker.io` is Docker Hub). Reads the certificate and credential
    /// files, and connects to nothing yet; fails with [`Error::Config`] where a file or the host is not usable.
    pub fn new(host: &str, options: &Options) -> Result<Self, Error> {
        let address = match host {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = if options.plain_http.covers(host) {
            "http"
        } else {
            "https"
        };
        let plausible = address.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        });
        let base = Url::parse(&format!("{scheme}://{address}/v2/"))
            .ok()
            .filter(|_| plausible && !address.is_empty())
            .ok_or_else(|| {
                Error::Config(format!(
                    "{host:?} is not a registry: expected HOST or HOST:PORT"
                ))
            })?;
        let clients = Arc::new(Clients::new(host, &base, options)?);
        let store = Store::read(options.authfile.as_deref())?;
        let logins = Logins::new(host, &base, options.retries, Arc::clone(&clients), store);
        Ok(Self(Arc::new(Shared {
            host: host.to_owned(),
            base,
            clients,
            logins,
            asked_base: tokio::sync::Mutex::default(),
            is_open: AtomicBool::default(),
            retries: options.retries,
            permits: Arc::new(Semaphore::new(options.concurrency.max(1))),
            buffers: Buffers::default(),
            quirks: Quirks::default(),
            refused_for_good: RefusedForGood::default(),
            capabilities: Capabilities::default(),
            tags: TagLists::default(),
            writes: AtomicBool::default(),
        })))
    }

    /// The same for a host that `registries.conf` calls insecure, as skopeo takes that: TLS with whoever answers, and plain
    /// HTTP where there is no TLS, which one request to `/v2/` finds out.
    pub async fn insecure(host: &str, options: &Options) -> Result<Self, Error> {
        let mut options = options.clone();
        options.insecure_skip_tls_verify = options.insecure_skip_tls_verify.and(host);
        let registry = Self::new(host, &options)?;
        if options.plain_http.covers(host) || registry.ping().await.is_ok() {
            return Ok(registry);
        }
        options.plain_http = options.plain_http.and(host);
        Self::new(host, &options)
    }

    /// Whether anything answers there, whatever the answer. Asked once, without retries.
    pub async fn ping(&self) -> Result<(), Error> {
        let Shared { host, base, .. } = &*self.0;
        let request = self.0.clients.to(Traffic::Api, base)?.get(base.clone());
        let sent = request.send().await;
        sent.map(drop)
            .map_err(|error| Error::transport(error, host, host))
    }

    /// The host as it was given.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// It will be written to: the right to push is asked for with the first request to a repository, so that one token
    /// serves all of them.
    pub fn will_write(&self) {
        self.0.writes.store(true, Ordering::Relaxed);
    }

    /// A repository there; nothing is asked yet.
    pub fn repository(&self, repository: &Repository) -> Remote {
        Remote {
            shared: self.0.clone(),
            repository: repository.clone(),
            lookup: false,
        }
    }
}

/// One repository at one registry. Every request retries what may pass, logs in where asked, and names itself in errors.
#[derive(Clone)]
pub struct Remote {
    pub(crate) shared: Arc<Shared>,
    pub(crate) repository: Repository,
    /// What is asked for need not be there.
    lookup: bool,
}

impl Remote {
    /// The registry host as it was given.
    pub fn host(&self) -> &str {
        &self.shared.host
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The same repository, for asking after what need not be there: a server that fails at it is not waited for long.
    pub fn lookup(&self) -> Self {
        Self {
            lookup: true,
            ..self.clone()
        }
    }

    /// The attempts that one operation has.
    pub(crate) fn retry_budget(&self) -> RetryBudget {
        if self.lookup {
            RetryBudget::lookup(self.shared.retries)
        } else {
            RetryBudget::new(self.shared.retries)
        }
    }

    /// A place for a request, once there is one.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.shared.permits).acquire_owned().await.ok()
    }

    /// `HOST/REPOSITORY` followed by what is asked for there, as errors show it.
    pub(crate) fn target(&self, what: &dyn fmt::Display) -> String {
        let text = what.to_string();
        let separator = if text.starts_with("sha256:") {
            "@"
        } else {
            ":"
        };
        format!("{}/{}{separator}{text}", self.shared.host, self.repository)
    }

    /// `/v2/REPOSITORY/…`; the parts are of grammars that need no escaping.
    pub(crate) fn url(&self, rest: &str) -> Url {
        let mut url = self.shared.base.clone();
        url.set_path(&format!("/v2/{}/{rest}", self.repository));
        url
    }

    pub(crate) fn pull(&self) -> Access {
        match self.shared.writes.load(Ordering::Relaxed) {
            true => self.push(),
            false => Access::pull(&self.repository),
        }
    }

    pub(crate) fn push(&self) -> Access {
        Access::push(&self.repository)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({}/{})", self.shared.host, self.repository)
    }
}
