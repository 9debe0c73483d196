/*!
The entries of a tarball from elsewhere, compressed or not.

The blocks are read here one by one, as the `tar` crate's reader would hold names of any length in memory, takes the
first of two contradicting PAX records, and lets an archive end anywhere. Only files and directories get in; an archive
must have its end marker, and nothing after it.
*/

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;
use schema::bundle::ZSTD_WINDOW_LOG;
use tar::{EntryType, Header};

use super::{
    GraphError,
    collector::{FileCollector, TOTAL_LIMIT},
};

const BLOCK: usize = 512;
/// The most bytes of a long name or of PAX records; real ones have some hundred.
const METADATA_LIMIT: u64 = 64 << 10;

/// Gathers every entry.
pub(super) fn read(
    tarball: impl Read,
    collector: &mut FileCollector<'_>,
) -> Result<(), GraphError> {
    let foreign = |collector: &FileCollector<'_>, found| {
        let name = collector.name();
        GraphError::Foreign { name, found }
    };
    let (head, whole) = head(Limited::new(tarball)).map_err(|error| collector.unreadable(error))?;
    let plain: Box<dyn Read + '_> = match Form::of(&head) {
        Form::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Form::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(whole).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(decoder)
            });
            Box::new(decoder.map_err(|error| collector.unreadable(error))?)
        }
        Form::Tar => Box::new(whole),
        Form::Foreign(found) => return Err(foreign(collector, found)),
    };
    let (head, plain) =
        self::head(Limited::new(plain)).map_err(|error| collector.unreadable(error))?;
    match Form::of(&head) {
        Form::Tar => Entries { plain, collector }.all(),
        Form::Foreign(found) => Err(foreign(collector, found)),
        Form::Gzip | Form::Zstd => Err(foreign(collector, "a file that is compressed twice")),
    }
}

