/*!
Bytes on their way to a registry.

An upload may have to be sent again from an offset, so it starts from something that can be opened there, and a failure
to read it must come back as the caller's own error, not as whatever the HTTP library makes of it.
*/

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Error;

/// Bytes to upload, readable again from an offset when an upload has to be resumed.
pub trait BlobSource: Send + Sync {
    /// The bytes from `offset` to the end.
    ///
    /// An error means that they cannot be had (again) from there. The stream itself verifies the digest, and yields an
    /// error in place of the last chunk when it differs. Every error comes out of the push as [`Error::Source`].
    fn open(&self, offset: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error>;

    /// Whether it can be opened at 0 again however far it was read.
    fn repeatable(&self) -> bool {
        true
    }
}

impl BlobSource for Bytes {
    fn open(&self, offset: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        let rest = self.slice(start..);
        // Slices share the memory; they only keep one write from being the whole blob.
        let step = |rest: Bytes| async move {
            (!rest.is_empty()).then(|| {
                let mut rest = rest;
                let chunk = rest.split_to(rest.len().min(256 << 10));
                (Ok(chunk), rest)
            })
        };
        Ok(stream::unfold(rest, step).boxed())
    }
}

/// What became of a body while it was being sent.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    failure: Option<io::Error>,
    moved: Instant,
    left: u64,
    /// The source has no byte at hand: that nothing moves is not the registry's doing.
    starved: bool,
}

/// Bytes handed to the connection at a time: small enough to show that a slow one still moves.
const PIECE: usize = 32 << 10;

impl Watch {
    /// The caller's error, if there was one.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state().failure.take().map(Error::Source)
    }

    /// Returns once the registry has taken nothing for `idle`, or has not answered for `answer` after the last byte went
    /// out; which of the two it was.
    pub(crate) async fn stalled(&self, idle: Duration, answer: Duration) -> bool {
        loop {
            let (moved, all_sent, starved) = {
                let state = self.state();
                (state.moved, state.left == 0, state.starved)
            };
            let until = moved + if all_sent { answer } else { idle };
            if starved {
                sleep(idle).await;
            } else if Instant::now() >= until {
                return all_sent;
            } else {
                // Bytes that leave meanwhile change what is waited for.
                sleep_until(until.min(Instant::now() + idle)).await;
            }
        }
    }

    /// Returns once the last byte has been out for so long.
    pub(crate) async fn silent_for(&self, time: Duration) {
        loop {
            match self.standing() {
                (0, silence) if silence >= time => return,
                (0, silence) => sleep(time - silence).await,
                _ => sleep(time).await,
            }
        }
    }

    /// Bytes that have not left, and how long nothing has moved.
    pub(crate) fn standing(&self) -> (u64, Duration) {
        let state = self.state();
        (state.left, state.moved.elapsed())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exactly `length` bytes of a source, or an error; the [`Watch`] has which.
pub(crate) struct Exact {
    inner: BoxStream<'static, io::Result<Bytes>>,
    rest: Bytes,
    watch: Watch,
}

impl Exact {
    pub(crate) fn new(inner: BoxStream<'static, io::Result<Bytes>>, length: u64) -> (Self, Watch) {
        let watch = Watch(Arc::new(Mutex::new(State {
            failure: None,
            moved: Instant::now(),
            left: length,
            starved: false,
        })));
        (
            Self {
                inner,
                rest: Bytes::new(),
                watch: watch.clone(),
            },
            watch,
        )
    }

    fn fail(&self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        let stand_in = io::Error::new(error.kind(), "the source of the upload failed");
        self.watch.state().failure = Some(error);
        Poll::Ready(Some(Err(stand_in)))
    }
}

impl Stream for Exact {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match self.rest.is_empty() {
            false => Some(Ok(std::mem::take(&mut self.rest))),
            true => match self.inner.poll_next_unpin(cx) {
                Poll::Pending => {
                    self.watch.state().starved = true;
                    return Poll::Pending;
                }
                Poll::Ready(next) => next,
            },
        };
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
        match next {
            Some(Err(error)) => self.fail(error),
            Some(Ok(mut chunk)) => {
                if chunk.len() > PIECE {
                    self.rest = chunk.split_off(PIECE);
                }
                let length = chunk.len() as u64;
                let left = {
                    let mut state = self.watch.state();
                    state.moved = Instant::now();
                    state.starved = false;
                    state
                        .left
                        .checked_sub(length)
                        .inspect(|left| state.left = *left)
                };
                match left {
                    Some(_) => Poll::Ready(Some(Ok(chunk))),
                    None => self.fail(invalid("the source has more bytes than the blob")),
                }
            }
            None if self.watch.state().left > 0 => {
                self.fail(invalid("the source has fewer bytes than the blob"))
            }
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);
    const ANSWER: Duration = Duration::from_secs(600);

    /// Whether the watch gives up within the time, and whether it does so waiting for the answer.
    async fn stalls(watch: &Watch, within: Duration) -> Option<bool> {
        let stalled = watch.stalled(IDLE, ANSWER);
        tokio::time::timeout(within, stalled).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_slow_is_no_stall_and_what_the_source_lacks_is_not_the_registrys_fault() {
        let hour = Duration::from_secs(3600);
        // Half a MiB is handed on in pieces, so that a connection that takes one in 50 seconds is seen to move.
        let bytes = Bytes::from(vec![7; 512 << 10]);
        let (mut body, watch) = Exact::new(stream::iter([Ok(bytes)]).boxed(), 512 << 10);
        let mut pieces = 0;
        while let Some(Ok(_)) = body.next().await {
            pieces += 1;
            assert_eq!(stalls(&watch, IDLE - Duration::from_secs(10)).await, None);
        }
        assert_eq!(pieces, 16);
        // All is out: now it is the answer that is waited for.
        assert_eq!(stalls(&watch, IDLE * 3).await, None);
        assert_eq!(stalls(&watch, ANSWER).await, Some(true));
        let nothing_taken = Exact::new(stream::pending().boxed(), 10);
        assert_eq!(stalls(&nothing_taken.1, IDLE * 2).await, Some(false));
        let (mut body, watch) = Exact::new(stream::pending().boxed(), 10);
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, body.next()).await.is_err());
        assert_eq!(
            stalls(&watch, hour).await,
            None,
            "the source has nothing yet"
        );
    }
}
