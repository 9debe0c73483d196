/*!
Logging in: which `Authorization` a request needs, learnt from the registry's challenge and kept until it expires.

The token protocol is the distribution project's ("Token Authentication Specification", with its OAuth2 variant). One
token serves all requests of the same scopes, and however many ask at once, it is fetched once. Secrets go to the
registry itself and to the https token service it names, nowhere else.
*/

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose};
use reqwest::{Method, header::HeaderValue};
use serde::Deserialize;
use url::Url;

use super::{
    Error,
    access::Access,
    challenge::{self, Challenge},
    credentials::{Credentials, Secret, Store},
    reply::Reply,
    retry::Patience,
    send::{self, Limit},
};
use crate::Repository;

/// The most a token service may answer with: 1 MiB.
const TOKEN_LIMIT: u64 = 1 << 20;

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
    plain_http: bool,
    retries: u32,
    client: reqwest::Client,
    store: Store,
    scheme: Mutex<Option<Scheme>>,
    slots: Mutex<HashMap<Access, Arc<tokio::sync::Mutex<Slot>>>>,
    known: tokio::sync::Mutex<HashMap<Repository, Option<Credentials>>>,
}

impl Logins {
    pub(super) fn new(
        host: &str,
        plain_http: bool,
        retries: u32,
        client: reqwest::Client,
        store: Store,
    ) -> Self {
        Self {
            host: host.to_owned(),
            plain_http,
            retries,
            client,
            store,
            scheme: Mutex::default(),
            slots: Mutex::default(),
            known: tokio::sync::Mutex::default(),
        }
    }

    /// The header for a request, as far as is known without asking the registry.
    pub(super) async fn header(&self, access: &Access) -> Result<Option<HeaderValue>, Error> {
        let scheme = self
            .scheme
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match scheme {
            None => Ok(None),
            Some(Scheme::Basic) => match self.credentials(access).await? {
                Some(Credentials::Basic(user, password)) => basic(&user, &password).map(Some),
                _ => Ok(None),
            },
            Some(Scheme::Bearer { realm, service }) => {
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
                    .fetch(
                        access,
                        &realm,
                        service.as_deref(),
                        slot.extra_scope.as_deref(),
                    )
                    .await?;
                let header = token.header.clone();
                slot.token = Some(token);
                Ok(Some(header))
            }
        }
    }

    /// Takes in a 401. Says whether another attempt makes sense, given what the refused request had shown.
    pub(super) async fn challenged(
        &self,
        access: &Access,
        lines: &[String],
        shown: Option<&HeaderValue>,
    ) -> Result<bool, Error> {
        let challenges: Vec<_> = lines
            .iter()
            .flat_map(|line| challenge::parse(line))
            .collect();
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|challenge| challenge.scheme == scheme)
        };
        if let Some(bearer) = of("bearer") {
            let scheme = self.bearer(bearer)?;
            *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(scheme);
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
            *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(Scheme::Basic);
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

    fn bearer(&self, challenge: &Challenge) -> Result<Scheme, Error> {
        let realm = challenge.get("realm").unwrap_or_default();
        let url = Url::parse(realm)
            .map_err(|_| self.error("its challenge names no token service (realm)"))?;
        let registry_host = url::Url::parse(&format!("http://{}", self.host)).ok();
        let same_host = registry_host.as_ref().and_then(Url::host_str) == url.host_str();
        let allowed = match url.scheme() {
            "https" => true,
            "http" => self.plain_http && same_host,
            _ => false,
        };
        if !allowed
            || url.host_str().is_none()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            let site = super::error::clean(&format!(
                "{}://{}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            ));
            return Err(self.error(&format!(
                "it names the token service {site}, which is not https; no secret is sent there"
            )));
        }
        Ok(Scheme::Bearer {
            realm: url,
            service: challenge.get("service").map(str::to_owned),
        })
    }

    async fn fetch(
        &self,
        access: &Access,
        realm: &Url,
        service: Option<&str>,
        extra: Option<&str>,
    ) -> Result<Token, Error> {
        let credentials = self.credentials(access).await?;
        let scopes: Vec<&str> = access
            .scopes
            .iter()
            .map(String::as_str)
            .chain(extra)
            .collect();
        let mut patience = Patience::new(self.retries);
        loop {
            match self
                .ask(credentials.as_ref(), realm, service, &scopes)
                .await
            {
                Ok(token) => return Ok(token),
                Err(error) => patience.wait(error).await?,
            }
        }
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
        let request = match credentials {
            Some(Credentials::Identity(token)) => {
                let scope = scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "airgap-bundle"),
                    ("scope", &scope),
                    ("refresh_token", &token.0),
                ];
                self.client.post(realm.clone()).form(&form)
            }
            other => {
                let mut url = realm.clone();
                url.query_pairs_mut()
                    .extend_pairs(service.map(|service| ("service", service)))
                    .extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
                let request = self.client.get(url);
                match other {
                    Some(Credentials::Basic(user, password)) => {
                        request.header(reqwest::header::AUTHORIZATION, basic(user, password)?)
                    }
                    _ => request,
                }
            }
        };
        let asked_at = Instant::now();
        let response = request
            .send()
            .await
            .map_err(|error| Error::transport(error, site, &target))?;
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

    fn token(&self, body: &[u8], asked_at: Instant) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<f64>,
        }
        let unusable = || self.error("its token service answered without a usable token");
        let answer: Answer = serde_json::from_slice(body).map_err(|_| unusable())?;
        let token = answer
            .token
            .filter(|token| !token.is_empty())
            .or(answer.access_token)
            .ok_or_else(unusable)?;
        let mut header =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable())?;
        header.set_sensitive(true);
        // The specification's default, where none is given, is 60 seconds.
        let lifetime = answer
            .expires_in
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
