/*! Where the bytes of a seekable bundle lie: in one file, or in whatever else can be read at any offset. */

use std::{
    fmt, fs,
    io::{self, Read},
    sync::Arc,
};

/// Bytes that many threads can read at any offset: a file, or volumes that are parts of one.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Reads some of the bytes from `offset` on; 0 means that there are none. See [`std::os::unix::fs::FileExt::read_at`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// How many bytes there are.
    fn length(&self) -> io::Result<u64>;

    /// Fills as much of the buffer as there are bytes from `offset` on, and says how much.
    fn fill_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl ReadAt for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Reads on from an offset.
#[derive(Debug)]
pub struct ReadFrom {
    source: Arc<dyn ReadAt>,
    offset: u64,
}

impl ReadFrom {
    /// The bytes of `source` from `offset` on.
    pub fn new(source: Arc<dyn ReadAt>, offset: u64) -> Self {
        Self { source, offset }
    }
}

impl Read for ReadFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
