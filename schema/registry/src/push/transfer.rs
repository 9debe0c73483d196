/*!
The requests of an upload, as they go over the wire: bytes that are sent once, watched while they go.

How many bytes an upload has is counted here. What registries answer in `Range` is off by one, stale or missing at too
many of them to be more than a hint after a failure.
*/

use std::time::Duration;

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use reqwest::{
    Body, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE},
};
use schema::manifest::Blob;
use url::Url;

use crate::{
    BlobSource, Error, Remote, Upload, manifests,
    push::{
        commit::{LONGEST_COMMIT, LostAnswer},
        form::Form,
        source::Exact,
    },
    transport::{
        clients::{IDLE, Traffic},
        origin, refusal,
        reply::Reply,
    },
};

/// The longest that the answer to a part of a blob is waited for.
const LONGEST_PART: Duration = Duration::from_secs(10 * 60);

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Why.
    pub error: Error,
    /// If every byte of the blob had left, and the request was the last: what became of the answer.
    pub lost: Option<LostAnswer>,
    /// Whether the connection ended while bytes were still on their form.
    pub sending: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            lost: None,
            sending: false,
        }
    }
}

/// One request with a part of a blob.
struct Part {
    method: Method,
    url: Url,
    offset: u64,
    length: u64,
    /// It is the last: what is complete then is put in its place.
    commits: bool,
}

impl Remote {
    /// Sends what is missing from `offset` on, and finishes the upload.
    pub(crate) async fn attempt(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        upload: &mut Upload,
        offset: u64,
        form: Form,
    ) -> Result<(), Failed> {
        match form {
            Form::Whole if offset == 0 => {
                let bytes = source.open(0).map_err(Error::Source)?;
                return self.finish(blob, upload, bytes, blob.size).await;
            }
            Form::Whole | Form::Stream => {
                if offset < blob.size {
                    let bytes = source.open(offset).map_err(Error::Source)?;
                    self.patch(blob, upload, bytes, offset, blob.size - offset)
                        .await?;
                }
            }
            Form::Chunks(size) => {
                let size = size.max(upload.chunk_min);
                self.chunks(blob, source, upload, offset, size).await?;
            }
        }
        self.finish(blob, upload, stream::empty().boxed(), 0).await
    }

    /// Sends the rest in chunks, each held in memory while it goes.
    async fn chunks(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        upload: &mut Upload,
        mut offset: u64,
        size: u64,
    ) -> Result<(), Failed> {
        let short = || {
            let kind = std::io::ErrorKind::InvalidData;
            let text = "the source has fewer bytes than the blob";
            Error::Source(std::io::Error::new(kind, text))
        };
        let mut bytes = source.open(offset).map_err(Error::Source)?;
        let mut rest = Bytes::new();
        while offset < blob.size {
            let length = size.min(blob.size - offset);
            let (mut pieces, mut missing) = (Vec::new(), length);
            while missing > 0 {
                if rest.is_empty() {
                    let next = bytes.next().await.ok_or_else(short)?;
                    rest = next.map_err(Error::Source)?;
                }
                let most = usize::try_from(missing).unwrap_or(usize::MAX);
                let piece = rest.split_to(rest.len().min(most));
                missing -= piece.len() as u64;
                pieces.push(Ok(piece));
            }
            self.patch(blob, upload, stream::iter(pieces).boxed(), offset, length)
                .await?;
            offset += length;
        }
        // The source's own check may come as an error after the last byte.
        match bytes.next().await {
            Some(Err(error)) => Err(Error::Source(error).into()),
            _ => Ok(()),
        }
    }

    async fn patch(
        &self,
        blob: &Blob,
        upload: &mut Upload,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        offset: u64,
        length: u64,
    ) -> Result<(), Failed> {
        let part = Part {
            method: Method::PATCH,
            url: upload.url.clone(),
            offset,
            length,
            commits: false,
        };
        if let Some(response) = self.transfer(blob, upload, bytes, part).await? {
            self.moved(upload, &response, blob)?;
        }
        upload.taken = offset + length;
        Ok(())
    }

