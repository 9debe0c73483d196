/*!
An answer while it is read: it keeps its place among the requests under way until then, and must not trickle.

Whoever answers decides how long an answer takes. A body that never ends has a [limit](super::send); one that never
comes has this one.
*/

use std::{ops::Deref, time::Duration};

use bytes::Bytes;
use reqwest::Response;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::Error;

/// How long a body is watched before it is judged: a minute.
const WINDOW: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });

/// The least that has to come in that time: 1 KiB for each second of a minute.
const LEAST: u64 = 60 << 10;

/// The same for one second. What comes slower is no progress.
pub(super) const FLOOR: u64 = 1 << 10;

/// An answer, its head read and its body not.
#[derive(Debug)]
pub(super) struct Reply {
    response: Response,
    /// Among the requests under way.
    _place: Option<OwnedSemaphorePermit>,
    /// Time spent waiting for bytes in this window; not that in which nobody wanted any.
    waited: Duration,
    /// Bytes that came in it.
    came: u64,
}

impl Reply {
    /// An answer that takes a place, until this is dropped.
    pub(super) fn new(response: Response, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            response,
            _place: place,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// The next bytes of the body. `host` and `target` are for errors.
    pub(super) async fn chunk(&mut self, host: &str, target: &str) -> Result<Option<Bytes>, Error> {
        loop {
            let begun = Instant::now();
            let left = WINDOW.saturating_sub(self.waited);
            let chunk = timeout(left, self.response.chunk()).await;
            self.waited += begun.elapsed();
            let chunk = match chunk {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(error)) => return Err(Error::transport(error, host, target)),
                Err(_) => Some(Bytes::new()),
            };
            let length = chunk.as_ref().map_or(0, Bytes::len);
            self.came += length as u64;
            if self.waited >= WINDOW && chunk.is_some() {
                if self.came < LEAST {
                    return Err(Error::Cut {
                        host: host.to_owned(),
                        target: target.to_owned(),
                        detail: "it sent less than 1 KiB a second for a minute".to_owned(),
                    });
                }
                (self.waited, self.came) = (Duration::ZERO, 0);
            }
            if length > 0 || chunk.is_none() {
                return Ok(chunk);
            }
        }
    }
}

impl Deref for Reply {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}
