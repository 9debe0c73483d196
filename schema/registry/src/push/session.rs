/*!
An upload session: where its next request goes, and how to ask the registry what it has of it.
*/

use std::{fmt, time::Duration};

use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION, RANGE},
};
use schema::{Digest, manifest::Blob};
use url::Url;

use crate::{
    Error, Remote,
    auth::access::Access,
    push::refused_for_good::Step,
    transport::{clients::Traffic, origin, range, reply::Reply, send::Call},
};

/// A session that a registry has opened. Dropping it unused is fine: registries clear such sessions away.
#[derive(Clone)]
pub struct Upload {
    pub(crate) url: Url,
    /// Smallest chunk the registry takes, bytes.
    pub(crate) chunk_min: u64,
    /// Bytes that the registry has confirmed, by our count.
    pub(crate) taken: u64,
    /// Bytes that may have got there.
    pub(crate) sent: u64,
}

/// What beginning an upload gave.
#[derive(Debug)]
pub(crate) enum Begun {
    /// A session for the bytes.
    Session(Upload),
    /// The blob was there already.
    There,
}

/// What a registry has of an upload, as it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadStatus {
    /// It has so many bytes. Registries are often wrong about it.
    Has(u64),
    /// There is no such upload, or no longer.
    Gone,
    /// Its answer does not tell.
    Unknown,
}

/// Chunks are held in memory, so a registry cannot ask for larger ones: 16 MiB.
const CHUNK_MIN_LIMIT: u64 = 16 << 20;

/// The longest that a registry is given to clear an upload away.
const CLEARING: Duration = Duration::from_secs(5);

impl Upload {
    /// Reads the session out of an answer; `None` without a usable `Location`.
    fn of(response: &Response) -> Option<Self> {
        let place = text(response.headers(), &LOCATION).filter(|place| !place.trim().is_empty())?;
        let chunk_min = text(
            response.headers(),
            &HeaderName::from_static("oci-chunk-min-length"),
        );
        Some(Self {
            url: origin::resolve(response.url(), place)?,
            chunk_min: chunk_min
                .and_then(|text| text.trim().parse().ok())
                .filter(|least| *least <= CHUNK_MIN_LIMIT)
                .unwrap_or(0),
            taken: 0,
            sent: 0,
        })
    }

    /// Where to finish the upload: the location with `digest` added to its query.
    pub(crate) fn finish(&self, digest: &Digest) -> Url {
        let mut url = self.url.clone();
        // Added by hand: re-encoding the registry's own part of the query could change it.
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&digest={digest}"),
            _ => format!("digest={digest}"),
        };
        url.set_query(Some(&query));
        url
    }
}

/// The path only: what stands in the query may be a signature that gives access.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({})", self.url.path())
    }
}

impl Remote {
    /// Opens a session (distribution-spec, "POST then PUT"). A refusal of it holds for all blobs of the repository.
    pub(crate) async fn begin_upload(&self, blob: &Blob) -> Result<Begun, Error> {
        let response = self
            .post_uploads(blob, &[], self.push())
            .await
            .map_err(|error| self.refused_for_good(error, Step::Open))?;
        let (status, session) = (response.status(), self.session(&response, blob));
        // It keeps a place among the requests under way as long as it is there.
        drop(response);
        if status == StatusCode::CREATED && self.has_blob(blob).await? {
            return Ok(Begun::There);
        }
        session
            .map(Begun::Session)
            .map_err(|error| self.refused_for_good(error, Step::Open))
    }

    /// `POST uploads/` with a query.
    pub(crate) async fn post_uploads(
        &self,
        blob: &Blob,
        query: &[(&str, &str)],
        access: Access,
    ) -> Result<Reply, Error> {
        let mut url = self.url("blobs/uploads/");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let call = Call {
            traffic: Traffic::Api,
            method: Method::POST,
            url,
            access,
            target: self.target(&blob.digest),
            fill: &|request| request.header(CONTENT_LENGTH, 0),
        };
        self.call(&call, &[]).await
    }

    /// The session that an answer opened.
    pub(crate) fn session(&self, response: &Response, blob: &Blob) -> Result<Upload, Error> {
        let upload = Upload::of(response).ok_or_else(|| Error::Protocol {
            target: self.target(&blob.digest),
            detail: "the registry opened an upload without a usable Location".to_owned(),
        })?;
        self.allowed(upload, blob)
    }

    /// Takes over the new location of an answer, if it has one.
    pub(crate) fn moved(
        &self,
        upload: &mut Upload,
        response: &Response,
        blob: &Blob,
    ) -> Result<(), Error> {
        if let Some(next) = Upload::of(response) {
            let next = self.allowed(next, blob)?;
            upload.url = next.url;
            upload.chunk_min = upload.chunk_min.max(next.chunk_min);
        }
        Ok(())
    }

    /// An upload goes to the registry itself, or to a host that was allowed by name.
    fn allowed(&self, upload: Upload, blob: &Blob) -> Result<Upload, Error> {
        if self.shared.clients.may_upload_to(&upload.url) {
            return Ok(upload);
        }
        let host = origin::authority(&upload.url);
        // The same name and port by another scheme: nothing to allow, and something to mend there.
        if host == origin::authority(&self.shared.base) {
            return Err(Error::Protocol {
                target: self.target(&blob.digest),
                detail: format!(
                    "it sends the upload from {} to {} on the same host and port; the proxy before it has to pass X-Forwarded-Proto on, or the registry's external address has to be set right",
                    self.shared.base.scheme(),
                    upload.url.scheme()
                ),
            });
        }
        Err(Error::UploadElsewhere {
            target: self.target(&blob.digest),
            host,
        })
    }

    /// Asks what the registry has of an upload.
    pub(crate) async fn upload_status(&self, upload: &mut Upload, blob: &Blob) -> UploadStatus {
        let call = self.upload_call(Method::GET, upload, blob);
        let response = match self.call_once(&call, &[404, 410]).await {
            Ok(response) if response.status().is_success() => response,
            Ok(_) => return UploadStatus::Gone,
            Err(_) => return UploadStatus::Unknown,
        };
        if self.moved(upload, &response, blob).is_err() {
            return UploadStatus::Unknown;
        }
        text(response.headers(), &RANGE)
            .and_then(|range| range::upload_offset(range, blob.size))
            .map_or(UploadStatus::Unknown, UploadStatus::Has)
    }

    /// Clears away an upload that is given up (distribution-spec, "Canceling a blob upload"): it would count against the
    /// quota for days. Where the registry does not let us, it does so itself one day.
    pub(crate) async fn abandon(&self, upload: Upload, blob: &Blob) {
        let call = self.upload_call(Method::DELETE, &upload, blob);
        match tokio::time::timeout(CLEARING, self.call_once(&call, &[])).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an upload is left behind"),
            Err(_) => tracing::debug!("an upload is left behind: no answer"),
        }
    }

    fn upload_call<'a>(&'a self, method: Method, upload: &Upload, blob: &Blob) -> Call<'a> {
        Call {
            traffic: Traffic::Api,
            method,
            url: upload.url.clone(),
            access: self.push(),
            target: self.target(&blob.digest),
            fill: &|request| request,
        }
    }
}

/// A header's text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
