/*!
Finds a few small files in an image layer, streamed: the layer may be gigabytes, the files are not.

Nothing of the layer counts before its last byte was hashed against its digest, and what is held and inflated of it is bounded, since it
comes from outside and its release is not verified yet.
*/

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read},
};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt, pin_mut};
use schema::{digest::Hasher, manifest::Blob};
use tokio::sync::mpsc;

use crate::{
    Error,
    decompress::{self, Compression, Limits},
};

/// What a layer may unpack to while it is searched: 4 GiB, with the largest window that zstd itself allows.
const LIMITS: Limits = Limits {
    bytes: 4 << 30,
    zstd_window_log: 27,
};

/// Files held of one layer, in bytes: 32 MiB. Real releases have 10 MiB of manifests, of which few are kept.
const KEPT_LIMIT: usize = 32 << 20;

/// Files of a layer by path, without `./` before it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads a layer to its end and keeps the files that `wanted` accepts by path and then by content; of one path the last,
/// as extracting would. The layer's digest is checked. `what` names the image in errors.
pub async fn search(
    content: impl Stream<Item = Result<Bytes, Error>> + Send,
    blob: Blob,
    what: &str,
    wanted: impl Wanted + 'static,
) -> Result<Files, Error> {
    let (sender, receiver) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read(Chunks::of(receiver), &blob, wanted));
    let mut sent = Ok(());
    pin_mut!(content);
    while let Some(chunk) = content.next().await {
        match chunk {
            Ok(chunk) => {
                // A reader that is gone has an error of its own.
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                sent = Err(error);
                break;
            }
        }
    }
    drop(sender);
    let read = reading.await?;
    sent?;
    read.map_err(|error| Error::Payload {
        release: what.to_owned(),
        reason: format!("layer {} cannot be read: {error}", blob.digest),
    })
}

/// Which files of a layer are kept.
pub trait Wanted: Send {
    /// The most bytes that a file of this path may have; none for a path that is of no interest.
    fn limit(&self, path: &str) -> Option<u64>;

    /// Whether it is kept after all.
    fn keeps(&self, path: &str, content: &[u8]) -> bool;
}

fn read(chunks: Chunks, blob: &Blob, wanted: impl Wanted) -> io::Result<Files> {
    let mut hashing = Hashing {
        inner: chunks,
        hasher: Hasher::default(),
    };
    let files = {
        let mut packed = BufReader::with_capacity(64 << 10, &mut hashing);
        let compression = Compression::of(packed.fill_buf()?);
        let found = files(decompress::open(compression, &mut packed, LIMITS)?, &wanted);
        // Also what follows the archive belongs to the blob.
        io::copy(&mut packed, &mut io::sink())?;
        found
    };
    let found = hashing.hasher.finish();
    if found != blob.digest {
        return Err(io::Error::other(format!("its bytes have digest {found}")));
    }
    files
}

fn files(tar: impl Read, wanted: &impl Wanted) -> io::Result<Files> {
    let mut archive = tar::Archive::new(tar);
    let (mut files, mut held) = (Files::new(), 0);
    // Raw: long names and extended headers, which the library would hold whole, are passed over. Manifests need none.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./");
        let limit = wanted
            .limit(path)
            .filter(|_| entry.header().entry_type().is_file());
        let Some(limit) = limit else {
            continue;
        };
        let size = entry.header().size()?;
        if size > limit {
            return Err(io::Error::other(format!(
                "{path} has {size} bytes, more than {limit}"
            )));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if wanted.keeps(path, &content) {
            held += content.len();
            if held > KEPT_LIMIT {
                return Err(io::Error::other("it holds more manifests than any release"));
            }
            files.insert(path.to_owned(), content);
        }
    }
    Ok(files)
}

/// Hashes what passes.
struct Hashing {
    inner: Chunks,
    hasher: Hasher,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// What comes from the runtime, for a reader on a thread of its own.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Chunks {
    fn of(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self {
            receiver,
            current: Bytes::new(),
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