/// The first block, or what there is of it, and everything from the start again.
fn head<'r>(mut reader: impl Read + 'r) -> io::Result<(Vec<u8>, impl Read + 'r)> {
    let mut head = Vec::new();
    reader.by_ref().take(BLOCK as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(reader);
    Ok((head, whole))
}

/// What a file is by its first bytes.
enum Form {
    Gzip,
    Zstd,
    Tar,
    Foreign(&'static str),
}

impl Form {
    fn of(head: &[u8]) -> Self {
        let block = <&[u8; BLOCK]>::try_from(head);
        if block.is_ok_and(|block| is_end(block) || is_header(block)) {
            return Self::Tar;
        }
        match head {
            [] => Self::Foreign("an empty file"),
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Foreign("a bzip2 file"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Foreign("an xz file"),
            [b'P', b'K', 3, 4, ..] => Self::Foreign("a zip file"),
            _ => Self::Foreign(match head.trim_ascii_start().first() {
                Some(b'<') => "a web page (HTML or XML)",
                Some(b'{' | b'[') => "JSON text",
                _ => "something that is no tarball",
            }),
        }
    }
}

fn is_end(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

/// Whether the checksum is right (POSIX.1-2001, "ustar Interchange Format"), its own eight bytes taken as spaces.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let others = block[..148].iter().chain(&block[156..]);
    let sum = others.map(|&byte| u32::from(byte)).sum::<u32>() + 8 * u32::from(b' ');
    Header::from_byte_slice(block).cksum().ok() == Some(sum)
}

/// The blocks of a plain tarball.
struct Entries<'a, 'g, R> {
    plain: R,
    collector: &'a mut FileCollector<'g>,
}

impl<R: Read> Entries<'_, '_, R> {
    fn all(mut self) -> Result<(), GraphError> {
        let (mut name, mut records) = (None, Records::default());
        loop {
            let block = self.block()?;
            if is_end(&block) {
                return self.end();
            }
            if !is_header(&block) {
                return Err(self
                    .collector
                    .damaged("one of its headers has a wrong checksum"));
            }
            let header = Header::from_byte_slice(&block);
            let size = header.entry_size();
            let size = size.map_err(|error| self.collector.unreadable(error))?;
            match header.entry_type() {
                EntryType::GNULongName => {
                    let mut long = self.metadata(size)?;
                    long.truncate(
                        long.iter()
                            .position(|&byte| byte == 0)
                            .unwrap_or(long.len()),
                    );
                    name = Some(long);
                }
                // Of a link, and links are refused.
                EntryType::GNULongLink => drop(self.metadata(size)?),
                EntryType::XHeader => records = self.records(size)?,
                EntryType::XGlobalHeader if self.records(size)? == Records::default() => {}
                EntryType::XGlobalHeader => {
                    return Err(self
                        .collector
                        .damaged("it gives all its files one name or size"));
                }
                kind => {
                    let records = std::mem::take(&mut records);
                    if records.size.is_some_and(|other| other != size) {
                        return Err(self.collector.damaged("it gives a file two sizes"));
                    }
                    let name = records.path.or(name.take());
                    let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
                    self.entry(&name, kind, size)?;
                }
            }
        }
    }

    fn entry(&mut self, name: &[u8], kind: EntryType, size: u64) -> Result<(), GraphError> {
        let directory = kind.is_dir() || name.ends_with(b"/");
        let place = self.collector.accept(name)?;
        match (place, kind) {
            (None, _) => self.skip(padded(size)),
            (Some(_), EntryType::Regular | EntryType::Directory) if directory => {
                self.skip(padded(size))
            }
            (Some(path), EntryType::Regular | EntryType::Continuous) => {
                let mut content = self.plain.by_ref().take(size);
                self.collector.add(path, &mut content)?;
                match content.limit() {
                    0 => self.skip(padded(size) - size),
                    _ => Err(self.collector.damaged("it ends too early")),
                }
            }
            (Some(path), kind) => Err(self.collector.kind(path, called(kind))),
        }
    }

    /// The records of a PAX header.
    fn records(&mut self, size: u64) -> Result<Records, GraphError> {
        let bytes = self.metadata(size)?;
        let records = Records::parse(&bytes);
        records.ok_or_else(|| {
            self.collector.damaged(
                "one of its PAX headers is malformed, contradicts itself or tells of a sparse file",
            )
        })
    }

    /// The content of an entry that is about the next one.
    fn metadata(&mut self, size: u64) -> Result<Vec<u8>, GraphError> {
        if size > METADATA_LIMIT {
            return Err(self
                .collector
                .too_large("one of the file names has", "64 KiB"));
        }
        let mut bytes = vec![0; size as usize];
        let read = self.plain.read_exact(&mut bytes);
        read.map_err(|error| self.collector.unreadable(error))?;
        self.skip(padded(size) - size)?;
        Ok(bytes)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], GraphError> {
        let mut block = [0; BLOCK];
        let read = self.plain.read_exact(&mut block);
        read.map_err(|error| self.collector.unreadable(error))?;
        Ok(block)
    }

    /// Passes over some bytes.
    fn skip(&mut self, size: u64) -> Result<(), GraphError> {
        let skipped = io::copy(&mut self.plain.by_ref().take(size), &mut io::sink());
        match skipped.map_err(|error| self.collector.unreadable(error))? {
            skipped if skipped == size => Ok(()),
            _ => Err(self.collector.damaged("it ends too early")),
        }
    }

    /// After the first block of zeros there are only zeros; reading them lets a decompressor check its checksum.
    fn end(mut self) -> Result<(), GraphError> {
        let mut buffer = [0; 16 * BLOCK];
        loop {
            let read = self.plain.read(&mut buffer);
            match read.map_err(|error| self.collector.unreadable(error))? {
                0 => return Ok(()),
                count if buffer[..count].iter().all(|&byte| byte == 0) => {}
                _ => return Err(self.collector.damaged("there is more after its end")),
            }
        }
    }
}

/// Bytes with the padding after them.
fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64)
        .unwrap_or(u64::MAX)
}

/// What else the archive could call it.
fn called(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "an entry of an unknown type",
    }
}

/// The PAX records that matter here (POSIX.1-2001, "pax Extended Header").
#[derive(Debug, Default, PartialEq, Eq)]
struct Records {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Records {
    /// Reads `LENGTH KEY=VALUE\n` until nothing is left. Others than path and size (times, owners) are passed over.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Self::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|&byte| byte == b' ')?;
            let length = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            bytes = &bytes[length..];
            let equals = record.iter().position(|&byte| byte == b'=')?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let refused = match key {
                b"path" => records.path.replace(value.to_owned()).is_some(),
                b"size" => {
                    let size = std::str::from_utf8(value).ok()?.parse().ok()?;
                    records.size.replace(size).is_some()
                }
                _ => key.starts_with(b"GNU.sparse."),
            };
            if refused {
                return None;
            }
        }
        Some(records)
    }
}

/// Gives an error after [`TOTAL_LIMIT`] bytes.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R> Limited<R> {
    fn new(inner: R) -> Self {
        let left = TOTAL_LIMIT;
        Self { inner, left }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(count)
    }
}
