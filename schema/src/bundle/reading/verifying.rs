/*!
The stream adapter between a medium and anything that uses its bytes.

[`Verifying`] hands bytes on as it hashes them, and gives an error in place of the last ones if the digest is not the
expected one: whoever waits for the end never sees the end of something altered.
*/

use std::{
    fmt,
    io::{self, Read},
};

use crate::{Digest, bundle::Error, digest::Hasher};

/// Reads exactly `size` bytes of `inner` and checks their digest before giving the last of them.
pub struct Verifying<R> {
    inner: R,
    entry: String,
    expected: Digest,
    remaining: u64,
    /// Gone once the digest was compared.
    hasher: Option<Hasher>,
}

impl<R: Read> Verifying<R> {
    /// `entry` is the name that errors give.
    pub fn new(inner: R, entry: String, size: u64, expected: Digest) -> Self {
        Self {
            inner,
            entry,
            expected,
            remaining: size,
            hasher: Some(Hasher::default()),
        }
    }

    /// Reads what is left, so that all of it is checked.
    pub fn drain(&mut self) -> Result<(), Error> {
        let mut buffer = vec![0; 256 << 10];
        while self
            .read(&mut buffer)
            .map_err(|error| Error::from_io(error, self.entry.as_str()))?
            > 0
        {}
        Ok(())
    }

    /// Reads all of it, verified. For content whose size is bounded by the format.
    pub fn read_whole(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(self.remaining as usize);
        self.read_to_end(&mut bytes)
            .map_err(|error| Error::from_io(error, self.entry.as_str()))?;
        Ok(bytes)
    }

    /// Bytes still to come.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    fn compare(&mut self) -> Result<(), Error> {
        let Some(hasher) = self.hasher.take() else {
            return Ok(());
        };
        let found = hasher.finish();
        if found != self.expected {
            return Err(Error::Altered {
                entry: self.entry.clone(),
                what: "content",
                expected: self.expected.to_string(),
                found: found.to_string(),
            });
        }
        Ok(())
    }
}

impl<R: Read> Read for Verifying<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = buffer
            .len()
            .min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..want])?;
        if count == 0 && want > 0 {
            return Err(Error::Cut {
                entry: self.entry.clone(),
                missing: self.remaining,
            }
            .into_io());
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.remaining -= count as u64;
        if self.remaining == 0 {
            self.compare().map_err(Error::into_io)?;
        }
        Ok(count)
    }
}

impl<R> fmt::Debug for Verifying<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Verifying({}, {} bytes to come)",
            self.entry, self.remaining
        )
    }
}
