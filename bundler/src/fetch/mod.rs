/*!
Pulls the contents of a bundle as one long sequence of pieces, several under way at once, delivered in order.

A blob comes by one request, unless it is so large that several connections do better; what is fetched ahead of the writer
never exceeds [`WINDOW`], however it is cut. A registry without ranges is read blob by blob when its turn comes.
*/

mod missing_blobs;
mod piece;

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, future::BoxFuture, stream};
use piece::{Begun, Limits, Piece, Step};
use schema::bundle::{FileKind, Tape};

pub use missing_blobs::name_missing_blobs;

use crate::{Error, Plan, plan::Content};

/// The most that is held ahead of the writer: 24 MiB.
pub const WINDOW: u64 = 24 << 20;

/// A blob up to this size is never cut: 8 MiB.
const UNCUT: u64 = 8 << 20;

/// Pieces that are begun ahead of the one that is read. Only the smallest come to so many within the window.
const AHEAD: usize = 64;

/// Some bytes of a file of the bundle, in order.
#[derive(Debug)]
pub struct Chunk {
    /// Position of the file in the index.
    pub position: usize,
    /// The bytes that come next in it.
    pub bytes: Bytes,
}

/// Where writing begins: at a byte of a file of the index. Everything before is on the medium already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    /// Position of the file in the index.
    pub position: usize,
    /// Bytes of its content that are there.
    pub offset: u64,
}

/// The contents from `start` on. Files without content of their own, and empty ones, give nothing.
pub fn contents<'a>(
    plan: &'a Plan,
    tape: &'a Tape,
    start: Start,
    concurrency: usize,
) -> impl Stream<Item = Result<Chunk, Error>> + Send + 'a {
    let concurrency = concurrency.max(1);
    let slice = (WINDOW / concurrency as u64).clamp(1 << 20, UNCUT);
    let pieces =
        tape.placements()
            .enumerate()
            .skip(start.position)
            .flat_map(move |(position, placed)| {
                let offset = if position == start.position {
                    start.offset
                } else {
                    0
                };
                let content = match placed.file.kind() {
                    FileKind::Regular => plan.contents.get(&placed.file.digest),
                    FileKind::HardLink(_) | FileKind::Symlink(_) => None,
                };
                pieces(position, content, offset, slice)
            });
    let mut fetching = Fetching {
        pieces: Box::new(pieces),
        limits: Arc::new(Limits::new(concurrency)),
        beginning: None,
        begun: VecDeque::new(),
        whole: HashSet::new(),
    };
    stream::poll_fn(move |context| fetching.poll_next(context))
}

/// A file's content from `start` on, in pieces of at most `slice` bytes and about the same size.
fn pieces(
    position: usize,
    content: Option<&Content>,
    start: u64,
    slice: u64,
) -> Box<dyn Iterator<Item = Piece> + Send + '_> {
    match content {
        None => Box::new(std::iter::empty()),
        Some(Content::Memory(bytes)) => {
            let rest = bytes.slice((start as usize).min(bytes.len())..);
            Box::new(std::iter::once(Piece::Memory(position, rest)))
        }
        Some(Content::Source(source, blob, _)) => {
            let left = blob.size.saturating_sub(start);
            let count = if left > UNCUT {
                left.div_ceil(slice)
            } else {
                1
            };
            let length = left.div_ceil(count).max(1);
            let offsets = (start..blob.size).step_by(length as usize);
            Box::new(offsets.map(move |offset| {
                let length = length.min(blob.size - offset);
                Piece::of_blob(position, source, blob, offset, length)
            }))
        }
    }
}

/// The pieces that are still to come, and those under way.
struct Fetching<'a> {
    pieces: Box<dyn Iterator<Item = Piece> + Send + 'a>,
    limits: Arc<Limits>,
    /// The next piece, while there is no room for it.
    beginning: Option<BoxFuture<'static, Begun>>,
    /// In order; the first is being read.
    begun: VecDeque<Begun>,
    /// Files of which one piece brings all the rest.
    whole: HashSet<usize>,
}

impl Fetching<'_> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk, Error>>> {
        loop {
            self.begin(context);
            let Some(first) = self.begun.front_mut() else {
                return match self.beginning {
                    Some(_) => Poll::Pending,
                    None => Poll::Ready(None),
                };
            };
            let position = first.position();
            // A registry that changes its mind may still have cut slices of a blob that then comes whole.
            if !first.is_rest() && self.whole.contains(&position) {
                self.begun.pop_front();
                continue;
            }
            match ready!(first.poll(context)) {
                Step::Bytes(bytes) => return Poll::Ready(Some(Ok(Chunk { position, bytes }))),
                Step::Failed(error) => return Poll::Ready(Some(Err(error))),
                // The first slice that a registry will not cut brings the rest of the blob.
                Step::Whole(rest) => {
                    self.whole.insert(position);
                    *first = rest;
                }
                Step::Over => {
                    self.begun.pop_front();
                }
            }
        }
    }

    /// Begins pieces, in order, as long as there is room: an earlier one never waits for a later one.
    fn begin(&mut self, context: &mut Context<'_>) {
        while self.begun.len() < AHEAD {
            let beginning = match &mut self.beginning {
                Some(beginning) => beginning,
                None => {
                    let Some(piece) = self.pieces.next() else {
                        return;
                    };
                    let limits = Arc::clone(&self.limits);
                    self.beginning.insert(piece.begin(limits).boxed())
                }
            };
            match Pin::new(beginning).poll_unpin(context) {
                Poll::Ready(begun) => self.begun.push_back(begun),
                Poll::Pending => return,
            }
            self.beginning = None;
        }
    }
}
