/*!
The connections of one registry, by what they carry and where they go.

What is configured for a registry (client certificate, certs.d, no TLS) is for its own origin. Wherever else it sends us, to an object
store with a blob, to a token service, to an upload host that was allowed, we go as anybody would.
*/

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use net::proxy;
use reqwest::{Client, ClientBuilder, Proxy, redirect};
use rustls::ClientConfig;
use schema::PRODUCT;
use url::Url;

use crate::{
    Error, Options,
    error::clean,
    transport::{origin, trust::Trust},
};

/// Seconds without a byte after which a connection counts as dead.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Small requests; HTTP/2 where the registry has it.
    Api,
    /// Blob downloads: HTTP/1.1, since one HTTP/2 connection would be shared by all of them.
    Bulk,
    /// Blob uploads: as `Bulk`, but without a read timeout, which would end any upload that takes longer than it.
    Upload,
}

/// The connections to one registry, and to where it leads.
#[derive(Debug)]
pub(crate) struct Clients {
    base: Url,
    options: Options,
    own: Set,
    /// Without and with a look at certificates.
    others: Mutex<[Option<Set>; 2]>,
}

#[derive(Debug, Clone)]
struct Set {
    api: Client,
    bulk: Client,
    upload: Client,
}

impl Clients {
    /// Reads the certificates for `host`, whose requests go to `base`, and sets up the connections.
    pub(crate) fn new(host: &str, base: &Url, options: &Options) -> Result<Self, Error> {
        Ok(Self {
            base: base.clone(),
            options: options.clone(),
            own: Set::new(Trust::of_registry(host, options)?, options)?,
            others: Mutex::default(),
        })
    }

    /// The connections for a request to that address. Plain HTTP is for those for which it was asked.
    pub(crate) fn to(&self, traffic: Traffic, url: &Url) -> Result<Client, Error> {
        if origin::same_origin(url, &self.base) {
            return Ok(self.own.of(traffic));
        }
        let host = origin::authority(url);
        let anyone = self.options.insecure_skip_tls_verify.covers(&host);
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let [strict, lax] = &mut *others;
        let slot = if anyone { lax } else { strict };
        let set = match slot {
            Some(set) => set,
            None => {
                let trust = Trust::of_others(self.options.ca_file.as_deref(), anyone)?;
                slot.insert(Set::new(trust, &self.options)?)
            }
        };
        Ok(set.of(traffic))
    }

    /// Whether a request may go to another place than the registry without TLS.
    pub(crate) fn may_be_plain(&self, url: &Url) -> bool {
        url.scheme() == "https"
            || origin::same_origin(url, &self.base)
            || self.options.plain_http.covers(&origin::authority(url))
    }

    /// Whether uploads may go there.
    pub(crate) fn may_upload_to(&self, url: &Url) -> bool {
        origin::same_origin(url, &self.base)
            || self
                .options
                .allow_upload_host
                .covers(&origin::authority(url))
    }
}

impl Set {
    fn new(trust: Trust, options: &Options) -> Result<Self, Error> {
        let config = trust.config()?;
        let bulk =
            |builder: ClientBuilder| builder.pool_max_idle_per_host(options.concurrency.max(1));
        Ok(Self {
            api: client(&config, &ALPN_ANY, |builder| builder.read_timeout(IDLE))?,
            bulk: client(&config, &ALPN_ONE, |builder| {
                bulk(builder).read_timeout(IDLE)
            })?,
            upload: client(&config, &ALPN_ONE, bulk)?,
        })
    }

    fn of(&self, traffic: Traffic) -> Client {
        match traffic {
            Traffic::Api => self.api.clone(),
            Traffic::Bulk => self.bulk.clone(),
            Traffic::Upload => self.upload.clone(),
        }
    }
}

const ALPN_ANY: [&[u8]; 2] = [b"h2", b"http/1.1"];
const ALPN_ONE: [&[u8]; 1] = [b"http/1.1"];

/// A client for other servers than registries (signature stores, downloads): the same proxies and certificates (`ca_file`
/// besides the system's), but no client certificate and no credentials. It follows no redirects unless `adjust` makes it.
pub(crate) fn anonymous_client(
    ca_file: Option<&Path>,
    adjust: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Error> {
    client(
        &Trust::of_others(ca_file, false)?.config()?,
        &ALPN_ANY,
        adjust,
    )
}

fn client(
    config: &ClientConfig,
    protocols: &[&[u8]],
    adjust: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Error> {
    let proxies = proxy::environment().map_err(|error| Error::Config(error.to_string()))?;
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let builder = Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .proxy(Proxy::custom(|url| {
            proxies.of(url).map(|proxy| proxy.url().clone())
        }))
        .user_agent(format!("{PRODUCT}/{}", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(20))
        .tcp_nodelay(true)
        .redirect(redirect::Policy::none())
        .referer(false);
    let builder = if protocols.len() == 1 {
        builder.http1_only()
    } else {
        builder
    };
    adjust(builder).build().map_err(|error| {
        Error::Config(format!(
            "HTTP cannot be set up: {}",
            clean(&error.to_string())
        ))
    })
}
