/*!
An upload session: where its next request goes, and how to ask the registry what it has of it.
*/

use std::fmt;

use reqwest::{
    Method, Response,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION, RANGE},
};
use url::Url;

use super::{Error, Remote, access::Access, location, reply::Reply, send::Call, tls::Traffic};
use crate::{Digest, manifest::Blob};

/// A session that a registry has opened. Dropping it unused is fine: registries clear such sessions away.
#[derive(Clone)]
pub struct Upload {
    pub(super) url: Url,
    /// Smallest chunk the registry takes, bytes.
    pub(super) chunk_min: u64,
}

impl Upload {
    /// Reads the session out of an answer; `None` without a usable `Location`.
    fn of(response: &Response) -> Option<Self> {
        let place = text(response.headers(), &LOCATION)?;
        let chunk_min = text(
            response.headers(),
            &HeaderName::from_static("oci-chunk-min-length"),
        );
        Some(Self {
            url: location::resolve(response.url(), place)?,
            chunk_min: chunk_min.and_then(|text| text.parse().ok()).unwrap_or(0),
        })
    }

    /// Where to finish the upload: the location with `digest` added to its query.
    pub(super) fn finish(&self, digest: &Digest) -> Url {
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
    /// Opens a session (distribution-spec, "POST then PUT").
    pub(super) async fn start_upload(&self, blob: &Blob) -> Result<Upload, Error> {
        let response = self.post_uploads(blob, &[], self.push()).await?;
        self.session(&response, blob)
    }

    /// `POST uploads/` with a query.
    pub(super) async fn post_uploads(
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
    pub(super) fn session(&self, response: &Response, blob: &Blob) -> Result<Upload, Error> {
        let upload = Upload::of(response).ok_or_else(|| Error::Protocol {
            target: self.target(&blob.digest),
            detail: "the registry opened an upload without a usable Location".to_owned(),
        })?;
        self.allowed(upload, blob)
    }

    /// Takes over the new location of an answer, if it has one.
    pub(super) fn moved(
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
        Err(Error::UploadElsewhere {
            target: self.target(&blob.digest),
            host: location::authority(&upload.url),
        })
    }

    /// Asks what the registry has of an upload; the offset to go on from, where it can be continued.
    pub(super) async fn upload_status(&self, upload: &mut Upload, blob: &Blob) -> Option<u64> {
        let call = Call {
            traffic: Traffic::Api,
            method: Method::GET,
            url: upload.url.clone(),
            access: self.push(),
            target: self.target(&blob.digest),
            fill: &|request| request,
        };
        let response = self.call_once(&call, &[]).await.ok()?;
        self.moved(upload, &response, blob).ok()?;
        location::upload_offset(text(response.headers(), &RANGE)?, blob.size)
    }
}

/// A header's text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
