/*!
Logging in: which `Authorization` a request needs, learnt from the registry's challenge and kept until it expires.

The token protocol is the distribution project's ("Token Authentication Specification", with its OAuth2 variant). One
token serves all requests of the same scopes, and however many ask at once, it is fetched once. Secrets go to the
registry itself and to the https token service it names, nowhere else; who has no secret may ask over plain HTTP.
*/

pub(crate) mod access;
mod authfile;
pub(crate) mod challenge;
pub(crate) mod credentials;
mod helper;
pub(crate) mod store;
#[cfg(test)]
pub(crate) mod tests;
mod token_service;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose};
use reqwest::header::HeaderValue;
use schema::Repository;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    Error,
    auth::{
        access::Access,
        challenge::Challenge,
        credentials::{Credentials, Secret},
        store::Store,
    },
    transport::{clients::Clients, origin},
};

/// How to log in.
#[derive(Debug, Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// A token, the answer to its challenge's own scope included.
#[derive(Debug, Default)]
struct Slot {
    extra_scope: Option<String>,
    token: Option<Token>,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    refresh_at: Instant,
}

/// The login state at one registry.
#[derive(Debug)]
pub(crate) struct Logins {
    host: String,
    base: Url,
    retries: u32,
    clients: Arc<Clients>,
    store: Store,
    scheme: Mutex<Option<Scheme>>,
    /// Whether the scheme has ever led to a token.
    had_token: AtomicBool,
    slots: Mutex<HashMap<Access, Arc<tokio::sync::Mutex<Slot>>>>,
    known: tokio::sync::Mutex<HashMap<Repository, Option<Credentials>>>,
}

impl Logins {
    pub(crate) fn new(
        host: &str,
        base: &Url,
        retries: u32,
        clients: Arc<Clients>,
        store: Store,
    ) -> Self {
        Self {
            host: host.to_owned(),
            base: base.clone(),
            retries,
            clients,
            store,
            scheme: Mutex::default(),
            had_token: AtomicBool::new(false),
            slots: Mutex::default(),
            known: tokio::sync::Mutex::default(),
        }
    }

    /// The header for a request, as far as is known without asking the registry.
    pub(crate) async fn header(&self, access: &Access) -> Result<Option<HeaderValue>, Error> {
        match self.scheme() {
            None => Ok(None),
            Some(Scheme::Basic) => match self.credentials(access).await? {
                Some(Credentials::Basic(user, password)) => basic(&user, &password).map(Some),
                _ => Ok(None),
            },
            Some(scheme @ Scheme::Bearer { .. }) => {
                let slot = self.slot(access);
                // Held while fetching: whoever else wants this token waits for it.
                let mut slot = slot.lock().await;
                if let Some(token) = slot
                    .token
                    .as_ref()
                    .filter(|token| Instant::now() < token.refresh_at)
                {
                    return Ok(Some(token.header.clone()));
                }
                let extra = slot.extra_scope.clone();
                let fetched = self.fetch(access, &scheme, extra.as_deref()).await;
                let token = match fetched {
                    Ok(token) => token,
                    Err(error) => {
                        // One path may have asked for what others do not need: they go on as before.
                        slot.extra_scope = None;
                        if !self.had_token.load(Ordering::Relaxed) {
                            *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = None;
                        }
                        return Err(error);
                    }
                };
                self.had_token.store(true, Ordering::Relaxed);
                let header = token.header.clone();
                slot.token = Some(token);
                Ok(Some(header))
            }
        }
    }

    /// Whether the way to log in is known.
    pub(crate) fn are_known(&self) -> bool {
        self.scheme().is_some()
    }

    /// Whether there is anything to log in with.
    pub(crate) async fn has_credentials(&self, access: &Access) -> bool {
        matches!(self.credentials(access).await, Ok(Some(_)))
    }

