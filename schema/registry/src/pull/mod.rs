/*!
Blobs out of a registry, whole or a part, as blocks in order.

Sizes are known beforehand, so every answer is held against them: a lying `Content-Length` or `Content-Range` is the
registry's error, and an endless body ends one byte after the blob should have.
*/

pub(crate) mod buffers;
mod exists;
#[cfg(test)]
mod tests;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, RANGE},
};
use schema::manifest::Blob;

use crate::{
    Error, Remote, manifests,
    pull::buffers::{BLOCK, Buffer},
    transport::{clients::Traffic, range, reply::Reply, retry::RetryBudget, send::Call},
};

/// A part of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// Bytes of it: all that were asked for, or of a stream the next.
    Bytes(Bytes),
    /// The registry answers ranges with the whole blob: use [`Remote::blob_stream`].
    Unsupported,
}

/// What a GET from an offset gave.
pub(crate) enum BlobReply {
    /// The bytes from the offset up to and including that one, or nearer.
    Part(Reply, u64),
    /// The whole blob, from its first byte.
    Whole(Reply),
}

impl Remote {
    /// `len` bytes from `offset` at once, as [`Remote::blob_part`] gives them.
    pub async fn blob_range(&self, blob: &Blob, offset: u64, len: u64) -> Result<Slice, Error> {
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        let mut blocks = std::pin::pin!(self.blob_part(blob, offset, len));
        while let Some(block) = blocks.try_next().await? {
            match block {
                Slice::Bytes(block) => bytes.extend_from_slice(&block),
                Slice::Unsupported => return Ok(Slice::Unsupported),
            }
        }
        Ok(Slice::Bytes(bytes.into()))
    }

