/*!
Who may do what: Basic, and Bearer with the registry's own token endpoint (distribution's "token authentication").

Tokens are strict where clients are tempted to be lax: a token opens only what its scope named, for as long or as many
requests as it was given. A token that has run out is answered like none at all, with a challenge.
*/

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{Method, StatusCode, header::AUTHORIZATION};

use crate::message::{Request, Response, pairs};

use super::{
    route::Route,
    settings::{Auth, Login, Tokens},
};

/// Checks requests and gives out tokens.
#[derive(Debug)]
pub(crate) struct Guard {
    auth: Auth,
    tokens: Mutex<HashMap<String, Token>>,
}

#[derive(Debug)]
struct Token {
    granted: BTreeSet<(String, String)>,
    until: Instant,
    uses: Option<usize>,
}

impl Guard {
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            tokens: Mutex::default(),
        }
    }

    /// The refusal of a request, or `None` if it may go on.
    pub fn refuse(&self, request: &Request, route: &Route, base: &str) -> Option<Response> {
        let allowed = match &self.auth {
            Auth::Open => true,
            Auth::Basic(login) => basic(request).as_ref() == Some(&secret(login)),
            Auth::Bearer(_) => self.token_fits(request, route),
        };
        (!allowed).then(|| self.challenge(route, &request.method, base))
    }

    /// The 401 that says what would be accepted.
    pub fn challenge(&self, route: &Route, method: &Method, base: &str) -> Response {
        let challenge = match &self.auth {
            Auth::Open | Auth::Basic(_) => "Basic realm=\"harness\"".to_owned(),
            Auth::Bearer(_) => {
                let scope = match route.repository() {
                    Some(repository) if needed(method) == "push" => {
                        format!(",scope=\"repository:{repository}:pull,push\"")
                    }
                    Some(repository) => format!(",scope=\"repository:{repository}:pull\""),
                    None => String::new(),
                };
                format!("Bearer realm=\"{base}/token\",service=\"harness\"{scope}")
            }
        };
        Response::error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
        )
        .with("www-authenticate", challenge)
    }

    /// The token endpoint: GET with Basic, or POST with `grant_type=password` or `refresh_token`.
    pub async fn token(&self, request: &mut Request) -> io::Result<Response> {
        let Auth::Bearer(settings) = &self.auth else {
            return Ok(Response::empty(StatusCode::NOT_FOUND));
        };
        let mut fields = request.query.clone();
        let mut shown = basic(request);
        if request.method == Method::POST {
            let body = request.collect(64 << 10).await?.unwrap_or_default();
            fields = pairs(&String::from_utf8_lossy(&body));
            let field = |name: &str| {
                fields
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.as_str())
            };
            let user = settings
                .login
                .as_ref()
                .map_or("", |login| login.user.as_str());
            shown = match field("grant_type") {
                Some("refresh_token") => Some(format!(
                    "{user}:{}",
                    field("refresh_token").unwrap_or_default()
                )),
                _ => Some(format!(
                    "{}:{}",
                    field("username").unwrap_or_default(),
                    field("password").unwrap_or_default()
                )),
            };
        }
        let known = settings.login.as_ref().map(secret);
        if shown.is_some() && known.is_some() && shown != known {
            return Ok(Response::error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "wrong user or password",
            ));
        }
        let full = known.is_none() || shown == known;
        let scopes = fields
            .iter()
            .filter(|(key, _)| key == "scope")
            .flat_map(|(_, value)| value.split(' '));
        let granted = scopes
            .flat_map(|scope| grant(scope, full, settings))
            .collect();
        Ok(self.issue(granted, settings))
    }

    fn issue(&self, granted: BTreeSet<(String, String)>, settings: &Tokens) -> Response {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let text = format!("token-{}", tokens.len() + 1);
        let token = Token {
            granted,
            until: Instant::now() + settings.expires_in,
            uses: settings.uses,
        };
        tokens.insert(text.clone(), token);
        let seconds = settings.expires_in.max(Duration::from_secs(1)).as_secs();
        let body = serde_json::json!({"token": text, "access_token": text, "expires_in": seconds});
        Response::bytes(StatusCode::OK, body.to_string()).with("content-type", "application/json")
    }

    fn token_fits(&self, request: &Request, route: &Route) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = request
            .header(AUTHORIZATION)
            .and_then(|text| text.strip_prefix("Bearer "));
        let Some(token) = shown.and_then(|shown| tokens.get_mut(shown)) else {
            return false;
        };
        let action = needed(&request.method);
        let covered = route.repository().is_none_or(|repository| {
            let wanted = (repository.as_str().to_owned(), action.to_owned());
            token.granted.contains(&wanted)
        });
        let left = token.uses != Some(0) && Instant::now() < token.until;
        if covered && left {
            token.uses = token.uses.map(|uses| uses - 1);
        }
        covered && left
    }
}

/// What one scope, `repository:NAME:ACTION,…`, gives.
fn grant(scope: &str, full: bool, settings: &Tokens) -> Vec<(String, String)> {
    let mut parts = scope.splitn(3, ':');
    let (Some("repository"), Some(name), Some(actions)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let allowed = |action: &&str| full || (*action == "pull" && settings.anonymous_pull);
    actions
        .split(',')
        .filter(allowed)
        .map(|action| (name.to_owned(), action.to_owned()))
        .collect()
}

fn needed(method: &Method) -> &'static str {
    if matches!(*method, Method::GET | Method::HEAD) {
        "pull"
    } else {
        "push"
    }
}

/// `user:password` from an `Authorization: Basic`.
fn basic(request: &Request) -> Option<String> {
    let encoded = request.header(AUTHORIZATION)?.strip_prefix("Basic ")?;
    String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
}

fn secret(login: &Login) -> String {
    format!("{}:{}", login.user, login.password)
}
