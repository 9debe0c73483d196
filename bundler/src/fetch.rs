/*!
Pulls the contents of a bundle as one long sequence of slices, several under way at once, delivered in order.

Large blobs are cut, so one 5 GB layer is fetched by many connections; what is fetched ahead of the writer never
exceeds [`WINDOW`]. A registry without ranges is read blob by blob when its turn comes.
*/

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use schema::{
    bundle::{Kind, Tape},
    manifest::Blob,
    registry::Slice,
};
use tokio::task::JoinHandle;

use crate::{Error, Plan, plan::Content, source::Source};

/// The most that is held ahead of the writer: 24 MiB.
pub const WINDOW: u64 = 24 << 20;

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
    // Besides those under way, three are between here and the medium.
    let slice = (WINDOW / (concurrency as u64 + 3)).min(2 << 20);
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
                    Kind::Regular => plan.contents.get(&placed.file.digest),
                    Kind::HardLink(_) | Kind::Symlink(_) => None,
                };
                pieces(position, content, offset, slice)
            });
    let mut whole = HashSet::new();
    let under_way = stream::iter(pieces)
        .map(Piece::begin)
        .buffered(concurrency.max(1));
    let in_order = under_way.map(
        move |fetched| -> Result<BoxStream<'static, Result<Chunk, Error>>, Error> {
            Ok(match fetched? {
                // A registry that changes its mind may still have cut slices of a blob that then comes whole.
                Fetched::Bytes(position, _) if whole.contains(&position) => stream::empty().boxed(),
                Fetched::Bytes(position, bytes) => {
                    stream::once(async move { Ok(Chunk { position, bytes }) }).boxed()
                }
                // The first slice that a registry will not cut brings the rest of the blob; its other slices bring nothing.
                Fetched::Whole(piece) if whole.insert(piece.position) => piece.rest().boxed(),
                Fetched::Whole(_) => stream::empty().boxed(),
            })
        },
    );
    in_order.try_flatten()
}

/// One slice of a blob, or bytes that are at hand.
enum Piece {
    Memory(usize, Bytes),
    Slice(SlicePiece),
}

struct SlicePiece {
    position: usize,
    source: Source,
    blob: Blob,
    offset: u64,
    length: u64,
}

enum Fetched {
    Bytes(usize, Bytes),
    Whole(SlicePiece),
}

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
            let offsets = (start..blob.size).step_by(slice as usize);
            Box::new(offsets.map(move |offset| {
                let length = slice.min(blob.size - offset);
                Piece::Slice(SlicePiece {
                    position,
                    source: source.clone(),
                    blob: *blob,
                    offset,
                    length,
                })
            }))
        }
    }
}

impl Piece {
    /// Runs on the runtime's threads at once, not only when it is polled.
    async fn begin(self) -> Result<Fetched, Error> {
        match self {
            Self::Memory(position, bytes) => Ok(Fetched::Bytes(position, bytes)),
            Self::Slice(piece) => {
                let task = Aborting(tokio::spawn(async move {
                    Ok(
                        match piece
                            .source
                            .slice(&piece.blob, piece.offset, piece.length)
                            .await?
                        {
                            Slice::Bytes(bytes) => Fetched::Bytes(piece.position, bytes),
                            Slice::Unsupported => Fetched::Whole(piece),
                        },
                    )
                }));
                task.result().await
            }
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct Aborting<T>(JoinHandle<T>);

impl<T> Aborting<Result<T, Error>>
where
    T: Send + 'static,
{
    async fn result(mut self) -> Result<T, Error> {
        let joined = (&mut self.0).await;
        joined.map_err(|error| Error::Io {
            path: "fetch".into(),
            source: error.into(),
        })?
    }
}

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SlicePiece {
    /// The blob from this slice's offset to its end, as one stream.
    fn rest(self) -> impl Stream<Item = Result<Chunk, Error>> + Send {
        let (position, mut skip) = (self.position, self.offset);
        self.source.stream(&self.blob).map_ok(move |mut bytes| {
            let past = skip.min(bytes.len() as u64);
            skip -= past;
            Chunk {
                position,
                bytes: bytes.split_off(past as usize),
            }
        })
    }
}
