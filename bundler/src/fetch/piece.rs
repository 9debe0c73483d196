/*!
One piece of the contents: where it comes from, and its way into memory.

A piece reserves its bytes of the window before its request goes out and gives them back block by block as they are
written, so a piece that is begun can always be finished.
*/

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use registry::Slice;
use schema::manifest::Blob;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

use super::WINDOW;
use crate::{Error, source::Source};

/// What all pieces share.
#[derive(Debug)]
pub struct Limits {
    /// One permit for each byte ahead of the writer.
    window: Arc<Semaphore>,
    /// One permit for each connection.
    connections: Arc<Semaphore>,
}

impl Limits {
    pub fn new(concurrency: usize) -> Self {
        Self {
            window: Arc::new(Semaphore::new(WINDOW as usize)),
            connections: Arc::new(Semaphore::new(concurrency)),
        }
    }
}

/// Some bytes of a file that are to be had.
pub enum Piece {
    /// They are here.
    Memory(usize, Bytes),
    /// A part of a blob, or all of it.
    Part(Part),
}

/// Part of a blob.
pub struct Part {
    position: usize,
    source: Source,
    blob: Blob,
    offset: u64,
    length: u64,
}

/// A piece under way.
pub enum Begun {
    Memory(usize, Option<Bytes>),
    Coming(Part, Coming),
    /// Known not to be cut: it is asked for in its turn.
    Uncut(Part),
    /// From some byte of a blob to its end, read only as fast as it is written.
    Rest(usize, BoxStream<'static, Result<Bytes, Error>>),
}

/// What a piece gives next.
pub enum Step {
    Bytes(Bytes),
    Failed(Error),
    /// The registry gives no part: this gives the rest of the whole instead.
    Whole(Begun),
    Over,
}

/// Blocks on their way; the task ends when nobody waits for them any more.
pub struct Coming {
    blocks: mpsc::UnboundedReceiver<Result<Slice, Error>>,
    task: JoinHandle<()>,
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A block, and its share of the window until it is dropped.
struct Held {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Piece {
    pub fn of_blob(
        position: usize,
        source: &Source,
        blob: &Blob,
        offset: u64,
        length: u64,
    ) -> Self {
        Self::Part(Part {
            position,
            source: source.clone(),
            blob: *blob,
            offset,
            length,
        })
    }

    /// Sends its request as soon as there is room in the window and a connection is free.
    pub async fn begin(self, limits: Arc<Limits>) -> Begun {
        let part = match self {
            Self::Memory(position, bytes) => return Begun::Memory(position, Some(bytes)),
            Self::Part(part) => part,
        };
        // What is known not to be cut is read in its turn.
        if part.length < part.blob.size && !part.source.cuts_blobs() {
            return Begun::Uncut(part);
        }
        let share = u32::try_from(part.length.min(WINDOW)).unwrap_or(u32::MAX);
        // Neither is ever closed.
        let room = Arc::clone(&limits.window)
            .acquire_many_owned(share)
            .await
            .ok();
        let connection = Arc::clone(&limits.connections).acquire_owned().await.ok();
        let (sender, blocks) = mpsc::unbounded_channel();
        let incoming = part.source.part(&part.blob, part.offset, part.length);
        let task = tokio::spawn(async move {
            let _connection = connection;
            fill(incoming, room, &sender).await;
        });
        Begun::Coming(part, Coming { blocks, task })
    }
}

/// Hands on blocks, each with its share of `room`.
async fn fill(
    mut incoming: BoxStream<'static, Result<Slice, Error>>,
    mut room: Option<OwnedSemaphorePermit>,
    sender: &mpsc::UnboundedSender<Result<Slice, Error>>,
) {
    while let Some(block) = incoming.next().await {
        let block = block.map(|block| match block {
            Slice::Bytes(bytes) => {
                let _share = room.as_mut().and_then(|room| room.split(bytes.len()));
                Slice::Bytes(Bytes::from_owner(Held { bytes, _share }))
            }
            Slice::Unsupported => Slice::Unsupported,
        });
        // Nobody waits for more once the build has failed.
        if sender.send(block).is_err() {
            return;
        }
    }
}

impl Part {
    /// The blob from the part's offset to its end, as one stream.
    fn rest(&self) -> Begun {
        let mut skip = self.offset;
        let rest = self.source.stream(&self.blob).map_ok(move |mut bytes| {
            let past = skip.min(bytes.len() as u64);
            skip -= past;
            bytes.split_off(past as usize)
        });
        Begun::Rest(self.position, rest.boxed())
    }
}

impl Begun {
    pub fn position(&self) -> usize {
        match self {
            Self::Memory(position, _) | Self::Rest(position, _) => *position,
            Self::Coming(part, _) | Self::Uncut(part) => part.position,
        }
    }

    pub fn is_rest(&self) -> bool {
        matches!(self, Self::Rest(..))
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        Poll::Ready(match self {
            Self::Memory(_, bytes) => bytes.take().map_or(Step::Over, Step::Bytes),
            Self::Uncut(part) => Step::Whole(part.rest()),
            Self::Rest(_, rest) => match ready!(rest.poll_next_unpin(context)) {
                Some(Ok(bytes)) => Step::Bytes(bytes),
                Some(Err(error)) => Step::Failed(error),
                None => Step::Over,
            },
            Self::Coming(part, coming) => match ready!(coming.blocks.poll_recv(context)) {
                Some(Ok(Slice::Bytes(bytes))) => {
                    part.offset += bytes.len() as u64;
                    Step::Bytes(bytes)
                }
                Some(Ok(Slice::Unsupported)) => Step::Whole(part.rest()),
                Some(Err(error)) => Step::Failed(error),
                None => Step::Over,
            },
        })
    }
}
