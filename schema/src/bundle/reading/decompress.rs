/*!
`.tar.zst`: the same tape in one ordinary zstd frame (RFC 8878), recognised by its magic number and read sequentially.

The frame must end with a checksum, the window is limited before the first block is decoded, so a hostile frame cannot ask
for memory, and what comes after the frame is refused: a second frame would be a second tape.
*/

use std::{
    fmt,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use crate::bundle::{
    Error,
    reading::sequential::{self, END},
};

/// log2 of the largest window written and accepted: 8 MiB.
pub const ZSTD_WINDOW_LOG: u32 = 23;

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// `Content_Checksum_flag` of the frame header descriptor, the byte after the magic number (RFC 8878, section 3.1.1.1.1).
const CHECKSUM: u8 = 1 << 2;

/// Gives the tape itself, whether the medium holds it plain or compressed.
pub(crate) fn plain(medium: Box<dyn Read + Send>) -> io::Result<(bool, Box<dyn Read + Send>)> {
    let mut buffered = BufReader::with_capacity(256 << 10, medium);
    let mut start = vec![0; MAGIC.len() + 1];
    let count = sequential::fill(&mut buffered, &mut start)?;
    start.truncate(count);
    let compressed = start.starts_with(&MAGIC);
    let checksum = start
        .last()
        .is_some_and(|descriptor| descriptor & CHECKSUM != 0);
    let whole = Cursor::new(start).chain(buffered);
    if !compressed {
        return Ok((false, Box::new(whole)));
    }
    if !checksum {
        return Err(refused("one without"));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?.single_frame();
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
    refused(&error.to_string())
}

fn refused(found: &str) -> io::Error {
    Error::Altered {
        entry: "zstd stream".to_owned(),
        what: "compressed data",
        expected: "one zstd frame with a checksum and a window of at most 8 MiB".to_owned(),
        found: found.to_owned(),
    }
    .into_io()
}
