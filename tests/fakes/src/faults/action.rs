/*!
What a fault does to a request, in place of the server, or to the bytes of its answer.
*/

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use hyper::{
    StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER},
};
use tokio::sync::watch;

use crate::{
    message::{Chunks, Request, Response},
    pipeline::Backend,
};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Action {
    /// Answer this status instead.
    Answer {
        /// The status.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u64>,
    },
    /// Break the connection before anything is done.
    Break,
    /// Do what is asked, and break the connection instead of an answer.
    BreakAfter,
    /// Put another length into `Content-Length`, this many bytes more or fewer than come.
    ClaimLength(i64),
    /// Answer with this `Content-Range`.
    ContentRange(String),
    /// Break the connection after so many bytes of the answer's body.
    Cut {
        /// Bytes that still get through.
        after: u64,
    },
    /// Break the connection after so many bytes of the request's body.
    CutUpload {
        /// Bytes that the registry still gets.
        after: u64,
    },
    /// Pause before each block of the answer. Only for runs that people watch.
    Drip(Duration),
    /// Send a body without length or end, 200.
    Endless,
    /// Nobody may do this, and a cluster's reviews of access say so.
    Forbid,
    /// Invert the lowest bit of the answer's byte at this place.
    Flip {
        /// Place counted from the start of the body sent.
        at: u64,
    },
    /// Do nothing until the gate is opened.
    Hang(Gate),
    /// Answer with this header instead of the registry's own.
    Header(&'static str, String),
    /// Send a page as a captive portal does: 200, `text/html`.
    Html,
    /// Answer the whole content, 200, as if `Range` were unknown.
    IgnoreRange,
    /// Answer 302 and lead to this address.
    Redirect(&'static str),
    /// Pause before anything is done.
    Slow(Duration),
    /// Answer 401 with the registry's own challenge.
    Unauthorized,
}

/// Holds requests until it is opened; clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        // The sender lives as long as `self`, so there is no error to hear of.
        let mut opened = self.0.subscribe();
        opened.wait_for(|open| *open).await.ok();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Action {
    /// Answers this status.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            retry_after: None,
        }
    }

    /// Answers this status, and in how many seconds to come again.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::Answer {
            status,
            retry_after: Some(seconds),
        }
    }

    /// Takes the request, and never answers.
    pub fn hang() -> Self {
        Self::Hang(Gate::new())
    }

    /// Whether the answer is no longer the server's own.
    pub(super) fn decides(&self) -> bool {
        match self {
            Self::Answer { .. }
            | Self::Break
            | Self::BreakAfter
            | Self::Endless
            | Self::Forbid
            | Self::Html
            | Self::Redirect(_)
            | Self::Unauthorized => true,
            Self::ClaimLength(_)
            | Self::ContentRange(_)
            | Self::Cut { .. }
            | Self::CutUpload { .. }
            | Self::Drip(_)
            | Self::Flip { .. }
            | Self::Hang(_)
            | Self::Header(..)
            | Self::IgnoreRange
            | Self::Slow(_) => false,
        }
    }

    /// Acts before the server does; an answer takes the place of its own.
    pub(crate) async fn before(
        &self,
        request: &mut Request,
        backend: &impl Backend,
    ) -> io::Result<Option<Response>> {
        match self {
            Self::Answer {
                status,
                retry_after,
            } => {
                let status =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let answer = backend.refusal(status);
                return Ok(Some(match retry_after {
                    Some(seconds) => answer.with(RETRY_AFTER, seconds.to_string()),
                    None => answer,
                }));
            }
            Self::Break => return Err(io::ErrorKind::ConnectionReset.into()),
            Self::CutUpload { after } => {
                let body = std::mem::replace(&mut request.body, stream::empty().boxed());
                request.body = cut(body, *after);
            }
            Self::Endless => {
                let block = Bytes::from(vec![b' '; 64 << 10]);
                let mut answer =
                    Response::empty(StatusCode::OK).with(CONTENT_TYPE, "application/json");
                answer.headers.remove(CONTENT_LENGTH);
                answer.body = stream::repeat_with(move || Ok(block.clone())).boxed();
                return Ok(Some(answer));
            }
            Self::Forbid => return Ok(Some(backend.refusal(StatusCode::FORBIDDEN))),
            Self::Hang(gate) => gate.pass().await,
            Self::Html => {
                let page =
                    "<!DOCTYPE html><html><body>Please log in to the guest network</body></html>";
                let answer = Response::bytes(StatusCode::OK, page).with(CONTENT_TYPE, "text/html");
                return Ok(Some(answer));
            }
            Self::IgnoreRange => {
                request.headers.remove(RANGE);
            }
            Self::Redirect(to) => {
                let answer = Response::empty(StatusCode::FOUND).with(LOCATION, *to);
                return Ok(Some(answer));
            }
            Self::Slow(pause) => tokio::time::sleep(*pause).await,
            Self::Unauthorized => return Ok(Some(backend.challenge(request))),
            Self::BreakAfter
            | Self::ClaimLength(_)
            | Self::ContentRange(_)
            | Self::Cut { .. }
            | Self::Drip(_)
            | Self::Flip { .. }
            | Self::Header(..) => {}
        }
        Ok(None)
    }

    /// Acts on the answer.
    pub(crate) fn after(&self, mut answer: Response) -> io::Result<Response> {
        match self {
            Self::BreakAfter => return Err(io::ErrorKind::ConnectionReset.into()),
            Self::ClaimLength(more) => {
                let length = answer
                    .headers
                    .get(CONTENT_LENGTH)
                    .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                let claimed = length.unwrap_or(0).saturating_add_signed(*more);
                answer.headers.insert(CONTENT_LENGTH, claimed.into());
                // A server that claims less would be stopped by its own HTTP library; one that claims more just ends.
                answer.body = if *more > 0 {
                    cut(answer.body, length.unwrap_or(0))
                } else {
                    answer.body
                };
            }
            Self::ContentRange(text) => answer = answer.with(CONTENT_RANGE, text),
            Self::Cut { after } => answer.body = cut(answer.body, *after),
            Self::Drip(pause) => {
                let pause = *pause;
                let slow = answer.body.then(move |chunk| async move {
                    tokio::time::sleep(pause).await;
                    chunk
                });
                answer.body = slow.boxed();
            }
            Self::Flip { at } => answer.body = flip(answer.body, *at),
            Self::Header(name, value) => answer = answer.with(*name, value),
            _ => {}
        }
        Ok(answer)
    }
}

/// The first `after` bytes, then a broken connection.
fn cut(body: Chunks, after: u64) -> Chunks {
    let mut left = after;
    let head = body.scan((), move |(), chunk| {
        let taken = chunk.map(|bytes| bytes.slice(..(bytes.len() as u64).min(left) as usize));
        let going = left > 0;
        left -= taken.as_ref().map_or(0, |bytes| bytes.len() as u64);
        future::ready(going.then_some(taken))
    });
    // The pause lets the server write out what it holds before the error makes it drop the connection.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "cut by the fault script",
        ))
    });
    head.chain(end).boxed()
}

fn flip(body: Chunks, at: u64) -> Chunks {
    let mut position = 0;
    let bent = body.map(move |chunk| {
        let bytes = chunk?;
        let start = position;
        position += bytes.len() as u64;
        if !(start..position).contains(&at) {
            return Ok(bytes);
        }
        let mut bytes = bytes.to_vec();
        bytes
            .iter_mut()
            .skip((at - start) as usize)
            .take(1)
            .for_each(|byte| *byte ^= 1);
        Ok(bytes.into())
    });
    bent.boxed()
}
