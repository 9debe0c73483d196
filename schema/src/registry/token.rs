/*!
Logging in: which `Authorization` a request needs, learnt from the registry's challenge and kept until it expires.

The token protocol is the distribution project's ("Token Authentication Specification", with its OAuth2 variant). One
token serves all requests of the same scopes, and however many ask at once, it is fetched once. Secrets go to the
registry itself and to the https token service it names, nowhere else; who has no secret may ask over plain HTTP.
*/

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose};
use reqwest::{
    Method, Response,
    header::{AUTHORIZATION, HeaderValue, LOCATION},
};
use serde::Deserialize;
use url::Url;

use super::{
    Error,
    access::Access,
    challenge::Challenge,
    credentials::{Credentials, Secret, Store},
    error::clean,
    location,
    reply::Reply,
    retry::Patience,
    send::{self, Limit},
    tls::{Clients, Traffic},
};
use crate::Repository;

/// The most a token service may answer with: 1 MiB.
const TOKEN_LIMIT: u64 = 1 << 20;

/// Most redirects of a token service that are followed.
const REDIRECTS: usize = 5;

/// How the registry wants to be shown who we are.
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
pub(super) struct Logins {
    host: String,
    base: Url,
    retries: u32,
    clients: Arc<Clients>,
    store: Store,
    scheme: Mutex<Option<Scheme>>,
    slots: Mutex<HashMap<Access, Arc<tokio::sync::Mutex<Slot>>>>,
    known: tokio::sync::Mutex<HashMap<Repository, Option<Credentials>>>,
}

