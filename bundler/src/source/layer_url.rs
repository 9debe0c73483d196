/*!
A blob that comes from an address in its manifest: a foreign layer, which the registry of its image need not hold.

The address is as untrusted as the manifest. It is asked without any identity, within the rules for addresses that nobody
typed ([`registry::web`]), and what comes has the digest and size that the manifest names, or is refused.
*/

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use registry::web::{self, Download, Web, WebError};
use schema::manifest::Blob;
use url::Url;

use crate::Error;

/// Times that a download goes on after a cut, if not a byte came in between.
const CUTS: u32 = 5;

/// Time without a byte.
const IDLE: Duration = Duration::from_secs(60);

/// Whether the user named the host of an address, with or without its port.
fn is_named(url: &Url, allowed: &[String]) -> bool {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let with_port = format!("{host}:{port}");
    allowed
        .iter()
        .any(|name| name == host || *name == with_port)
}

/// A server that offers the blob.
#[derive(Debug, Clone)]
pub struct LayerUrl {
    web: Web,
    url: Url,
}

impl LayerUrl {
    /// The first of the addresses that offers a blob of that size; else why none does. `allowed` are the hosts that the user
    /// named, wherever they are.
    pub async fn find(
        web: &Web,
        allowed: &[String],
        urls: &[String],
        blob: &Blob,
    ) -> Result<Self, String> {
        let mut reasons = Vec::new();
        let strangers = web.for_strangers().map_err(|error| error.to_string())?;
        for text in urls {
            let shown = web::shown(text);
            let plain = |url: &Url| url.username().is_empty() && url.password().is_none();
            let Some(url) = Url::parse(text).ok().filter(plain) else {
                reasons.push(format!(
                    "{shown} is no address, or one with a password in it"
                ));
                continue;
            };
            // Nobody typed these addresses; where they may lead is decided as for whatever else a stranger names.
            let web = match is_named(&url, allowed) {
                true => web.clone(),
                false => strangers.clone(),
            };
            match web.open(&url, 0, IDLE).await {
                Ok(download) if download.size().is_none_or(|size| size == blob.size) => {
                    return Ok(Self { web, url });
                }
                Ok(_) => reasons.push(format!("{shown} has another size")),
                Err(WebError::NotPublic(_)) => reasons.push(format!(
                    "{shown} is not asked, since it is no https address of the internet; if it is meant, give --allow-foreign-host {}",
                    url.host_str().unwrap_or_default()
                )),
                Err(error) => reasons.push(format!("{shown} {error}")),
            }
        }
        if reasons.is_empty() {
            reasons.push("the manifest gives no address for it".to_owned());
        }
        Err(reasons.join("; "))
    }

    /// The error for whoever asks it for a manifest.
    pub(super) fn no_manifests(&self) -> Error {
        Error::Download {
            url: self.to_string(),
            reason: "holds a layer and no manifests".to_owned(),
        }
    }

    /// The blob in order, at most as many bytes as it has; its digest is for the caller to check.
    pub fn stream(&self, blob: &Blob) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        let reading = Reading {
            from: self.clone(),
            size: blob.size,
            given: 0,
            skip: 0,
            download: None,
            cuts: 0,
        };
        stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|bytes| (bytes, reading)))
        })
    }
}

impl fmt::Display for LayerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&web::shown(self.url.as_str()))
    }
}

struct Reading {
    from: LayerUrl,
    size: u64,
    given: u64,
    /// Bytes to be passed over, of a server that begins again.
    skip: u64,
    download: Option<Download>,
    cuts: u32,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.given < self.size {
            match self.step().await {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    (self.given, self.cuts) = (self.given + bytes.len() as u64, 0);
                    return Ok(Some(bytes));
                }
                Err(WebError::Cut(_) | WebError::Slow(_)) if self.cuts < CUTS => {
                    (self.download, self.cuts) = (None, self.cuts + 1);
                }
                Err(error) => {
                    return Err(Error::Download {
                        url: self.from.to_string(),
                        reason: format!(
                            "{error}; it holds a foreign layer, which --foreign-layers skip leaves out"
                        ),
                    });
                }
            }
        }
        Ok(None)
    }

    async fn step(&mut self) -> Result<Bytes, WebError> {
        let Some(download) = &mut self.download else {
            let download = self.from.web.open(&self.from.url, self.given, IDLE).await?;
            self.skip = self.given.saturating_sub(download.begins_at());
            self.download = Some(download);
            return Ok(Bytes::new());
        };
        let Some(mut bytes) = download.next().await? else {
            return Err(WebError::Cut("it ended early".to_owned()));
        };
        let skipped = bytes.split_to(
            bytes
                .len()
                .min(usize::try_from(self.skip).unwrap_or(usize::MAX)),
        );
        self.skip -= skipped.len() as u64;
        if bytes.len() as u64 > self.size - self.given {
            return Err(WebError::TooLarge(self.size));
        }
        Ok(bytes)
    }
}
