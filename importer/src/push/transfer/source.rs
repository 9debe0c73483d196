/*!
Where the bytes of an upload come from: an entry of a seekable bundle, or a copy that the target already has.

Both hash what they give and end in an error instead of the last chunk if the digest is wrong, so no registry is ever
asked to commit something that was not verified.
*/

use std::io::{self, Read};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;

use registry::{BlobSource, Remote};
use schema::{
    bundle::{Error, Random, Verifying},
    digest::Hasher,
    manifest::Blob,
};

/// Bytes that are read, hashed and handed on at a time.
pub const CHUNK: usize = 512 << 10;

/// An entry of a bundle that can be read again.
#[derive(Debug, Clone)]
pub struct FromFile {
    /// The bundle.
    pub bundle: Random,
    /// Position of the entry in the index.
    pub position: usize,
}

impl BlobSource for FromFile {
    fn open(&self, offset: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error> {
        let mut content = self.bundle.open(self.position)?;
        let (sender, mut chunks) = mpsc::channel(1);
        // One chunk is read and hashed while the one before it is sent.
        tokio::task::spawn_blocking(move || {
            // Hashed again from the start: what is sent now is part of something verified whole.
            let skipped = io::copy(&mut (&mut content).take(offset), &mut io::sink());
            let mut next = skipped.and_then(|_| read_chunk(&mut content));
            while !next.as_ref().is_ok_and(Bytes::is_empty) {
                let failed = next.is_err();
                // Nobody waits for more once the upload has ended.
                if sender.blocking_send(next).is_err() || failed {
                    return;
                }
                next = read_chunk(&mut content);
            }
        });
        Ok(stream::poll_fn(move |context| chunks.poll_recv(context)).boxed())
    }
}

/// As much as fits in a chunk; empty at the end.
pub fn read_chunk<R: Read>(content: &mut Verifying<R>) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK.min(content.remaining() as usize));
    content.take(CHUNK as u64).read_to_end(&mut chunk)?;
    Ok(Bytes::from(chunk))
}

/// A blob of the bundle that is already in another repository of the target, for a registry that refuses to mount it.
#[derive(Debug)]
pub struct FromTarget {
    /// The repository that holds it.
    pub holder: Remote,
    /// The blob.
    pub blob: Blob,
}

impl BlobSource for FromTarget {
    fn open(&self, offset: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error> {
        let blob = self.blob;
        let incoming = self.holder.blob_stream(&blob).boxed();
        let chunks = stream::try_unfold(
            (incoming, Hasher::default(), 0),
            move |(mut incoming, mut hasher, given)| async move {
                let Some(chunk) = incoming.next().await else {
                    return Ok(None);
                };
                let mut chunk = chunk.map_err(io::Error::other)?;
                hasher.update(&chunk);
                let end = given + chunk.len() as u64;
                if end == blob.size {
                    let found = hasher.clone().finish();
                    if found != blob.digest {
                        let (entry, expected) = (
                            format!("copy of {} from the target", blob.digest),
                            blob.digest.to_string(),
                        );
                        return Err(Error::Altered {
                            entry,
                            what: "content",
                            expected,
                            found: found.to_string(),
                        }
                        .into_io());
                    }
                }
                let past = offset.saturating_sub(given).min(chunk.len() as u64);
                let chunk = chunk.split_off(past as usize);
                Ok(Some((chunk, (incoming, hasher, end))))
            },
        );
        Ok(chunks.boxed())
    }
}
