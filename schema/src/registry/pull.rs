/*!
Blobs out of a registry: slices by range for the bundler's window, whole streams for everything else.

Sizes are known beforehand, so every answer is held against them: a lying `Content-Length` or `Content-Range` is the
registry's error, and an endless body ends one byte after the blob should have.
*/

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, RANGE},
};

use super::{
    Error, Remote, location, manifests, reply::Reply, retry::Patience, send::Call, tls::Traffic,
};
use crate::manifest::Blob;

/// A part of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// Exactly the bytes asked for.
    Bytes(Bytes),
    /// The registry answers ranges with the whole blob: use [`Remote::blob_stream`].
    Unsupported,
}

/// What a GET from an offset gave.
pub(super) enum Answer {
    /// The bytes from the offset up to and including that one, or nearer.
    Part(Reply, u64),
    /// The whole blob, from its first byte.
    Whole(Reply),
}

impl Remote {
    /// `len` bytes from `offset`, both within the blob. Continues where it was cut; progress renews the retries.
    pub async fn blob_range(&self, blob: &Blob, offset: u64, len: u64) -> Result<Slice, Error> {
        let end = offset
            .checked_add(len)
            .filter(|end| *end <= blob.size)
            .ok_or_else(|| Error::Protocol {
                target: self.target(&blob.digest),
                detail: format!(
                    "{len} bytes from {offset} were asked of a blob of {} bytes",
                    blob.size
                ),
            })?;
        let whole = len == blob.size;
        let buffers = &self.shared.buffers;
        let mut buffer = buffers.take(usize::try_from(len).unwrap_or_default());
        let mut patience = self.patience();
        let mut furthest = 0;
        while (buffer.bytes.len() as u64) < len {
            match self.fill(blob, offset, end, &mut buffer.bytes).await {
                Ok(true) => {}
                Ok(false) if whole && !buffer.bytes.is_empty() => {
                    // It was cut, and cannot be continued: from the start, without renewing the retries.
                    buffer.bytes.clear();
                    patience
                        .wait(self.cut(blob, "it cannot be continued by range"))
                        .await?;
                }
                Ok(false) => return Ok(Slice::Unsupported),
                Err(error) => {
                    // What is only fetched again is no progress.
                    furthest = furthest.max(buffer.bytes.len());
                    patience.progress(furthest as u64);
                    patience.wait(error).await?;
                }
            }
        }
        Ok(Slice::Bytes(buffer.freeze()))
    }

    /// The whole blob in order: never more than its size, and an error where there is less. After a cut it goes on by
    /// range, or from the start, skipping. The digest is not checked: callers hash what they are given.
    pub fn blob_stream(
        &self,
        blob: &Blob,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let state = Reading {
            remote: self.clone(),
            blob: *blob,
            given: 0,
            skip: 0,
            response: None,
            patience: self.patience(),
        };
        stream::try_unfold(state, |mut state| {
            let next: Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(async move { Ok(state.next().await?.map(|chunk| (chunk, state))) });
            next
        })
    }

    /// Appends what one request gives. False where the registry does not do ranges.
    async fn fill(
        &self,
        blob: &Blob,
        offset: u64,
        end: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let from = offset + buffer.len() as u64;
        let (mut response, stop) = match self.get(blob, from, end).await? {
            Answer::Part(response, last) => (response, last + 1),
            Answer::Whole(response) if from == 0 && end == blob.size => (response, end),
            Answer::Whole(_) => return Ok(false),
        };
        let target = self.target(&blob.digest);
        loop {
            let at = offset + buffer.len() as u64;
            let chunk = response.chunk(&self.shared.host, &target).await?;
            let Some(chunk) = chunk else {
                return if at == stop {
                    Ok(true)
                } else {
                    Err(self.cut(blob, "the body ended early"))
                };
            };
            if at + chunk.len() as u64 > stop {
                return Err(self.lies(blob, "sends more bytes than it has"));
            }
            buffer.extend_from_slice(&chunk);
        }
    }

