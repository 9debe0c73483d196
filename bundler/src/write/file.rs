/*! The bundle as one stream of bytes: a file, a compressed file, a pipe. */

use std::{
    fs,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FlockOperation, flock};
use schema::{
    bundle::{self, Placement, Tape, TapeWriter, ZSTD_WINDOW_LOG},
    digest::Hasher,
};

use super::{Opened, Sink, check_space, resume, sync_parent};
use crate::{Error, fetch::Start};

/// Small enough to matter little in memory, large enough that thousands of tiny entries are not thousands of writes.
const BUFFER: usize = 256 << 10;

/// Bytes after which the system is asked to start writing to the disk, so that the last flush does not have to wait
/// for all of them.
const FLUSH: u64 = 32 << 20;

/// `FILE.tar`, beginning anew or going on in `.FILE.tar.partial`.
pub(super) fn plain(path: &Path, tape: &Tape, fresh_file: bool) -> Result<Opened, Error> {
    let mut partial = Partial::open(path)?;
    let failed = |source| Error::Io {
        path: partial.path.clone(),
        source,
    };
    let point = resume::of_tape(&mut partial.file, tape, fresh_file).map_err(failed)?;
    check_space(path, tape.length() - point.length)?;
    partial.file.set_len(point.length).map_err(failed)?;
    partial.file.seek(SeekFrom::End(0)).map_err(failed)?;
    if point.length > 0 {
        tracing::info!(
            bytes = point.length,
            "going on with the unfinished {}",
            partial.path.display()
        );
    }
    let resumed_inside = point.start.offset > 0;
    let out = BufWriter::with_capacity(BUFFER, Flushing::of(&partial.file).map_err(failed)?);
    let writer = match point.hasher {
        _ if point.length == 0 => TapeWriter::create(out, tape).map_err(failed)?,
        Some(hasher) if resumed_inside => {
            let size = tape
                .placement(point.start.position)
                .map_or(0, |placed| placed.file.stored());
            TapeWriter::resume_inside(out, hasher, size - point.start.offset)
        }
        _ => TapeWriter::resume(out),
    };
    let finish = |out: BufWriter<Flushing>| {
        out.into_inner()
            .map(drop)
            .map_err(io::IntoInnerError::into_error)
    };
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            partial: Some(partial),
        }),
        start: point.start,
        resumed_inside,
    })
}

/// `FILE.tar.zst`: one frame, always from its beginning.
pub(super) fn zstd(path: &Path, tape: &Arc<Tape>) -> Result<Opened, Error> {
    let partial = Partial::open(path)?;
    check_space(path, tape.length())?;
    let failed = |source| Error::Io {
        path: partial.path.clone(),
        source,
    };
    partial.file.set_len(0).map_err(failed)?;
    let encoder =
        encoder(Flushing::of(&partial.file).map_err(failed)?, tape.length()).map_err(failed)?;
    let writer =
        TapeWriter::create(BufWriter::with_capacity(BUFFER, encoder), tape).map_err(failed)?;
    let finish = |out: BufWriter<zstd::Encoder<'static, Flushing>>| {
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .finish()
            .map(drop)
    };
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            partial: Some(partial),
        }),
        start: Start::default(),
        resumed_inside: false,
    })
}

/// Standard output, for a pipe.
pub(super) fn stdout(tape: &Tape) -> Result<Opened, Error> {
    let failed = |source| Error::Io {
        path: "standard output".into(),
        source,
    };
    let out = BufWriter::with_capacity(BUFFER, io::stdout());
    let writer = TapeWriter::create(out, tape).map_err(failed)?;
    let finish = |mut out: BufWriter<io::Stdout>| out.flush();
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            partial: None,
        }),
        start: Start::default(),
        resumed_inside: false,
    })
}

fn encoder<W: Write>(out: W, size: u64) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(out, 3)?;
    encoder.include_checksum(true)?;
    encoder.window_log(ZSTD_WINDOW_LOG)?;
    encoder.set_pledged_src_size(Some(size))?;
    Ok(encoder)
}

/// A tape written front to back; `finish` flushes what wraps the medium.
struct Stream<W, F> {
    writer: TapeWriter<W>,
    finish: F,
    partial: Option<Partial>,
}

impl<W: Write + Send, F: FnOnce(W) -> io::Result<()> + Send> Sink for Stream<W, F> {
    fn begin(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        self.writer.begin(placed)
    }

    fn write(&mut self, placed: &Placement<'_>, bytes: &[u8]) -> Result<(), bundle::Error> {
        self.writer.write(placed, bytes)
    }

    fn end(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        self.writer.end(placed)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let Self {
            writer,
            finish,
            partial,
        } = *self;
        let path = partial
            .as_ref()
            .map_or_else(|| "standard output".into(), |partial| partial.path.clone());
        let flushed = writer.finish().and_then(finish);
        flushed
            .and_then(|()| partial.map_or(Ok(()), Partial::commit))
            .map_err(|source| Error::Io { path, source })
    }
}

/// `.NAME.partial`, held by one build at a time.
struct Partial {
    file: fs::File,
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    fn open(target: &Path) -> Result<Self, Error> {
        let path = path_of(target);
        let failed = |source| Error::Io {
            path: path.clone(),
            source,
        };
        loop {
            let file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(failed)?;
            flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
                Error::Usage(format!(
                    "{}: another build is writing it; wait for that one, or name another output",
                    path.display()
                ))
            })?;
            // Between opening and locking, another build may have given the file its final name.
            let (opened, named) = (file.metadata().map_err(failed)?, fs::metadata(&path));
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
                return Ok(Self {
                    file,
                    path,
                    target: target.to_owned(),
                });
            }
        }
    }

    fn commit(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        sync_parent(&self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // The flushing thread may still hold a copy of the descriptor, and with it the lock that the next try needs.
        flock(&self.file, FlockOperation::Unlock).ok();
    }
}

/// `DIR/NAME` → `DIR/.NAME.partial`.
pub(super) fn path_of(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.partial"))
}

/// Lets the system write to the disk while the rest is still being fetched.
struct Flushing {
    file: fs::File,
    since: u64,
    flusher: std::sync::mpsc::SyncSender<()>,
}

impl Flushing {
    fn of(file: &fs::File) -> io::Result<Self> {
        let (flusher, wanted) = std::sync::mpsc::sync_channel(1);
        let flushed = file.try_clone()?;
        std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || {
                // A failure shows again, and is reported, in the last flush.
                while wanted.recv().is_ok() {
                    drop(flushed.sync_data());
                }
            })?;
        Ok(Self {
            file: file.try_clone()?,
            since: 0,
            flusher,
        })
    }
}

impl Write for Flushing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.since += count as u64;
        if self.since >= FLUSH {
            self.since = 0;
            // If it is still at it, the next turn will do.
            let _ = self.flusher.try_send(());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where an unfinished file can be gone on with.
pub(super) struct Point {
    pub start: Start,
    /// Bytes of the file that are kept.
    pub length: u64,
    /// Has seen the kept bytes of the file at `start`.
    pub hasher: Option<Hasher>,
}
