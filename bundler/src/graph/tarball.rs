/*!
The entries of a tarball from elsewhere, compressed or not, as the crate `tar` reads them.

The crate would hold names of any length in memory, take the first of two contradicting PAX records, and let an archive end
anywhere. So it is asked for raw entries, and long names and PAX records are read here. Only files and directories get in; an
archive must have its end marker, and nothing after it.
*/

use std::io::{self, BufReader, Cursor, Read};

use schema::bundle::ZSTD_WINDOW_LOG;
use tar::{Archive, Entry, EntryType, Header};

use super::{
    GraphError,
    collector::{FileCollector, TOTAL_LIMIT},
};
use crate::decompress::{self, Compression, Limited, Limits};

const BLOCK: usize = 512;
/// The most bytes of a long name or of PAX records; real ones have some hundred.
const METADATA_LIMIT: u64 = 64 << 10;

/// Collects every file.
pub(super) fn read(
    tarball: impl Read,
    collector: &mut FileCollector<'_>,
) -> Result<(), GraphError> {
    let limits = Limits {
        bytes: TOTAL_LIMIT,
        zstd_window_log: ZSTD_WINDOW_LOG,
    };
    let unreadable = |error| collector.unreadable(error);
    let foreign = |found| GraphError::Foreign {
        name: collector.name(),
        found,
    };
    let (head, packed) = head(Limited::new(tarball, TOTAL_LIMIT)).map_err(unreadable)?;
    let compression = match Form::of(&head) {
        Form::Compressed(compression) => Some(compression),
        Form::Tar => None,
        Form::Foreign(found) => return Err(foreign(found)),
    };
    let packed = BufReader::new(packed);
    let plain = decompress::open(compression, packed, limits).map_err(unreadable)?;
    let (head, plain) = self::head(plain).map_err(unreadable)?;
    match Form::of(&head) {
        Form::Tar => {}
        Form::Foreign(found) => return Err(foreign(found)),
        Form::Compressed(_) => return Err(foreign("a file that is compressed twice")),
    }
    let mut archive = Archive::new(NoEnd(plain));
    entries(&mut archive, collector)?;
    end(archive.into_inner().0, collector)
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
    Compressed(Compression),
    Tar,
    Foreign(&'static str),
}

impl Form {
    fn of(head: &[u8]) -> Self {
        let block = <&[u8; BLOCK]>::try_from(head);
        if block.is_ok_and(|block| is_end(block) || is_header(block)) {
            return Self::Tar;
        }
        if let Some(compression) = Compression::of(head) {
            return Self::Compressed(compression);
        }
        match head {
            [] => Self::Foreign("an empty file"),
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

/// A reader whose end is an error: what is read to the end marker of an archive never comes to it.
struct NoEnd<R>(R);

impl<R: Read> Read for NoEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// Everything before the end marker.
fn entries(
    archive: &mut Archive<impl Read>,
    collector: &mut FileCollector<'_>,
) -> Result<(), GraphError> {
    let entries = archive.entries().map(|entries| entries.raw(true));
    let (mut name, mut records) = (None, Records::default());
    for entry in entries.map_err(|error| collector.unreadable(error))? {
        let mut entry = entry.map_err(|error| collector.unreadable(error))?;
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let long = metadata(&mut entry, collector)?;
                let end = long.iter().position(|&byte| byte == 0);
                name = Some(long[..end.unwrap_or(long.len())].to_owned());
            }
            // Of a link, and links are refused.
            EntryType::GNULongLink => {}
            EntryType::XHeader => records = pax(&mut entry, collector)?,
            EntryType::XGlobalHeader => {
                if pax(&mut entry, collector)? != Records::default() {
                    return Err(collector.damaged("it gives all its files one name or size"));
                }
            }
            _ => {
                let records = std::mem::take(&mut records);
                if records.size.is_some_and(|size| size != entry.size()) {
                    return Err(collector.damaged("it gives a file two sizes"));
                }
                let name = records.path.or(name.take());
                let name = name.unwrap_or_else(|| entry.header().path_bytes().into_owned());
                file(&mut entry, &name, collector)?;
            }
        }
    }
    Ok(())
}

fn file(
    entry: &mut Entry<'_, impl Read>,
    name: &[u8],
    collector: &mut FileCollector<'_>,
) -> Result<(), GraphError> {
    let kind = entry.header().entry_type();
    let directory = kind.is_dir() || name.ends_with(b"/");
    match (collector.accept(name)?, kind) {
        (None, _) => Ok(()),
        (Some(_), EntryType::Regular | EntryType::Directory) if directory => Ok(()),
        (Some(path), EntryType::Regular | EntryType::Continuous) => collector.add(path, entry),
        (Some(path), kind) => Err(collector.wrong_type(path, called(kind))),
    }
}

/// The records of a PAX header.
fn pax(
    entry: &mut Entry<'_, impl Read>,
    collector: &FileCollector<'_>,
) -> Result<Records, GraphError> {
    let records = Records::parse(&metadata(entry, collector)?);
    records.ok_or_else(|| {
        collector.damaged(
            "one of its PAX headers is malformed, contradicts itself or is of a sparse file",
        )
    })
}

/// The content of an entry that is about the next one.
fn metadata(
    entry: &mut Entry<'_, impl Read>,
    collector: &FileCollector<'_>,
) -> Result<Vec<u8>, GraphError> {
    if entry.size() > METADATA_LIMIT {
        return Err(collector.too_large("one of the file names has", "64 KiB"));
    }
    let mut bytes = Vec::new();
    let read = entry.read_to_end(&mut bytes);
    read.map_err(|error| collector.unreadable(error))?;
    Ok(bytes)
}

/// After the first block of zeros there are only zeros; reading them lets a decompressor check its checksum.
fn end(mut rest: impl Read, collector: &FileCollector<'_>) -> Result<(), GraphError> {
    let mut buffer = [0; 16 * BLOCK];
    loop {
        let read = rest.read(&mut buffer);
        match read.map_err(|error| collector.unreadable(error))? {
            0 => return Ok(()),
            count if buffer[..count].iter().all(|&byte| byte == 0) => {}
            _ => return Err(collector.damaged("there is more after its end")),
        }
    }
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
    ///
    /// By length, as values may hold line feeds, at which the crate's reader would part them.
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
