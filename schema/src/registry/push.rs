/*!
Blobs into a registry: one streaming PUT, gone on with where the registry kept a part, chunks where it wants them.
*/

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{
    Body, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use url::Url;

use super::{
    BlobSource, Error, Remote, Upload,
    access::Access,
    location, manifests,
    reply::Reply,
    retry::Patience,
    send,
    source::Exact,
    tls::{IDLE, Traffic},
    upload::text,
};
use crate::{Repository, manifest::Blob};

/// Bytes of a chunk where the registry names none.
const CHUNK: u64 = 4 << 20;

/// The smallest chunk tried where larger ones are too large for the registry.
const CHUNK_MIN: u64 = 256 << 10;

/// What became of a mount.
#[derive(Debug)]
pub enum Mount {
    /// The blob is now in this repository.
    Done,
    /// The registry opened this session instead, to be used for the upload or dropped.
    Refused(Upload),
}

/// How the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Whole,
    Chunks(u64),
}

impl Remote {
    /// Takes a blob over from another repository of the same registry (distribution-spec, "Mounting a blob").
    pub async fn mount(&self, blob: &Blob, from: &Repository) -> Result<Mount, Error> {
        let digest = blob.digest.to_string();
        let query = [("mount", digest.as_str()), ("from", from.as_str())];
        match self
            .post_uploads(blob, &query, Access::mount(&self.repository, from))
            .await
        {
            Ok(response) if response.status() == StatusCode::CREATED => Ok(Mount::Done),
            Ok(response) => Ok(Mount::Refused(self.session(&response, blob)?)),
            // Not being allowed to mount says nothing about being allowed to push.
            Err(error)
                if !error.is_transient()
                    && !matches!(error, Error::Tls { .. } | Error::Config(_)) =>
            {
                Ok(Mount::Refused(self.start_upload(blob).await?))
            }
            Err(error) => Err(error),
        }
    }

    /// Uploads a blob, into a session that [`Remote::mount`] left or a new one. What the registry already has of it
    /// after a failure is not sent again where it can be gone on with.
    pub async fn push_blob(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        session: Option<Upload>,
    ) -> Result<(), Error> {
        let mut patience = Patience::new(self.shared.retries);
        let (mut session, mut offset, mut way, mut logins) = (session, 0, Way::Whole, 0);
        loop {
            let error = match self.attempt(blob, source, &mut session, offset, way).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error {
                Error::Denied { status: 401, .. } if logins < 2 && session.is_some() => logins += 1,
                Error::Http {
                    status: 405 | 411 | 413 | 501,
                    ..
                } if way == Way::Whole => {
                    tracing::debug!(%error, "pushing in chunks");
                    way = Way::Chunks(CHUNK);
                    (session, offset) = (None, 0);
                    continue;
                }
                Error::Http { status: 413, .. } if matches!(way, Way::Chunks(size) if size > CHUNK_MIN) =>
                {
                    way = Way::Chunks(if let Way::Chunks(size) = way {
                        size / 2
                    } else {
                        CHUNK
                    });
                }
                // A session that is gone, or that has lost count, is begun anew.
                Error::NotFound { .. } | Error::Http { status: 416, .. }
                    if session.is_some() && logins < 2 =>
                {
                    logins += 1;
                    session = None;
                }
                error => {
                    patience.wait(error).await?;
                    if self.has_blob(blob).await? {
                        return Ok(());
                    }
                }
            }
            let held = match &mut session {
                Some(upload) => self.upload_status(upload, blob).await,
                None => None,
            };
            if held.is_none() {
                session = None;
            }
            let held = held.unwrap_or(0);
            if held > offset {
                patience.reset();
            }
            offset = held;
        }
    }

    async fn attempt(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        session: &mut Option<Upload>,
        offset: u64,
        way: Way,
    ) -> Result<(), Error> {
        let upload = match session {
            Some(upload) => upload,
            None => session.insert(self.start_upload(blob).await?),
        };
        match way {
            Way::Chunks(size) => {
                self.chunks(blob, source, upload, offset, size.max(upload.chunk_min))
                    .await?;
                self.finish(blob, upload).await
            }
            Way::Whole if offset == 0 => {
                let bytes = source.open(0).map_err(Error::Source)?;
                let response = self
                    .transfer(
                        Method::PUT,
                        upload.finish(&blob.digest),
                        blob,
                        bytes,
                        blob.size,
                        None,
                    )
                    .await?;
                self.committed(&response, blob)
            }
            Way::Whole => {
                if offset < blob.size {
                    let bytes = source.open(offset).map_err(Error::Source)?;
                    self.patch(blob, upload, bytes, offset, blob.size - offset)
                        .await?;
                }
                self.finish(blob, upload).await
            }
        }
    }