    /// Takes in a 401. Says whether another attempt makes sense, given what the refused request had shown.
    pub(crate) async fn challenged(
        &self,
        access: &Access,
        challenges: &[Challenge],
        shown: Option<&HeaderValue>,
    ) -> Result<bool, Error> {
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|challenge| challenge.scheme == scheme)
        };
        if let Some(bearer) = of("bearer") {
            self.learn(self.bearer(bearer)?);
            let slot = self.slot(access);
            let mut slot = slot.lock().await;
            // Only the very token that was refused is dropped; another request may have renewed it meanwhile.
            if slot
                .token
                .as_ref()
                .is_some_and(|token| Some(&token.header) == shown)
            {
                slot.token = None;
            }
            let wanted = bearer.get("scope").filter(|scope| !access.covers(scope));
            slot.extra_scope = wanted.map(str::to_owned);
            return Ok(true);
        }
        if of("basic").is_some() {
            self.learn(Scheme::Basic);
            return match self.credentials(access).await? {
                Some(Credentials::Basic(..)) => Ok(shown.is_none()),
                Some(Credentials::Identity(_)) => {
                    Err(self.error("it wants a user name and password, but the credentials found are an identity token"))
                }
                None => Err(self.error(
                    "it wants a user name and password and none were found; run `podman login` or `docker login`, or give --authfile",
                )),
            };
        }
        Ok(false)
    }

    /// Takes in a challenge that nothing was refused with: it counts if we have an answer. Much of what is public at a
    /// registry is so only without a login.
    pub(crate) async fn volunteer(&self, access: &Access, challenges: &[Challenge]) {
        for challenge in challenges {
            match challenge.scheme.as_str() {
                "bearer" => {
                    let Ok(scheme @ Scheme::Bearer { .. }) = self.bearer(challenge) else {
                        continue;
                    };
                    let Ok(token) = self.fetch(access, &scheme, None).await else {
                        continue;
                    };
                    self.slot(access).lock().await.token = Some(token);
                    return self.learn(scheme);
                }
                "basic"
                    if matches!(
                        self.credentials(access).await,
                        Ok(Some(Credentials::Basic(..)))
                    ) =>
                {
                    return self.learn(Scheme::Basic);
                }
                _ => {}
            }
        }
    }

    fn scheme(&self) -> Option<Scheme> {
        let scheme = self.scheme.lock().unwrap_or_else(PoisonError::into_inner);
        scheme.clone()
    }

    fn learn(&self, scheme: Scheme) {
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(scheme);
    }

    fn bearer(&self, challenge: &Challenge) -> Result<Scheme, Error> {
        let realm = challenge.get("realm").unwrap_or_default();
        let realm = Url::parse(realm)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(|| self.error("its challenge names no token service (realm)"))?;
        Ok(Scheme::Bearer {
            // On the registry's own host `http://` is read as https where the registry has TLS, as in a `Location`.
            realm: origin::resolve(&self.base, realm.as_str()).unwrap_or(realm),
            service: challenge.get("service").map(str::to_owned),
        })
    }

    async fn credentials(&self, access: &Access) -> Result<Option<Credentials>, Error> {
        // Held while a helper runs, so that it is asked once.
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(&access.repository) {
            return Ok(found.clone());
        }
        let found = self.store.find(&self.host, &access.repository).await?;
        known.insert(access.repository.clone(), found.clone());
        Ok(found)
    }

    fn slot(&self, access: &Access) -> Arc<tokio::sync::Mutex<Slot>> {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(access.clone())
            .or_default()
            .clone()
    }

    fn error(&self, detail: &str) -> Error {
        Error::Auth {
            host: self.host.clone(),
            detail: detail.to_owned(),
        }
    }
}

fn basic(user: &str, Secret(password): &Secret) -> Result<HeaderValue, Error> {
    let both = Zeroizing::new(format!("{user}:{password}"));
    let text = Zeroizing::new(general_purpose::STANDARD.encode(both.as_bytes()));
    let whole = Zeroizing::new(format!("Basic {}", text.as_str()));
    let mut header = HeaderValue::from_str(&whole)
        .map_err(|_| Error::Config("the user name cannot be sent in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}
