/*!
Manifests: the raw bytes a registry gives and takes, never re-serialised, since their digest is their name.
*/

use bytes::Bytes;
use reqwest::{
    Method, Response,
    header::{ACCEPT, CONTENT_TYPE},
};
use schema::{
    Digest, Manifest, MediaType, Selector,
    manifest::{MANIFEST_LIMIT, ManifestError},
};

use crate::{
    Error, Remote,
    push::refused_for_good::Step,
    transport::{
        clients::Traffic,
        send::{self, Call, Limit},
    },
};

/// A manifest as the registry gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// The body, byte for byte; at most [`MANIFEST_LIMIT`].
    pub bytes: Bytes,
    /// From `Content-Type`, or read from the body where there was none.
    pub media_type: MediaType,
    /// The digest of `bytes`.
    pub digest: Digest,
}

/// What a registry answered to a manifest that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutManifest {
    /// It keeps the referrers list itself (`OCI-Subject`; distribution-spec, "Pushing Manifests with Subject").
    pub subject_handled: bool,
}

impl Remote {
    /// Fetches a manifest (distribution-spec, "Pulling manifests"). Its digest is that of the selector, if it is one,
    /// and that of `Docker-Content-Digest`; otherwise [`Error::Digest`].
    pub async fn manifest(&self, selector: &Selector) -> Result<RawManifest, Error> {
        let mut budget = self.retry_budget();
        loop {
            match self.manifest_once(selector).await {
                Ok(manifest) => return Ok(manifest),
                Err(error) => budget.wait(error).await?,
            }
        }
    }

