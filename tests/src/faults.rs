/*!
What goes wrong, said in one line per fault.

A [`Fault`] says which requests it hits (method, part of the path, from the nth on, how often) and what happens to them;
several may hit one request and act in the order they were added. Faults act on the request before the registry sees it
or on the answer after it, so the registry itself stays honest and simple.

```
use tests::faults::{Action, Fault};
let fault = Fault::get("/blobs/").nth(2).does(Action::Cut { after: 1000 });
```
*/

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use hyper::{
    StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER},
};
use tokio::sync::watch;

use crate::registry::message::{Answer, Asked, Chunks};

/// Which requests something happens to, and what.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<String>,
    path: String,
    first: usize,
    times: usize,
    action: Action,
}

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
    /// Answer 401 with the registry's own challenge.
    Unauthorized,
}

impl Fault {
    /// On any request whose path contains this text; every one, until told otherwise.
    pub fn any(path: &str) -> Self {
        Self {
            method: None,
            path: path.to_owned(),
            first: 1,
            times: usize::MAX,
            action: Action::Html,
        }
    }

    /// On requests of one method.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            ..Self::any(path)
        }
    }

    /// On GETs.
    pub fn get(path: &str) -> Self {
        Self::on("GET", path)
    }

    /// Only on the nth that fits, counted from 1.
    pub fn nth(self, nth: usize) -> Self {
        Self {
            first: nth,
            times: 1,
            ..self
        }
    }

    /// On all that fit but the first so many.
    pub fn after(self, passed: usize) -> Self {
        Self {
            first: passed + 1,
            times: usize::MAX,
            ..self
        }
    }

    /// On the first so many that fit.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// What happens.
    pub fn does(self, action: Action) -> Self {
        Self { action, ..self }
    }
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

    async fn pass(&self) {
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

/// The faults of one registry, with what they have hit so far.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<Vec<(Fault, usize)>>);

impl Script {
    pub fn add(&self, fault: Fault) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((fault, 0));
    }

    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// What happens to this request; counts it.
    pub fn strike(&self, method: &str, path: &str) -> Vec<Action> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut actions = Vec::new();
        for (fault, hits) in faults.iter_mut() {
            if fault
                .method
                .as_deref()
                .is_none_or(|wanted| wanted == method)
                && path.contains(&fault.path)
            {
                *hits += 1;
                if *hits >= fault.first && *hits - fault.first < fault.times {
                    actions.push(fault.action.clone());
                }
            }
        }
        actions
    }
}

impl Action {
    /// Acts before the registry does; an answer takes its place. `challenge` is the registry's own 401.
    pub(crate) async fn before(
        &self,
        asked: &mut Asked,
        challenge: impl FnOnce() -> Answer,
    ) -> Option<Answer> {
        match self {
            Self::Answer {
                status,
                retry_after,
            } => {
                let status =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let answer = Answer::error(status, "UNKNOWN", "told to fail by the fault script");
                return Some(match retry_after {
                    Some(seconds) => answer.with(RETRY_AFTER, seconds.to_string()),
                    None => answer,
                });
            }
            Self::CutUpload { after } => {
                let body = std::mem::replace(&mut asked.body, stream::empty().boxed());
                asked.body = cut(body, *after);
            }
            Self::Endless => {
                let block = Bytes::from(vec![b' '; 64 << 10]);
                let mut answer =
                    Answer::empty(StatusCode::OK).with(CONTENT_TYPE, "application/json");
                answer.headers.remove(CONTENT_LENGTH);
                answer.body = stream::repeat_with(move || Ok(block.clone())).boxed();
                return Some(answer);
            }
            Self::Hang(gate) => gate.pass().await,
            Self::Html => {
                let page =
                    "<!DOCTYPE html><html><body>Please log in to the guest network</body></html>";
                return Some(Answer::bytes(StatusCode::OK, page).with(CONTENT_TYPE, "text/html"));
            }
            Self::IgnoreRange => {
                asked.headers.remove(RANGE);
            }
            Self::Redirect(place) => {
                return Some(Answer::empty(StatusCode::FOUND).with(LOCATION, *place));
            }
            Self::Unauthorized => return Some(challenge()),
            Self::ClaimLength(_)
            | Self::ContentRange(_)
            | Self::Cut { .. }
            | Self::Drip(_)
            | Self::Flip { .. }
            | Self::Header(..) => {}
        }
        None
    }

    /// Acts on the answer.
    pub(crate) fn after(&self, mut answer: Answer) -> Answer {
        match self {
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
        answer
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