    /// The PUT that ends an upload, with all bytes of the blob or none.
    async fn finish(
        &self,
        blob: &Blob,
        upload: &mut Upload,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        length: u64,
    ) -> Result<(), Failed> {
        let part = Part {
            method: Method::PUT,
            url: upload.finish(&blob.digest),
            offset: 0,
            length,
            commits: true,
        };
        match self.transfer(blob, upload, bytes, part).await? {
            Some(response) => self.committed(&response, blob).await,
            None => Ok(()),
        }
    }

    async fn committed(&self, response: &Response, blob: &Blob) -> Result<(), Failed> {
        let target = self.target(&blob.digest);
        let status = response.status();
        if let Some(found) = manifests::declared(response).filter(|found| *found != blob.digest) {
            let expected = blob.digest;
            return Err(Error::Digest {
                target,
                expected,
                found,
            }
            .into());
        }
        // Some answer 200 or 204 for the 201 that the specification asks for: whether it is there is then asked.
        let done = status == StatusCode::CREATED
            || (status != StatusCode::ACCEPTED && self.has_blob(blob).await?);
        if done {
            return Ok(());
        }
        let status = status.as_u16();
        let detail = format!(
            "expected 201 for a finished upload, the registry answered {status}, and the blob is not there"
        );
        Err(Failed {
            lost: (status == 202).then_some(LostAnswer::Accepted),
            sending: false,
            error: Error::Protocol { target, detail },
        })
    }

    /// Sends bytes that can be sent only once: a 401 is taken in, and left to the caller to act on. No answer where the
    /// blob was found to be there before it came.
    async fn transfer(
        &self,
        blob: &Blob,
        upload: &mut Upload,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        part: Part,
    ) -> Result<Option<Response>, Failed> {
        let (access, target) = (self.push(), self.target(&blob.digest));
        let ours = origin::same_origin(&part.url, &self.shared.base);
        let header = if ours {
            self.shared.logins.header(&access).await?
        } else {
            None
        };
        let (body, watch) = Exact::new(bytes, part.length);
        let client = self.client(Traffic::Upload, &part.url, &target)?;
        let mut request = client.request(part.method.clone(), part.url);
        request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, part.length);
        if part.method == Method::PATCH {
            let range = format!("{}-{}", part.offset, part.offset + part.length - 1);
            request = request.header(CONTENT_RANGE, range);
        }
        if let Some(value) = &header {
            request = request.header(AUTHORIZATION, value.clone());
        }
        request = if part.length > 0 {
            request.body(Body::wrap_stream(body))
        } else {
            request.body("")
        };
        let longest = if part.commits {
            LONGEST_COMMIT
        } else {
            LONGEST_PART
        };
        let sent = tokio::select! {
            sent = request.send() => sent.map(Some).map_err(|error| Error::transport(error, &self.shared.host, &target)),
            all_sent = watch.stalled(IDLE, longest) => Err(Error::Cut {
                host: self.shared.host.clone(),
                target: target.clone(),
                detail: if all_sent {
                    format!("no answer within {} minutes after the last byte", longest.as_secs() / 60)
                } else {
                    "nothing moved for a minute".to_owned()
                },
            }),
            () = self.appears(blob, &watch), if part.commits => Ok(None),
        };
        if let Some(failure) = watch.failure() {
            return Err(failure.into());
        }
        let (left, silence) = watch.standing();
        upload.sent = upload.sent.max(part.offset + part.length - left);
        let failed = |error: Error| Failed {
            lost: (part.commits && left == 0)
                .then(|| LostAnswer::of(&error, silence))
                .flatten(),
            sending: matches!(error, Error::Cut { .. }),
            error,
        };
        let Some(response) = sent.map_err(failed)? else {
            return Ok(None);
        };
        if response.status() == StatusCode::UNAUTHORIZED && ours {
            self.challenged(&response, &access, header.as_ref()).await?;
        }
        if !response.status().is_success() {
            return Err(failed(
                refusal::refusal(&part.method, Reply::new(response, None), target).await,
            ));
        }
        Ok(Some(response))
    }
}
