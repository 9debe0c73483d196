/*!
Blocks of blobs under way, used again.

A quarter of a MiB is born and dropped hundreds of times a second on several threads. An allocator gives such memory back late
and in pieces, so that the process comes to hold twice what it uses; a few blocks that go round do not.
*/

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

/// Bytes of a blob that are handed on together, at most.
pub(crate) const BLOCK: usize = 256 << 10;

/// Blocks below this many bytes are left to the allocator.
const SMALLEST: usize = 64 << 10;

/// Blocks kept while nobody uses them: as many as the window of a build holds.
const KEPT: usize = 96;

/// The buffers that are free. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer for so many bytes.
    pub fn take(&self, length: usize) -> Buffer {
        let pooled = (SMALLEST..=BLOCK).contains(&length);
        let free = pooled.then(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).pop());
        let capacity = if pooled { BLOCK } else { length };
        Buffer {
            bytes: free
                .flatten()
                .unwrap_or_else(|| Vec::with_capacity(capacity)),
            home: pooled.then(|| self.clone()),
        }
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buffers")
    }
}

/// A buffer that goes back when it is dropped.
pub(crate) struct Buffer {
    pub bytes: Vec<u8>,
    home: Option<Buffers>,
}

impl Buffer {
    /// The bytes, to be shared without a copy; the buffer goes back after the last of them.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut free = home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT && self.bytes.capacity() <= BLOCK {
            self.bytes.clear();
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_back_after_its_last_reader() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(100 << 10);
        buffer.bytes.extend_from_slice(b"slice");
        let place = buffer.bytes.as_ptr();
        let (first, second) = {
            let bytes = buffer.freeze();
            (bytes.slice(..2), bytes.slice(2..))
        };
        drop(first);
        assert_ne!(buffers.take(100 << 10).bytes.as_ptr(), place);
        assert_eq!(second, b"ice".as_slice());
        drop(second);
        let again = buffers.take(BLOCK);
        assert_eq!((again.bytes.as_ptr(), again.bytes.len()), (place, 0));
    }
}
