/*!
Asking a token service: with a password, a refresh token, or as nobody, and reading what it answers.
*/

use std::time::{Duration, Instant};

use reqwest::{
    Method, Response,
    header::{AUTHORIZATION, HeaderValue, LOCATION},
};
use schema::PRODUCT;
use serde::Deserialize;
use url::Url;

use super::{Logins, Scheme, Token, basic};
use crate::{
    Error,
    auth::{access::Access, credentials::Credentials},
    error::clean,
    transport::{
        clients::Traffic,
        origin, refusal,
        reply::Reply,
        retry::RetryBudget,
        send::{self, Limit},
    },
};

/// The most a token service may answer with: 1 MiB.
const TOKEN_LIMIT: u64 = 1 << 20;

/// Most redirects of a token service that are followed.
const REDIRECTS: usize = 5;

impl Logins {
    /// A token for what a request wants, of the service that the challenge named.
    pub(super) async fn fetch(
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
            let site = clean(&origin::authority(realm));
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
        let mut budget = RetryBudget::new(self.retries);
        loop {
            match self
                .ask(credentials.as_ref(), realm, service.as_deref(), &scopes)
                .await
            {
                Ok(token) => return Ok(token),
                Err(error) => budget.wait(error).await?,
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
                    ("client_id", PRODUCT),
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
            return Err(refusal::refusal(&Method::GET, Reply::new(response, None), target).await);
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
            if let Some(login) = login.as_ref().filter(|_| origin::same_origin(&url, &first)) {
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
                .and_then(|place| origin::resolve(&url, place.to_str().ok()?));
            match next {
                Some(next) => url = next,
                None => return Ok(Ok(response)),
            }
        }
        Err(self.error("its token service redirects without end"))
    }

    fn token(&self, body: &[u8], asked_at: Instant) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct TokenBody {
            token: Option<String>,
            access_token: Option<String>,
            /// A number by the specification; some write it as a text, or null.
            expires_in: Option<serde_json::Value>,
        }
        let unusable = || self.error("its token service answered without a usable token");
        let answer: TokenBody = serde_json::from_slice(body).map_err(|_| unusable())?;
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
}