    /// The digest a manifest has there, or `None` where there is none of that name.
    pub async fn find_manifest(&self, selector: &Selector) -> Result<Option<Digest>, Error> {
        let response = match self
            .call(&self.ask(Method::HEAD, selector), &[404, 405])
            .await
        {
            // Registries without HEAD, or that answer it with an error of their own making, do know GET.
            Err(Error::Http { .. }) | Err(Error::NotFound { .. }) => None,
            other => Some(other?),
        };
        if let Some(response) = response {
            if response.status() == 404 {
                return Ok(None);
            }
            if let Some(digest) = declared(&response).filter(|_| response.status().is_success()) {
                return match selector {
                    Selector::Digest(expected) if *expected != digest => Err(Error::Digest {
                        target: self.target(selector),
                        expected: *expected,
                        found: digest,
                    }),
                    _ => Ok(Some(digest)),
                };
            }
        }
        match self.manifest(selector).await {
            Ok(manifest) => Ok(Some(manifest.digest)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a manifest, bytes as they are. What the registry then calls it must be their digest. A tag that the registry
    /// does not let move is [`Error::Immutable`], unless it is right already.
    pub async fn put_manifest(
        &self,
        selector: &Selector,
        media_type: MediaType,
        bytes: Bytes,
    ) -> Result<PutManifest, Error> {
        let fill = |request: reqwest::RequestBuilder| {
            request
                .header(CONTENT_TYPE, media_type.as_str())
                .body(bytes.clone())
        };
        let call = Call {
            traffic: Traffic::Api,
            method: Method::PUT,
            url: self.url(&format!("manifests/{selector}")),
            access: self.push(),
            target: self.target(selector),
            fill: &fill,
        };
        let expected = Digest::of(&bytes);
        self.still_open()?;
        let response = match self.call(&call, &[]).await {
            Ok(response) => response,
            Err(error) if self.is_there(&error, selector, expected).await? => {
                tracing::debug!(%error, "it is there already");
                return Ok(PutManifest {
                    subject_handled: false,
                });
            }
            Err(error) => {
                let error = error.with_hint(foreign_hint(&bytes, media_type));
                return Err(self.refused_for_good(error, Step::Store));
            }
        };
        let subject_handled = response.headers().contains_key("oci-subject");
        match declared(&response) {
            Some(found) if found == expected => Ok(PutManifest { subject_handled }),
            Some(found) => Err(Error::Digest {
                target: call.target,
                expected,
                found,
            }),
            // The specification wants the digest and 201. What answers otherwise may be no registry, and has stored nothing.
            None => {
                let answer = format!(
                    "a PUT was answered with {} and {:?} content, and without Docker-Content-Digest",
                    response.status().as_u16(),
                    content_type(&response)
                );
                drop(response);
                match self.find_manifest(selector).await {
                    Ok(Some(found)) if found == expected => Ok(PutManifest { subject_handled }),
                    Err(error) if error.is_transient() => Err(error),
                    _ => Err(Error::Protocol {
                        target: call.target,
                        detail: format!(
                            "{answer}, and what was sent is not there; check the address, and that no login page stands before the registry"
                        ),
                    }),
                }
            }
        }
    }

    /// Whether what was refused is there all the same: registries that keep tags or manifests from changing refuse even
    /// what changes nothing.
    async fn is_there(
        &self,
        error: &Error,
        selector: &Selector,
        expected: Digest,
    ) -> Result<bool, Error> {
        let status = error.status().unwrap_or_default();
        if !matches!(status, 400 | 403 | 405 | 409 | 412) {
            return Ok(false);
        }
        let found = self.find_manifest(selector).await.ok().flatten();
        let Some(found) = found.filter(|found| *found != expected) else {
            return Ok(found.is_some());
        };
        let reason = error.to_string();
        let words = reason.to_ascii_lowercase();
        let immutable = [
            "immutab",
            "overwrit",
            "already exist",
            "updating asset",
            "protected",
        ];
        if matches!(status, 409 | 412) || immutable.iter().any(|word| words.contains(word)) {
            return Err(Error::Immutable {
                target: self.target(selector),
                found,
                expected,
                reason,
            });
        }
        Ok(false)
    }

    fn ask(&self, method: Method, selector: &Selector) -> Call<'_> {
        Call {
            traffic: Traffic::Api,
            method,
            url: self.url(&format!("manifests/{selector}")),
            access: self.pull(),
            target: self.target(selector),
            fill: &|request| {
                MediaType::ALL.iter().fold(request, |request, kind| {
                    request.header(ACCEPT, kind.as_str())
                })
            },
        }
    }

    async fn manifest_once(&self, selector: &Selector) -> Result<RawManifest, Error> {
        let call = self.ask(Method::GET, selector);
        let response = self.call_once(&call, &[]).await?;
        let (kind, declared) = (content_type(&response), declared(&response));
        let protocol = |detail: String| Error::Protocol {
            target: call.target.clone(),
            detail,
        };
        if kind.starts_with("text/html") {
            return Err(protocol(format!(
                "{} answered with a web page; is it a registry?",
                self.shared.host
            )));
        }
        let (limit, host) = (Limit(MANIFEST_LIMIT), &self.shared.host);
        let body = send::read(response, limit, host, &call.target).await?;
        let digest = Digest::of(&body);
        let asked = match selector {
            Selector::Digest(digest) => Some(*digest),
            Selector::Tag(_) => None,
        };
        if let Some(expected) = asked
            .into_iter()
            .chain(declared)
            .find(|expected| *expected != digest)
        {
            return Err(Error::Digest {
                target: call.target,
                expected,
                found: digest,
            });
        }
        let media_type = match MediaType::from_header(&kind) {
            Some(media_type) => media_type,
            None => Manifest::parse_undeclared(&body)
                .map(|manifest| manifest.media_type)
                .map_err(|error| match error {
                    ManifestError::Malformed(_) => {
                        protocol(format!("expected a manifest, found {kind:?} content"))
                    }
                    error => protocol(error.to_string()),
                })?,
        };
        Ok(RawManifest {
            bytes: body.into(),
            media_type,
            digest,
        })
    }
}

/// What may be behind the refusal of a manifest with foreign layers, whatever the registry calls it.
fn foreign_hint(bytes: &[u8], media_type: MediaType) -> Option<&'static str> {
    let manifest = Manifest::parse(bytes, media_type).ok()?;
    (!manifest.foreign.is_empty()).then_some(
        "; it has foreign layers, which are meant to come from elsewhere (`urls`), and many registries refuse those: \
         docker-registry takes them once their addresses are allowed (validation.manifests.urls.allow in its \
         configuration, or validation.disabled: true); else bundle the image for another platform (--platform)",
    )
}

/// `Content-Type` in lower case, fit for a message; empty where there is none.
pub(crate) fn content_type(response: &Response) -> String {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    crate::error::clean(&value.unwrap_or_default().to_ascii_lowercase())
}

/// `Docker-Content-Digest`, where it is a digest we can check.
pub(crate) fn declared(response: &Response) -> Option<Digest> {
    response
        .headers()
        .get("docker-content-digest")?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
