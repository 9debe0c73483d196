/*!
The registries of a build, one set of connections for each host: those named on the command line, and those that the
payload of a release names later. `registries.conf` says where each really is.
*/

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use registry::{Endpoint, Error, Options, RegistriesConf, Registry, Remote};
use schema::Reference;
use tokio::sync::OnceCell;

use super::MirroredRepository;

/// Registries by host, opened when first asked for. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Registries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    conf: RegistriesConf,
    opened: Mutex<HashMap<(String, bool), Arc<Opened>>>,
}

#[derive(Debug, Default)]
struct Opened {
    registry: OnceCell<Registry>,
    answers: OnceCell<bool>,
}

impl Registries {
    /// Reads `registries.conf`; none is opened yet.
    pub fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(Arc::new(Shared {
            conf: RegistriesConf::read(options.registries_conf.as_deref())?,
            options,
            opened: Mutex::default(),
        })))
    }

    /// What a short name means here, where that is not Docker Hub.
    pub fn full_name(&self, typed: &str) -> Result<Option<String>, Error> {
        self.0.conf.full_name(typed)
    }

    /// Where a reference leads. Nothing is asked of any registry; only certificate and credential files are read.
    pub fn repository(&self, reference: &Reference) -> Result<MirroredRepository, Error> {
        let endpoints = self.0.conf.sources(reference)?;
        match endpoints.as_slice() {
            [only] if !only.insecure => {
                let opened = self.opened(only);
                let registry = match opened.registry.get() {
                    Some(registry) => registry.clone(),
                    None => {
                        let registry = Registry::new(&only.host, &self.0.options)?;
                        // Whoever was faster has made the same.
                        let _ = opened.registry.set(registry.clone());
                        registry
                    }
                };
                Ok(MirroredRepository::at(
                    registry.repository(&only.repository),
                ))
            }
            _ => Ok(MirroredRepository::one_of(endpoints, self.clone())),
        }
    }

    /// The repository of an endpoint; one that is insecure is asked whether it has TLS.
    pub(super) async fn open(&self, endpoint: &Endpoint) -> Result<Remote, Error> {
        let (host, options) = (&endpoint.host, &self.0.options);
        let open = || async {
            match endpoint.insecure {
                true => Registry::insecure(host, options).await,
                false => Registry::new(host, options),
            }
        };
        let opened = self.opened(endpoint);
        let registry = opened.registry.get_or_try_init(open).await?;
        Ok(registry.repository(&endpoint.repository))
    }

    /// Whether a mirror answers at all; asked once in a build, so that one that is gone costs no more than that.
    pub(super) async fn answers(&self, endpoint: &Endpoint) -> Result<bool, Error> {
        self.open(endpoint).await?;
        let opened = self.opened(endpoint);
        let ask = || async {
            let Some(registry) = opened.registry.get() else {
                return false;
            };
            let answer = registry.ping().await;
            if let Err(error) = &answer {
                tracing::warn!(
                    "the mirror {} of registries.conf is left out: {error}",
                    endpoint.host
                );
            }
            answer.is_ok()
        };
        Ok(*opened.answers.get_or_init(ask).await)
    }

    fn opened(&self, endpoint: &Endpoint) -> Arc<Opened> {
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (endpoint.host.clone(), endpoint.insecure);
        Arc::clone(opened.entry(key).or_default())
    }
}
