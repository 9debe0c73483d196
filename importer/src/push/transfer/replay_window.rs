/*!
The last 16 MiB of a blob that is being uploaded from a pipe.

A pipe cannot be read twice. What is still in the window can be sent again after a failure; what has left it is lost,
and with it the blob, until the next run.
*/

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use registry::BlobSource;
use tokio::sync::Notify;

/// Most bytes held: 16 MiB.
pub const LIMIT: u64 = 16 << 20;

/// Filled by the thread that reads the pipe, emptied by an upload. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ReplayWindow(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// For the upload: there is more.
    filled: Notify,
    /// For the reader of the pipe: there is room.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Offset of the first byte held.
    start: u64,
    /// Offset behind the last byte held.
    end: u64,
    /// Offset up to which bytes were handed to an upload.
    given: u64,
    complete: bool,
    failure: Option<io::Error>,
    abandoned: bool,
}

impl ReplayWindow {
    /// Adds the next bytes; waits until the oldest ones were handed on if there is no room.
    pub fn push(&self, chunk: Bytes) {
        let mut state = self.state();
        loop {
            if state.abandoned {
                return;
            }
            if state.end - state.start + chunk.len() as u64 <= LIMIT {
                break;
            }
            let oldest = state.chunks.front().map_or(0, |chunk| chunk.len() as u64);
            if state.start + oldest <= state.given {
                state.chunks.pop_front();
                state.start += oldest;
            } else {
                state = self
                    .0
                    .room
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.end += chunk.len() as u64;
        state.chunks.push_back(chunk);
        drop(state);
        self.0.filled.notify_one();
    }

    /// There is no more: all of it was verified, or it never will be.
    pub fn close(&self, failure: Option<io::Error>) {
        let mut state = self.state();
        state.complete = failure.is_none();
        state.failure = failure;
        drop(state);
        self.0.filled.notify_one();
    }

    /// The upload has ended; whatever still comes is not wanted.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        state.chunks.clear();
        drop(state);
        self.0.room.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self, offset: u64) -> io::Result<Option<Bytes>> {
        loop {
            {
                let mut state = self.state();
                if let Some(failure) = state.failure.take() {
                    return Err(failure);
                }
                if offset < state.start {
                    return Err(gone(offset));
                }
                if let Some(chunk) = state.at(offset) {
                    state.given = state.given.max(offset + chunk.len() as u64);
                    self.0.room.notify_one();
                    return Ok(Some(chunk));
                }
                if state.complete {
                    return Ok(None);
                }
            }
            self.0.filled.notified().await;
        }
    }
}

impl State {
    fn at(&self, offset: u64) -> Option<Bytes> {
        let mut start = self.start;
        for chunk in &self.chunks {
            let end = start + chunk.len() as u64;
            if offset < end {
                return Some(chunk.slice((offset - start) as usize..));
            }
            start = end;
        }
        None
    }
}

impl BlobSource for ReplayWindow {
    fn open(&self, offset: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error> {
        {
            let mut state = self.state();
            if offset < state.start {
                return Err(gone(offset));
            }
            // What was handed to the upload that failed is wanted again.
            state.given = offset;
        }
        let chunks = stream::try_unfold((self.clone(), offset), |(window, offset)| async move {
            let chunk = window.next(offset).await?;
            Ok(chunk.map(|chunk| {
                let next = offset + chunk.len() as u64;
                (chunk, (window, next))
            }))
        });
        Ok(chunks.boxed())
    }

    fn repeatable(&self) -> bool {
        false
    }
}

fn gone(offset: u64) -> io::Error {
    io::Error::other(Gone(offset))
}

/// The bytes have passed and cannot be sent again.
#[derive(Debug, thiserror::Error)]
#[error(
    "the upload failed after its first bytes had passed through the pipe (byte {0} is needed again); run again"
)]
pub struct Gone(u64);

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(window: &ReplayWindow, offset: u64) -> Result<Vec<u8>, io::Error> {
        let mut bytes = Vec::new();
        let mut stream = window.open(offset)?;
        while let Some(chunk) = stream.next().await {
            bytes.extend(chunk?);
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_it_holds_can_be_read_again_from_any_offset() -> Result<(), io::Error> {
        let window = ReplayWindow::default();
        window.push(Bytes::from_static(b"hello "));
        window.push(Bytes::from_static(b"world"));
        window.close(None);
        assert_eq!(read(&window, 0).await?, b"hello world");
        assert_eq!(read(&window, 4).await?, b"o world");
        assert_eq!(read(&window, 11).await?, b"");
        Ok(())
    }

    #[tokio::test]
    async fn what_has_left_it_is_an_error_and_never_other_bytes() -> Result<(), io::Error> {
        let window = ReplayWindow::default();
        let mib = Bytes::from(vec![7; 1 << 20]);
        let filler = {
            let (window, mib) = (window.clone(), mib.clone());
            tokio::task::spawn_blocking(move || {
                for _ in 0..20 {
                    window.push(mib.clone());
                }
                window.close(None);
            })
        };
        assert_eq!(read(&window, 0).await?.len(), 20 << 20);
        filler.await?;
        assert!(
            read(&window, 0)
                .await
                .is_err_and(|error| error.to_string().contains("run again"))
        );
        assert_eq!(read(&window, 10 << 20).await?.len(), 10 << 20);
        Ok(())
    }
}
