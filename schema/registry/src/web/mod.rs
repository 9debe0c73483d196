/*!
Anonymous downloads of bounded size from servers that are no registries: signature stores, update graphs.

No credentials and no cookies go out, redirects never leave TLS, and reading stops at a limit of bytes and of time. What a
stranger names is asked only at public addresses, where a redirect leads too. An error is
a short reason that reads on from the address; [`WebError::is_final`] says whether asking the same server for more makes sense.
*/

mod public;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use net::{causes, proxy};
pub use public::NotPublic;
use reqwest::{Client, StatusCode, Url, header};
use schema::text::excerpt;
use tokio::time::timeout;

use public::PublicOnly;

/// An answer whose body is not yet read; [`next`] does that.
pub type Response = reqwest::Response;

/// How much of an answer is taken, and how long it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub bytes: u64,
    /// Time without a byte, the first one included.
    pub idle: Duration,
    /// Time for all of it.
    pub whole: Duration,
}

/// A client without any identity. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Web {
    client: Client,
    ca_file: Option<PathBuf>,
    public_only: bool,
}

impl Web {
    /// Reads `ca_file` (`--ca-file`: PEM certificates trusted besides the system's). Connects to nothing yet.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, crate::Error> {
        let client = crate::anonymous_client(ca_file, |builder| builder.connect_timeout(CONNECT))?;
        Ok(Self {
            client,
            ca_file: ca_file.map(Path::to_owned),
            public_only: false,
        })
    }

    /// The same for addresses that strangers name: https only, and public ones only, with connections of its own.
    pub fn for_strangers(&self) -> Result<Self, crate::Error> {
        let client = crate::anonymous_client(self.ca_file.as_deref(), |builder| {
            builder
                .connect_timeout(CONNECT)
                .dns_resolver(std::sync::Arc::new(PublicOnly))
        })?;
        Ok(Self {
            client,
            ca_file: self.ca_file.clone(),
            public_only: true,
        })
    }

    /// The body found at an `http` or `https` address, or `None` where the server says 404.
    pub async fn get(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        let whole = timeout(limits.whole, self.fetch(url, limits)).await;
        whole.unwrap_or(Err(WebError::Slow(limits.whole)))
    }

    /// The answer, its body not yet read, and the byte that this begins with: `offset`, or 0 where the server knows no ranges.
    pub async fn open(
        &self,
        url: &Url,
        offset: u64,
        idle: Duration,
    ) -> Result<(Response, u64), WebError> {
        let answer = self.follow(url, offset, idle).await?;
        let begins = match answer.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if begins_at(&answer, offset) => offset,
            status => return Err(WebError::Status(status.as_u16())),
        };
        let kind = answer.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            return Err(WebError::Page);
        }
        Ok((answer, begins))
    }

    async fn fetch(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        let slow = |_| WebError::Slow(limits.idle);
        let mut answer = self.follow(url, 0, limits.idle).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let told = proxy::of(answer.url()).map(proxy::Proxy::wants_login);
                return Err(told.map_or(WebError::Status(407), WebError::Unreachable));
            }
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

impl Web {
    /// The answer at the end of at most five redirects, none of them off TLS or to an address that is not to be asked. The
    /// body is asked for from `offset` on.
    async fn follow(&self, url: &Url, offset: u64, idle: Duration) -> Result<Response, WebError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            if self.public_only {
                let checked = timeout(idle, public::check(&url)).await;
                checked.map_err(|_| WebError::Slow(idle))??;
            }
            let mut request = self.client.get(url.clone());
            if offset > 0 {
                request = request.header(header::RANGE, format!("bytes={offset}-"));
            }
            let answer = timeout(idle, request.send()).await;
            let answer = answer.map_err(|_| WebError::Slow(idle))?.map_err(failed)?;
            let Some(next) = redirected(&answer) else {
                return Ok(answer);
            };
            let next = url
                .join(&next)
                .map_err(|_| WebError::Redirect("redirected to something that is no address"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(WebError::Redirect("redirected from https to http"));
            }
            if !next.username().is_empty() || next.password().is_some() {
                return Err(WebError::Redirect(
                    "redirected to an address with a password in it",
                ));
            }
            url = next;
        }
        Err(WebError::Redirect("redirected more than 5 times"))
    }
}

/// Where an answer sends us, if it does.
fn redirected(answer: &Response) -> Option<String> {
    let codes = [301, 302, 303, 307, 308];
    let location = answer.headers().get(header::LOCATION)?;
    codes
        .contains(&answer.status().as_u16())
        .then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The next bytes of a body.
pub async fn next(answer: &mut Response, idle: Duration) -> Result<Option<Bytes>, WebError> {
    let chunk = timeout(idle, answer.chunk()).await;
    chunk.map_err(|_| WebError::Slow(idle))?.map_err(failed)
}

/// Whether a part of a body is the part that was asked for.
fn begins_at(answer: &Response, offset: u64) -> bool {
    let range = answer.headers().get(header::CONTENT_RANGE);
    let text = range
        .and_then(|range| range.to_str().ok())
        .unwrap_or_default();
    text.starts_with(&format!("bytes {offset}-"))
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

/// Login and error pages of proxies come as whatever type was asked for.
fn is_page(body: &[u8]) -> bool {
    let start: Vec<u8> = body.trim_ascii_start().iter().take(9).copied().collect();
    let start = start.to_ascii_lowercase();
    start.starts_with(b"<!doctype") || start.starts_with(b"<html")
}

fn failed(error: reqwest::Error) -> WebError {
    if let Some(reason) = causes::find::<NotPublic>(&error) {
        return reason.clone().into();
    }
    if let Some(told) = error
        .url()
        .and_then(proxy::of)
        .and_then(|proxy| proxy.refusal(&error))
    {
        return WebError::Unreachable(told);
    }
    let detail = excerpt(&causes::root(&error).to_string(), 200);
    match () {
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
    /// A stranger named it, and it is nothing to ask for a stranger.
    #[error(transparent)]
    NotPublic(#[from] NotPublic),
    /// HTML.
    #[error("answered with a web page")]
    Page,
    /// Round and round, or somewhere it must not go.
    #[error("{0}")]
    Redirect(&'static str),
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
        matches!(
            self,
            Self::NotPublic(_) | Self::Slow(_) | Self::Unreachable(_)
        )
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
