/*!
Anonymous downloads of bounded size from servers that are no registries: signature stores, update graphs.

No credentials and no cookies go out, redirects never leave TLS, and reading stops at a limit of bytes and of time. An error is
a short reason that reads on from the address; [`WebError::is_final`] says whether asking the same server for more makes sense.
*/

use std::{path::Path, time::Duration};

use reqwest::{Client, StatusCode, Url, header, redirect};
use schema::registry;
use tokio::time::timeout;

/// How much of an answer is taken, and how long it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub bytes: u64,
    /// Time without a byte, the first one included.
    pub idle: Duration,
    /// Time for all of it, where that is bounded.
    pub whole: Option<Duration>,
}

/// A client without any identity. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Web(Client);

impl Web {
    /// Reads `ca_file` (`--ca-file`: PEM certificates trusted besides the system's). Connects to nothing yet.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, registry::Error> {
        registry::anonymous_client(ca_file, |builder| {
            builder
                .connect_timeout(CONNECT)
                .redirect(redirect::Policy::custom(follow))
        })
        .map(Self)
    }

    /// The body found at an `http` or `https` address, or `None` where the server says 404.
    pub async fn get(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        match limits.whole {
            Some(whole) => timeout(whole, self.fetch(url, limits))
                .await
                .unwrap_or(Err(WebError::Slow(whole))),
            None => self.fetch(url, limits).await,
        }
    }

    async fn fetch(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        let slow = |_| WebError::Slow(limits.idle);
        let request = self.0.get(url.clone()).send();
        let answer = timeout(limits.idle, request).await.map_err(slow)?;
        let mut answer = answer.map_err(failed)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(WebError::Status(status.as_u16())),
        }
        let kind = answer.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            return Err(WebError::Page);
        }
        let too_large = WebError::TooLarge(limits.bytes);
        if answer
            .content_length()
            .is_some_and(|length| length > limits.bytes)
        {
            return Err(too_large);
        }
        let mut body = Vec::new();
        while let Some(chunk) = timeout(limits.idle, answer.chunk())
            .await
            .map_err(slow)?
            .map_err(failed)?
        {
            if (body.len() + chunk.len()) as u64 > limits.bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        if is_page(&body) {
            return Err(WebError::Page);
        }
        Ok(Some(body))
    }
}

/// An address as it may be shown: without the user, password, query and fragment that it may have, and at most 200 characters.
pub fn shown(address: &str) -> String {
    let (before, hidden) = match address.find(['?', '#']) {
        Some(end) => (&address[..end], "?…"),
        None => (address, ""),
    };
    let (scheme, rest) = before.split_once("://").unwrap_or(("", before));
    let authority = rest.split('/').next().unwrap_or_default();
    let bare = match authority.rfind('@') {
        Some(end) => format!("{scheme}://…{}", &rest[end..]),
        None => before.to_owned(),
    };
    bare.chars().take(200).chain(hidden.chars()).collect()
}

const CONNECT: Duration = Duration::from_secs(10);
const REDIRECTS: usize = 5;

/// At most five, never off TLS, and to nothing that would make the client log in.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let secure = |url: &Url| url.scheme() == "https";
    let leaves = attempt.previous().iter().any(secure) && !secure(attempt.url());
    if attempt.previous().len() > REDIRECTS {
        attempt.error(Redirect("redirected more than 5 times"))
    } else if leaves {
        attempt.error(Redirect("redirected from https to http"))
    } else if !attempt.url().username().is_empty() || attempt.url().password().is_some() {
        attempt.error(Redirect("redirected to an address with a password in it"))
    } else {
        attempt.follow()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Redirect(&'static str);

/// Login and error pages of proxies come as whatever type was asked for.
fn is_page(body: &[u8]) -> bool {
    let start: Vec<u8> = body.trim_ascii_start().iter().take(9).copied().collect();
    let start = start.to_ascii_lowercase();
    start.starts_with(b"<!doctype") || start.starts_with(b"<html")
}

fn failed(error: reqwest::Error) -> WebError {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let detail: String = cause
        .to_string()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    match () {
        () if error.is_redirect() => WebError::Redirect(detail),
        () if error.is_connect() && error.is_timeout() => WebError::Slow(CONNECT),
        () if error.is_connect() && detail.contains("certificate") => {
            let hint = "give the issuing CA with --ca-file, if it is to be trusted";
            WebError::Unreachable(format!("{detail}; {hint}"))
        }
        () if error.is_connect() => WebError::Unreachable(detail),
        () => WebError::Cut(detail),
    }
}

/// Why nothing usable came. The server's fault or the network's; where the user can mend it, the words say how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The connection broke.
    #[error("the connection was cut ({0})")]
    Cut(String),
    /// HTML.
    #[error("answered with a web page")]
    Page,
    /// Round and round, or somewhere it must not go.
    #[error("{0}")]
    Redirect(String),
    /// Out of patience.
    #[error("no answer within {} seconds", .0.as_secs_f32())]
    Slow(Duration),
    /// Neither 200 nor 404.
    #[error("answered {0}")]
    Status(u16),
    /// Over the limit.
    #[error("has more than {}", size(*.0))]
    TooLarge(u64),
    /// No connection.
    #[error("cannot be reached ({0})")]
    Unreachable(String),
}

impl WebError {
    /// Whether the next request to the same server is not worth its wait.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Unreachable(_))
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (address, told) in [
            ("https://h:1/a/b@c", "https://h:1/a/b@c"),
            ("https://user:secret@h/a", "https://…@h/a"),
            ("https://user:secret@h:99999/a", "https://…@h:99999/a"),
            ("https://u:se@cret@h", "https://…@h"),
            ("https://h/a?token=secret", "https://h/a?…"),
            ("https://h/a#secret", "https://h/a?…"),
            ("relative/path", "relative/path"),
        ] {
            assert_eq!(shown(address), told);
        }
    }
}