    /// `len` bytes from `offset`, both within the blob, as blocks of at most 256 KiB in order: never more, and an error
    /// where there are less. After a cut it goes on by range; progress renews the retries. Ends with
    /// [`Slice::Unsupported`] where the registry sends the whole blob instead of a part. The digest is not checked:
    /// callers hash what they are given.
    pub fn blob_part(
        &self,
        blob: &Blob,
        offset: u64,
        len: u64,
    ) -> impl Stream<Item = Result<Slice, Error>> + Send + 'static + use<> {
        let state = Reading {
            remote: self.clone(),
            blob: *blob,
            whole: offset == 0 && len == blob.size,
            at: offset,
            end: offset.saturating_add(len),
            begin: offset,
            response: None,
            budget: self.retry_budget(),
        };
        stream::try_unfold(Some(state), |state| {
            let next: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
                let Some(mut state) = state else {
                    return Ok(None);
                };
                Ok(match state.block().await? {
                    Some(Slice::Unsupported) => Some((Slice::Unsupported, None)),
                    Some(block) => Some((block, Some(state))),
                    None => None,
                })
            });
            next
        })
    }

    /// The whole blob, as [`Remote::blob_part`] gives it; a registry without ranges sends it from the start after a cut,
    /// and what was given already is skipped.
    pub fn blob_stream(
        &self,
        blob: &Blob,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let blocks = self.blob_part(blob, 0, blob.size);
        blocks.filter_map(|block| async move {
            match block {
                Ok(Slice::Bytes(bytes)) => Some(Ok(bytes)),
                // Never of the whole.
                Ok(Slice::Unsupported) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// Whether the registry cuts blobs, as far as is known: false once it has answered a range with a whole blob.
    pub fn cuts_blobs(&self) -> bool {
        self.shared.capabilities.ranges()
    }

    /// Asks for the bytes from `from` to before `end`; without a range where that is everything.
    pub(crate) async fn get(&self, blob: &Blob, from: u64, end: u64) -> Result<BlobReply, Error> {
        let range = (from > 0 || end < blob.size)
            .then(|| format!("bytes={from}-{}", end.saturating_sub(1)));
        let fill = |request: reqwest::RequestBuilder| match &range {
            Some(range) => request.header(RANGE, range),
            None => request,
        };
        let call = self.blob_call(Traffic::Bulk, Method::GET, blob, Some(&fill));
        let response = self.call_once(&call, &[]).await?;
        let declared = length(response.headers());
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let text = response
                .headers()
                .get(CONTENT_RANGE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            return match range::content_range(text) {
                Some((first, last, total))
                    if first == from
                        && last < end
                        && total.is_none_or(|total| total == blob.size)
                        && declared.is_none_or(|length| length == last - first + 1) =>
                {
                    Ok(BlobReply::Part(response, last))
                }
                _ => {
                    let text = crate::error::clean(text);
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
        if manifests::content_type(&response).starts_with("text/html")
            && declared != Some(blob.size)
        {
            return Err(self.lies(blob, "is a web page; is it a registry?"));
        }
        match declared {
            Some(length) if length != blob.size => {
                Err(self.lies(blob, &format!("has {length} bytes")))
            }
            _ => Ok(BlobReply::Whole(response)),
        }
    }

    pub(crate) fn blob_call<'a>(
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

/// A part of a blob being read, from its first byte to its last.
struct Reading {
    remote: Remote,
    blob: Blob,
    /// All of it is asked for, so an answer without a range will do.
    whole: bool,
    /// Where the part begins, the next byte that is wanted, and where the part ends.
    begin: u64,
    at: u64,
    end: u64,
    response: Option<Incoming>,
    budget: RetryBudget,
}

/// An answer under way.
struct Incoming {
    response: Reply,
    /// Bytes that have come and belong into the next block.
    rest: Bytes,
    /// Bytes of it that were had before.
    skip: u64,
    /// Where it ends, in the blob.
    stop: u64,
}

impl Reading {
    /// The next block, full unless it is the last; `None` at the proper end.
    async fn block(&mut self) -> Result<Option<Slice>, Error> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let size = left.min(BLOCK);
        let mut block = self.remote.shared.buffers.take(size);
        // After the last byte, the end of the answer is waited for: there may be more than there should be.
        while block.bytes.len() < size || (self.at == self.end && self.response.is_some()) {
            match self.fill(&mut block, size).await {
                Ok(true) => {}
                Ok(false) => {
                    self.remote.shared.capabilities.no_ranges();
                    return Ok(Some(Slice::Unsupported));
                }
                Err(error) => {
                    self.response = None;
                    // What is only sent again is no progress.
                    self.budget.progress(self.at - self.begin);
                    self.budget.wait(error).await?;
                }
            }
        }
        Ok(Some(Slice::Bytes(block.freeze())))
    }

    /// Brings a block on, perhaps by nothing. False where the registry gives the whole instead of a part.
    async fn fill(&mut self, block: &mut Buffer, size: usize) -> Result<bool, Error> {
        let Some(incoming) = &mut self.response else {
            let answer = self.remote.get(&self.blob, self.at, self.end).await?;
            let (response, skip, stop) = match answer {
                BlobReply::Part(response, last) => (response, 0, last + 1),
                BlobReply::Whole(response) if self.whole => (response, self.at, self.end),
                BlobReply::Whole(_) => return Ok(false),
            };
            self.response = Some(Incoming {
                response,
                rest: Bytes::new(),
                skip,
                stop,
            });
            return Ok(true);
        };
        if incoming.rest.is_empty() {
            let target = self.remote.target(&self.blob.digest);
            let chunk = incoming.response.chunk(&self.remote.shared.host, &target);
            let chunk = chunk.await?;
            let Some(mut chunk) = chunk else {
                let complete = self.at == incoming.stop;
                self.response = None;
                return match complete {
                    true => Ok(true),
                    false => Err(self.remote.cut(&self.blob, "the body ended early")),
                };
            };
            let had = usize::try_from(incoming.skip).unwrap_or(usize::MAX);
            let skipped = chunk.split_to(chunk.len().min(had));
            incoming.skip -= skipped.len() as u64;
            if self.at + chunk.len() as u64 > incoming.stop {
                return Err(self.remote.lies(&self.blob, "sends more bytes than it has"));
            }
            incoming.rest = chunk;
        }
        let wanted = incoming.rest.len().min(size - block.bytes.len());
        block
            .bytes
            .extend_from_slice(&incoming.rest.split_to(wanted));
        self.at += wanted as u64;
        Ok(true)
    }
}

/// `Content-Length` as it was sent, which for HEAD is not that of the answer's own body.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}