    /// Asks for the bytes from `from` to before `end`; without a range where that is everything.
    pub(super) async fn get(&self, blob: &Blob, from: u64, end: u64) -> Result<Answer, Error> {
        let range = (from > 0 || end < blob.size)
            .then(|| format!("bytes={from}-{}", end.saturating_sub(1)));
        let fill = |request: reqwest::RequestBuilder| match &range {
            Some(range) => request.header(RANGE, range),
            None => request,
        };
        let call = self.blob_call(Traffic::Bulk, Method::GET, blob, Some(&fill));
        let response = self.call_once(&call, &[]).await?;
        let told = length(response.headers());
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let text = response
                .headers()
                .get(CONTENT_RANGE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            return match location::content_range(text) {
                Some((first, last, total))
                    if first == from
                        && last < end
                        && total.is_none_or(|total| total == blob.size)
                        && told.is_none_or(|told| told == last - first + 1) =>
                {
                    Ok(Answer::Part(response, last))
                }
                _ => {
                    let text = super::error::clean(text);
                    Err(self.lies(
                        blob,
                        &format!(
                            "answers the range {} with {text:?}",
                            range.as_deref().unwrap_or("none")
                        ),
                    ))
                }
            };
        }
        if manifests::content_type(&response).starts_with("text/html") && told != Some(blob.size) {
            return Err(self.lies(blob, "is a web page; is it a registry?"));
        }
        match told {
            Some(told) if told != blob.size => Err(self.lies(blob, &format!("has {told} bytes"))),
            _ => Ok(Answer::Whole(response)),
        }
    }

    pub(super) fn blob_call<'a>(
        &'a self,
        traffic: Traffic,
        method: Method,
        blob: &Blob,
        fill: Option<
            &'a (dyn Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder + Send + Sync),
        >,
    ) -> Call<'a> {
        Call {
            traffic,
            method,
            url: self.url(&format!("blobs/{}", blob.digest)),
            access: self.pull(),
            target: self.target(&blob.digest),
            fill: fill.unwrap_or(&|request| request),
        }
    }

    fn cut(&self, blob: &Blob, detail: &str) -> Error {
        Error::Cut {
            host: self.shared.host.clone(),
            target: self.target(&blob.digest),
            detail: detail.to_owned(),
        }
    }

    fn lies(&self, blob: &Blob, detail: &str) -> Error {
        let detail = format!(
            "expected a blob of {} bytes, but what the registry gives {detail}",
            blob.size
        );
        Error::Protocol {
            target: self.target(&blob.digest),
            detail,
        }
    }
}

/// A blob being read from its first byte to its last.
struct Reading {
    remote: Remote,
    blob: Blob,
    given: u64,
    skip: u64,
    response: Option<Reply>,
    patience: Patience,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.step().await {
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(Some(chunk)) => {
                    self.given += chunk.len() as u64;
                    self.patience.progress(self.given);
                    return Ok(Some(chunk));
                }
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.response = None;
                    self.patience.wait(error).await?;
                }
            }
        }
    }

    /// The next chunk, perhaps empty after skipping; `None` at the proper end.
    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(response) = &mut self.response else {
            if self.given == self.blob.size {
                return Ok(None);
            }
            let answer = self
                .remote
                .get(&self.blob, self.given, self.blob.size)
                .await?;
            let (response, skip) = match answer {
                Answer::Part(response, _) => (response, 0),
                Answer::Whole(response) => (response, self.given),
            };
            (self.response, self.skip) = (Some(response), skip);
            return Ok(Some(Bytes::new()));
        };
        let target = self.remote.target(&self.blob.digest);
        let chunk = response.chunk(&self.remote.shared.host, &target).await?;
        let Some(mut chunk) = chunk else {
            self.response = None;
            return if self.given == self.blob.size {
                Ok(None)
            } else {
                Err(self.remote.cut(&self.blob, "the body ended early"))
            };
        };
        let skipped = chunk.split_to(
            chunk
                .len()
                .min(usize::try_from(self.skip).unwrap_or(usize::MAX)),
        );
        self.skip -= skipped.len() as u64;
        if self.given + chunk.len() as u64 > self.blob.size {
            return Err(self.remote.lies(&self.blob, "sends more bytes than it has"));
        }
        Ok(Some(chunk))
    }
}

/// `Content-Length` as it was sent, which for HEAD is not that of the answer's own body.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}