impl Logins {
    pub(super) fn new(
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
            slots: Mutex::default(),
            known: tokio::sync::Mutex::default(),
        }
    }

    /// The header for a request, as far as is known without asking the registry.
    pub(super) async fn header(&self, access: &Access) -> Result<Option<HeaderValue>, Error> {
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
                let token = self
                    .fetch(access, &scheme, slot.extra_scope.as_deref())
                    .await?;
                let header = token.header.clone();
                slot.token = Some(token);
                Ok(Some(header))
            }
        }
    }

    /// Whether the registry has said how it wants to be shown who we are.
    pub(super) fn are_known(&self) -> bool {
        self.scheme().is_some()
    }

    /// Whether there is anything to log in with.
    pub(super) async fn has_credentials(&self, access: &Access) -> bool {
        matches!(self.credentials(access).await, Ok(Some(_)))
    }

    /// Takes in a 401. Says whether another attempt makes sense, given what the refused request had shown.
    pub(super) async fn challenged(
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
    pub(super) async fn volunteer(&self, access: &Access, challenges: &[Challenge]) {
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
            realm: location::resolve(&self.base, realm.as_str()).unwrap_or(realm),
            service: challenge.get("service").map(str::to_owned),
        })
    }

    async fn fetch(
        &self,
        access: &Access,
        scheme: &Scheme,
        extra: Option<&str>,
    ) -> Result<Token, Error> {
        let Scheme::Bearer { realm, service } = scheme else {
            return Err(self.error("its challenge names no token service (realm)"));
        };
        let credentials = self.credentials(access).await?;
        if credentials.is_some() && !self.may_see_secrets(realm) {
            let site = clean(&location::authority(realm));
            return Err(self.error(&format!(
                "it names the token service http://{site}, which is not https; no secret is sent there"
            )));
        }
        let scopes: Vec<&str> = access
            .scopes
            .iter()
            .map(String::as_str)
            .chain(extra)
            .collect();
        let mut patience = Patience::new(self.retries);
        loop {
            match self
                .ask(credentials.as_ref(), realm, service.as_deref(), &scopes)
                .await
            {
                Ok(token) => return Ok(token),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// https anywhere, and the host of a registry that is itself talked to without TLS.
    fn may_see_secrets(&self, realm: &Url) -> bool {
        realm.scheme() == "https"
            || (self.base.scheme() == "http" && realm.host_str() == self.base.host_str())
    }

    async fn ask(
        &self,
        credentials: Option<&Credentials>,
        realm: &Url,
        service: Option<&str>,
        scopes: &[&str],
    ) -> Result<Token, Error> {
        let site = realm.host_str().unwrap_or_default();
        let target = format!("token service {site} of {}", self.host);
        let asked_at = Instant::now();
        let sent = match credentials {
            Some(Credentials::Identity(token)) => {
                let scope = scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "airgap-bundle"),
                    ("scope", &scope),
                    ("refresh_token", &token.0),
                ];
                let client = self.clients.to(Traffic::Api, realm)?;
                client.post(realm.clone()).form(&form).send().await
            }
            other => {
                let mut url = realm.clone();
                url.query_pairs_mut()
                    .extend_pairs(service.map(|service| ("service", service)))
                    .extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
                let login = match other {
                    Some(Credentials::Basic(user, password)) => Some(basic(user, password)?),
                    _ => None,
                };
                self.get(url, login).await?
            }
        };
        let response = sent.map_err(|error| Error::transport(error, site, &target))?;
        if matches!(response.status().as_u16(), 400 | 401 | 403) {
            let who = match credentials {
                Some(_) => {
                    "the credentials were refused; log in again (`podman login`, `docker login`) or check --authfile"
                }
                None => {
                    "no credentials were found and anonymous access is refused; log in first, or give --authfile"
                }
            };
            return Err(self.error(&format!(
                "its token service {site} answered {}: {who}",
                response.status().as_u16()
            )));
        }
        if !response.status().is_success() {
            return Err(send::refusal(&Method::GET, Reply::new(response, None), target).await);
        }
        let reply = Reply::new(response, None);
        let body = send::read(reply, Limit(TOKEN_LIMIT), &self.host, &target).await?;
        self.token(&body, asked_at)
    }

    /// Follows redirects; the password stays at the first place.
    async fn get(
        &self,
        first: Url,
        login: Option<HeaderValue>,
    ) -> Result<reqwest::Result<Response>, Error> {
        let mut url = first.clone();
        for _ in 0..REDIRECTS {
            let mut request = self.clients.to(Traffic::Api, &url)?.get(url.clone());
            if let Some(login) = login
                .as_ref()
                .filter(|_| location::same_origin(&url, &first))
            {
                request = request.header(AUTHORIZATION, login);
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => return Ok(Err(error)),
            };
            let next = response
                .headers()
                .get(LOCATION)
                .filter(|_| response.status().is_redirection())
                .and_then(|place| location::resolve(&url, place.to_str().ok()?));
            match next {
                Some(next) => url = next,
                None => return Ok(Ok(response)),
            }
        }
        Err(self.error("its token service redirects without end"))
    }

    fn token(&self, body: &[u8], asked_at: Instant) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
            /// A number by the specification; some write it as a text, or null.
            expires_in: Option<serde_json::Value>,
        }
        let unusable = || self.error("its token service answered without a usable token");
        let answer: Answer = serde_json::from_slice(body).map_err(|_| unusable())?;
        let token = answer
            .token
            .filter(|token| !token.is_empty())
            .or(answer.access_token.filter(|token| !token.is_empty()))
            .ok_or_else(unusable)?;
        let mut header =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable())?;
        header.set_sensitive(true);
        // The specification's default, where none is given, is 60 seconds.
        let lifetime = answer
            .expires_in
            .and_then(|value| match value {
                serde_json::Value::String(text) => text.trim().parse().ok(),
                value => value.as_f64(),
            })
            .filter(|seconds| (1.0..1e9).contains(seconds))
            .unwrap_or(60.0);
        let lifetime = Duration::from_secs_f64(lifetime);
        let margin = (lifetime / 4).min(Duration::from_secs(30));
        Ok(Token {
            header,
            refresh_at: asked_at + lifetime.saturating_sub(margin),
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
    let text = general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut header = HeaderValue::from_str(&format!("Basic {text}"))
        .map_err(|_| Error::Config("the user name cannot be sent in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}
