/*!
Anonymous downloads from servers that are no registries: signature stores, update graphs, layers from elsewhere.

[`Web::get`] takes a small body whole, within [`Limits`]; [`Web::open`] gives a large one as a [`Download`], from any byte.
No credentials and no cookies go out, redirects never leave TLS, and nothing waits for ever. What a stranger names is asked
only at public addresses, where a redirect leads too ([`Web::for_strangers`]). An error is a short reason that reads on from
the address; [`WebError::is_final`] says whether asking the same server for more makes sense.
*/

mod error;
mod public;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use net::proxy;
use reqwest::{Client, Response, StatusCode, Url, header};
use tokio::time::timeout;

use crate::transport::clients::anonymous_client;
use public::PublicOnly;

pub use error::WebError;
pub use public::NotPublic;

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
        let client = anonymous_client(ca_file, |builder| builder.connect_timeout(CONNECT))?;
        Ok(Self {
            client,
            ca_file: ca_file.map(Path::to_owned),
            public_only: false,
        })
    }

    /// The same for addresses that strangers name: https only, and public ones only, with connections of its own.
    pub fn for_strangers(&self) -> Result<Self, crate::Error> {
        let client = anonymous_client(self.ca_file.as_deref(), |builder| {
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

    /// The body found at an `http` or `https` address, or `None` where the server answers 404.
    pub async fn get(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        let whole = timeout(limits.whole, self.fetch(url, limits)).await;
        whole.unwrap_or(Err(WebError::Slow(limits.whole)))
    }

    /// A body from `offset` on, or from its start where the server knows no ranges: [`Download::begins_at`] is where.
    pub async fn open(&self, url: &Url, offset: u64, idle: Duration) -> Result<Download, WebError> {
        let response = self.follow(url, offset, idle).await?;
        let begins_at = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if offset > 0 && begins_at(&response, offset) => offset,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let login = proxy::of(response.url()).map(proxy::Proxy::wants_login);
                return Err(login.map_or(WebError::Status(407), WebError::Unreachable));
            }
            status => return Err(WebError::Status(status.as_u16())),
        };
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            return Err(WebError::Page);
        }
        Ok(Download {
            response,
            begins_at,
            idle,
        })
    }

    async fn fetch(&self, url: &Url, limits: &Limits) -> Result<Option<Vec<u8>>, WebError> {
        let mut download = match self.open(url, 0, limits.idle).await {
            Err(WebError::Status(404)) => return Ok(None),
            opened => opened?,
        };
        let too_large = WebError::TooLarge(limits.bytes);
        if download.size().is_some_and(|size| size > limits.bytes) {
            return Err(too_large);
        }
        let mut body = Vec::new();
        while let Some(chunk) = download.next().await? {
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

/// A body on its way.
#[derive(Debug)]
pub struct Download {
    response: Response,
    begins_at: u64,
    idle: Duration,
}

impl Download {
    /// The byte of the whole that comes first: the offset that was asked for, or 0.
    pub fn begins_at(&self) -> u64 {
        self.begins_at
    }

    /// Bytes of the whole, where the server announced them.
    pub fn size(&self) -> Option<u64> {
        let length = self.response.content_length()?;
        length.checked_add(self.begins_at)
    }

    /// The next bytes; `None` at the end, which the server may reach too early.
    pub async fn next(&mut self) -> Result<Option<Bytes>, WebError> {
        let chunk = timeout(self.idle, self.response.chunk()).await;
        chunk
            .map_err(|_| WebError::Slow(self.idle))?
            .map_err(error::failed)
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
            let answer = answer
                .map_err(|_| WebError::Slow(idle))?
                .map_err(error::failed)?;
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

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (address, expected) in [
            ("https://h:1/a/b@c", "https://h:1/a/b@c"),
            ("https://user:secret@h/a", "https://…@h/a"),
            ("https://user:secret@h:99999/a", "https://…@h:99999/a"),
            ("https://u:se@cret@h", "https://…@h"),
            ("https://h/a?token=secret", "https://h/a?…"),
            ("https://h/a#secret", "https://h/a?…"),
            ("relative/path", "relative/path"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }
}
