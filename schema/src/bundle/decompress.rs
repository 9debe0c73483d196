/*!
`.tar.zst`: the same tape in one ordinary zstd frame (RFC 8878), recognised by its magic number and read sequentially.

The window is limited before the first block is decoded, so a hostile frame cannot ask for memory, and what comes after
the frame is refused: a second frame would be a second tape.
*/

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
};

use super::{Error, sequential::END};

/// log2 of the largest window written and accepted: 8 MiB.
pub const ZSTD_WINDOW_LOG: u32 = 23;

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Gives the tape itself, whether the medium holds it plain or compressed.
pub(super) fn plain(medium: Box<dyn Read + Send>) -> io::Result<(bool, Box<dyn Read + Send>)> {
    let mut buffered = BufReader::with_capacity(256 << 10, medium);
    // One read of a pipe may give fewer than four bytes; the first already decides: a tape starts with a file name.
    let compressed = buffered.fill_buf()?.first() == Some(&MAGIC[0]);
    if !compressed {
        return Ok((false, Box::new(buffered)));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?.single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok((
        true,
        Box::new(OneFrame {
            decoder,
            over: false,
        }),
    ))
}

/// A frame with nothing behind it.
struct OneFrame<R: BufRead> {
    decoder: zstd::stream::read::Decoder<'static, R>,
    over: bool,
}

impl<R: BufRead> Read for OneFrame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over || buffer.is_empty() {
            return Ok(0);
        }
        let count = self.decoder.read(buffer).map_err(damaged)?;
        if count == 0 {
            self.over = true;
            if !self.decoder.get_mut().fill_buf()?.is_empty() {
                let what = "there are bytes after the zstd frame".to_owned();
                return Err(Error::Extra {
                    entry: END.to_owned(),
                    what,
                }
                .into_io());
            }
        }
        Ok(count)
    }
}

impl<R: BufRead> fmt::Debug for OneFrame<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneFrame")
    }
}

/// What libzstd refuses is the content's fault; a medium that fails keeps its own error code.
fn damaged(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let (expected, found) = (
        "one zstd frame with a window of at most 8 MiB".to_owned(),
        error.to_string(),
    );
    Error::Altered {
        entry: "zstd stream".to_owned(),
        what: "compressed data",
        expected,
        found,
    }
    .into_io()
}
