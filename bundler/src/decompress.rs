/*!
Decompresses archives that others made (layers of images, update graph data), within limits that hold while they are read.
*/

use std::io::{self, BufRead, Read};

use schema::text::human_bytes;

/// What may come out of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes.
    pub bytes: u64,
    /// The binary logarithm of the most bytes of a zstd window, which is held in memory.
    pub zstd_window_log: u32,
}

/// What bytes are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// By the first four bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What is inside; an error of kind [`io::ErrorKind::FileTooLarge`] as soon as there is too much of it.
pub fn open<'r>(
    compression: Option<Compression>,
    packed: impl BufRead + 'r,
    limits: Limits,
) -> io::Result<Limited<Box<dyn Read + 'r>>> {
    let plain: Box<dyn Read + 'r> = match compression {
        Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Some(Compression::Zstd) => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(limits.zstd_window_log)?;
            Box::new(decoder)
        }
        None => Box::new(packed),
    };
    Ok(Limited::new(plain, limits.bytes))
}

/// Gives an error, and not an end, where there are more bytes than allowed.
#[derive(Debug)]
pub struct Limited<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R> Limited<R> {
    /// At most so many bytes.
    pub fn new(inner: R, limit: u64) -> Self {
        let left = limit;
        Self { inner, limit, left }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let reason = format!("it unpacks to more than {}", human_bytes(self.limit));
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn every_compression_gives_what_is_inside_and_one_byte_too_many_is_an_error() -> io::Result<()>
    {
        let content = vec![7; 100_000];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&content)?;
        let zstd = zstd::encode_all(content.as_slice(), 3)?;
        for packed in [gzip.finish()?, zstd, content.clone()] {
            let read = |bytes| {
                let limits = Limits {
                    bytes,
                    zstd_window_log: 23,
                };
                let mut found = Vec::new();
                let mut plain = open(Compression::of(&packed), packed.as_slice(), limits)?;
                plain.read_to_end(&mut found).map(|_| found)
            };
            assert!(read(100_000).is_ok_and(|found| found == content));
            let refused = read(99_999).map_err(|error| (error.kind(), error.to_string()));
            let reason = "it unpacks to more than 97.7 KiB".to_owned();
            assert_eq!(refused, Err((io::ErrorKind::FileTooLarge, reason)));
        }
        Ok(())
    }
}