    /// Sends the rest in chunks, each held in memory while it goes.
    async fn chunks(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        upload: &mut Upload,
        mut offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        let short = || {
            let kind = std::io::ErrorKind::InvalidData;
            Error::Source(std::io::Error::new(
                kind,
                "the source has fewer bytes than the blob",
            ))
        };
        let mut bytes = source.open(offset).map_err(Error::Source)?;
        let mut rest = Bytes::new();
        while offset < blob.size {
            let length = size.min(blob.size - offset);
            let (mut pieces, mut missing) = (Vec::new(), length);
            while missing > 0 {
                if rest.is_empty() {
                    rest = bytes
                        .next()
                        .await
                        .ok_or_else(short)?
                        .map_err(Error::Source)?;
                }
                let piece = rest.split_to(
                    rest.len()
                        .min(usize::try_from(missing).unwrap_or(usize::MAX)),
                );
                missing -= piece.len() as u64;
                pieces.push(Ok(piece));
            }
            self.patch(blob, upload, stream::iter(pieces).boxed(), offset, length)
                .await?;
            offset += length;
        }
        // The source's own check may come as an error after the last byte.
        match bytes.next().await {
            Some(Err(error)) => Err(Error::Source(error)),
            _ => Ok(()),
        }
    }

    async fn patch(
        &self,
        blob: &Blob,
        upload: &mut Upload,
        bytes: stream::BoxStream<'static, std::io::Result<Bytes>>,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        let range = format!("{offset}-{}", offset + length - 1);
        let response = self
            .transfer(
                Method::PATCH,
                upload.url.clone(),
                blob,
                bytes,
                length,
                Some(range),
            )
            .await?;
        self.moved(upload, &response, blob)?;
        let held =
            text(response.headers(), &RANGE).map(|range| range.trim().trim_start_matches("bytes="));
        match held.and_then(|range| range.strip_prefix("0-")?.parse::<u64>().ok()) {
            Some(last) if last + 1 != offset + length => Err(Error::Cut {
                host: self.shared.host.clone(),
                target: self.target(&blob.digest),
                detail: format!(
                    "the registry kept {} of {} bytes",
                    last + 1,
                    offset + length
                ),
            }),
            _ => Ok(()),
        }
    }

    async fn finish(&self, blob: &Blob, upload: &Upload) -> Result<(), Error> {
        let nothing = stream::empty().boxed();
        let response = self
            .transfer(
                Method::PUT,
                upload.finish(&blob.digest),
                blob,
                nothing,
                0,
                None,
            )
            .await?;
        self.committed(&response, blob)
    }

    fn committed(&self, response: &Response, blob: &Blob) -> Result<(), Error> {
        match manifests::declared(response) {
            Some(found) if found != blob.digest => Err(Error::Digest {
                target: self.target(&blob.digest),
                expected: blob.digest,
                found,
            }),
            _ if response.status() == StatusCode::CREATED => Ok(()),
            _ => Err(Error::Protocol {
                target: self.target(&blob.digest),
                detail: format!(
                    "expected 201 for a finished upload, the registry answered {}",
                    response.status().as_u16()
                ),
            }),
        }
    }

    /// Sends bytes that can be sent only once: a 401 is taken in, and left to the caller to act on.
    async fn transfer(
        &self,
        method: Method,
        url: Url,
        blob: &Blob,
        bytes: stream::BoxStream<'static, std::io::Result<Bytes>>,
        length: u64,
        range: Option<String>,
    ) -> Result<Response, Error> {
        let (access, target) = (self.push(), self.target(&blob.digest));
        let ours = location::same_origin(&url, &self.shared.base);
        let header = if ours {
            self.shared.logins.header(&access).await?
        } else {
            None
        };
        let (body, watch) = Exact::new(bytes, length);
        let client = self.client(Traffic::Upload, &url, &target)?;
        let mut request = client.request(method.clone(), url);
        request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length);
        if let Some(range) = range {
            request = request.header(CONTENT_RANGE, range);
        }
        if let Some(value) = &header {
            request = request.header(AUTHORIZATION, value.clone());
        }
        request = if length > 0 {
            request.body(Body::wrap_stream(body))
        } else {
            request.body("")
        };
        let sent = tokio::select! {
            sent = request.send() => sent.map_err(|error| Error::transport(error, &self.shared.host, &target)),
            () = watch.stalled(IDLE, IDLE * 5) => Err(Error::Cut {
                host: self.shared.host.clone(),
                target: target.clone(),
                detail: "nothing moved for a minute".to_owned(),
            }),
        };
        if let Some(failure) = watch.failure() {
            return Err(failure);
        }
        let response = sent?;
        if response.status() == StatusCode::UNAUTHORIZED && ours {
            self.challenged(&response, &access, header.as_ref()).await?;
        }
        if !response.status().is_success() {
            return Err(send::refusal(&method, Reply::new(response, None), target).await);
        }
        Ok(response)
    }
}
