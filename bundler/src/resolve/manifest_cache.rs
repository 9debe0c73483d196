/*!
The manifests of a build: each held once, and no more of them than a build may hold.

They are small, so all are kept until the plan is made; a registry that gives large ones without end must not be able to
fill the memory.
*/

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use registry::RawManifest;
use schema::{Digest, Manifest, MediaType, manifest::ManifestError};

use super::Carried;

/// The most bytes of manifests in one build: 64 MiB. A release of 200 components for four machines has about 4 MiB.
pub const LIMIT: u64 = 64 << 20;

/// The most blobs that the manifests of one build name: each takes a few lines of the index, and memory until it is written.
pub const BLOBS: usize = 1 << 16;

/// Blobs of attachments up to this size, 64 KiB, are taken when they are found: signatures have a few hundred bytes.
pub const SMALL_BLOB: u64 = 64 << 10;

/// The most bytes of small blobs that are held besides: 8 MiB.
const SMALL_LIMIT: u64 = 8 << 20;

/// All manifests that were read so far, and the small blobs of attachments.
#[derive(Debug, Default)]
pub struct ManifestCache(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    blobs: HashSet<Digest>,
    manifests: HashMap<(Digest, MediaType), Carried>,
    small_bytes: u64,
    small: HashMap<Digest, Bytes>,
}

/// Why a manifest is not held.
#[derive(Debug)]
pub enum NotCached {
    /// It cannot be carried.
    Manifest(ManifestError),
    /// There are more than [`LIMIT`] bytes of them, or they name more than [`BLOBS`].
    TooMuch,
}

impl ManifestCache {
    /// Reads a manifest that was declared to be of this type, and keeps it.
    ///
    /// One at a time: what a large body is made of takes many times its size while it is read.
    pub fn read(&self, raw: RawManifest, declared: MediaType) -> Result<Carried, NotCached> {
        let mut state = self.state();
        if let Some(held) = state.manifests.get(&(raw.digest, declared)) {
            return Ok(held.clone());
        }
        let size = raw.bytes.len() as u64;
        if state.bytes + size > LIMIT {
            return Err(NotCached::TooMuch);
        }
        let mut parsed = Manifest::parse(&raw.bytes, declared).map_err(NotCached::Manifest)?;
        let blobs = parsed.blobs.iter().map(|blob| blob.digest);
        state.blobs.extend(blobs);
        if state.blobs.len() > BLOBS {
            return Err(NotCached::TooMuch);
        }
        // Nothing here asks for them, and they are the largest part of some manifests.
        parsed.annotations = Default::default();
        let carried = Carried {
            raw: RawManifest {
                media_type: parsed.media_type,
                ..raw
            },
            parsed: Arc::new(parsed),
        };
        state.bytes += size;
        state
            .manifests
            .insert((carried.raw.digest, declared), carried.clone());
        Ok(carried)
    }

    /// A small blob that is held.
    pub fn small_blob(&self, digest: &Digest) -> Option<Bytes> {
        self.state().small.get(digest).cloned()
    }

    /// Whether one more small blob of this size may be held.
    pub fn has_room(&self, size: u64) -> bool {
        self.state().small_bytes + size <= SMALL_LIMIT
    }

    /// Keeps a small blob, unless there is no room any more, and gives it back.
    pub fn keep_small_blob(&self, digest: Digest, bytes: Bytes) -> Bytes {
        let mut state = self.state();
        let size = bytes.len() as u64;
        if state.small_bytes + size <= SMALL_LIMIT
            && state.small.insert(digest, bytes.clone()).is_none()
        {
            state.small_bytes += size;
        }
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(filler: usize, number: usize) -> RawManifest {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"n":"{number}","x":"{}"}}}}"#,
            "x".repeat(filler)
        );
        RawManifest {
            digest: Digest::of(text.as_bytes()),
            bytes: text.into(),
            media_type: MediaType::OciIndex,
        }
    }

    #[test]
    fn what_is_met_again_costs_nothing_and_what_is_new_ends_somewhere() {
        let held = ManifestCache::default();
        let mut taken = 0;
        let refused = (0..100).find(|number| {
            let manifest = raw(3 << 20, *number);
            for _ in 0..3 {
                match held.read(manifest.clone(), MediaType::OciIndex) {
                    Ok(carried) => taken += usize::from(carried.parsed.annotations.is_empty()),
                    Err(_) => return true,
                }
            }
            false
        });
        assert_eq!((refused, taken), (Some(21), 63));
        let again = held.read(raw(3 << 20, 7), MediaType::OciIndex);
        assert!(again.is_ok(), "it was held already");
    }
}
