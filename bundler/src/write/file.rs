/*! The bundle as one stream of bytes: a file, a compressed file, a pipe. */

use std::{
    fs,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use media::volumes::{Cutter, VolumeList, VolumeSize};
use schema::{
    Digest,
    bundle::{self, Placement, Tape, TapeWriter, ZSTD_WINDOW_LOG},
    output::{self, Destination, Growing},
};

use super::{Opened, Sink, check_space, resume};
use crate::{Error, fetch::Start};

/// What an unfinished archive begins with: the name of its first file, or the magic number of zstd.
const TAR_MARK: &[u8] = b"bundle.json\0";
const ZSTD_MARK: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Small enough to matter little in memory, large enough that thousands of tiny entries are not thousands of writes.
const BUFFER: usize = 256 << 10;

/// Bytes after which the system is asked to start writing to the disk, so that the last flush does not have to wait
/// for all of them.
const FLUSH: u64 = 32 << 20;

/// `FILE.tar`, beginning anew or resuming `.FILE.tar.partial`.
pub(super) fn plain(path: &Path, tape: &Tape, fresh_file: bool) -> Result<Opened, Error> {
    let mut partial = match Destination::resolve(path)? {
        Destination::File(place) => Growing::open(place, TAR_MARK)?,
        Destination::Stream(stream) => return self::stream(&stream, tape),
    };
    let shown = partial.path();
    let failed = |source| Error::from(output::Error::of(&shown, source));
    partial.place().check_length(tape.length())?;
    let file = partial.file();
    let length = file.metadata().map_err(failed)?.len();
    file.rewind().map_err(failed)?;
    let point = resume::of_tape(file, length, tape, fresh_file).map_err(failed)?;
    check_space(path, partial.place().free()?, tape.length() - point.length)?;
    let file = partial.file();
    file.set_len(point.length).map_err(failed)?;
    file.seek(SeekFrom::End(0)).map_err(failed)?;
    if point.length > 0 {
        tracing::info!(
            bytes = point.length,
            "resuming the unfinished {}",
            shown.display()
        );
    }
    let out = BufWriter::with_capacity(BUFFER, Flushing::of(file).map_err(failed)?);
    let start = point.start;
    let writer = from(point, out, tape).map_err(failed)?;
    let mode = mode(tape);
    let finish = move |out: BufWriter<Flushing>| {
        let flushed = out.into_inner().map_err(io::IntoInnerError::into_error);
        flushed.map(|_| Finished::File(Some((partial, mode))))
    };
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            path: shown,
        }),
        start,
        resumed_inside: start.offset > 0,
    })
}

/// Goes on behind what is kept.
fn from<W: Write>(point: resume::Point, out: W, tape: &Tape) -> io::Result<TapeWriter<W>> {
    let Start { position, offset } = point.start;
    Ok(match point.hasher {
        _ if point.length == 0 => TapeWriter::create(out, tape)?,
        Some(hasher) if offset > 0 => {
            let placed = tape.placement(position);
            let size = placed.map_or(0, |placed| placed.file.stored());
            TapeWriter::resume_inside(out, hasher, size - offset)
        }
        _ => TapeWriter::resume(out),
    })
}

/// `FILE.tar.001 …`, beginning anew or going on with the volumes of an interrupted build.
pub(super) fn volumes(
    path: &Path,
    size: VolumeSize,
    tape: &Tape,
    fresh_file: bool,
) -> Result<Opened, Error> {
    let failed = |source| Error::from(output::Error::of(path, source));
    let mut cutter = Cutter::new(path, size, tape.length(), mode(tape))?;
    let mut unfinished = cutter.unfinished()?;
    let length = unfinished.length;
    let point = resume::of_tape(&mut unfinished, length, tape, fresh_file).map_err(failed)?;
    check_space(path, cutter.free()?, tape.length() - point.length)?;
    if point.length > 0 {
        tracing::info!(
            bytes = point.length,
            "resuming the unfinished volumes of {}",
            path.display()
        );
    }
    cutter.keep(unfinished, point.length)?;
    let (start, id) = (point.start, tape.id());
    let out = BufWriter::with_capacity(BUFFER, cutter);
    let finish = move |out: BufWriter<Cutter>| {
        let cutter = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        cut(cutter, id)
    };
    Ok(Opened {
        sink: Box::new(Stream {
            writer: from(point, out, tape).map_err(failed)?,
            finish,
            path: path.to_owned(),
        }),
        start,
        resumed_inside: start.offset > 0,
    })
}

/// The same, compressed: always from the beginning.
pub(super) fn zstd_volumes(path: &Path, size: VolumeSize, tape: &Tape) -> Result<Opened, Error> {
    let failed = |source| Error::from(output::Error::of(path, source));
    let mut cutter = Cutter::new(path, size, tape.length(), mode(tape))?;
    check_space(path, cutter.free()?, tape.length())?;
    let unfinished = cutter.unfinished()?;
    cutter.keep(unfinished, 0)?;
    let encoder = encoder(cutter, tape.length()).map_err(failed)?;
    let id = tape.id();
    let finish = move |out: BufWriter<zstd::Encoder<'static, Cutter>>| {
        let encoder = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        cut(encoder.finish()?, id)
    };
    let out = BufWriter::with_capacity(BUFFER, encoder);
    Ok(Opened {
        sink: Box::new(Stream {
            writer: TapeWriter::create(out, tape).map_err(failed)?,
            finish,
            path: path.to_owned(),
        }),
        start: Start::default(),
        resumed_inside: false,
    })
}

fn cut(cutter: Cutter, id: Digest) -> io::Result<Finished> {
    let list = cutter.finish(id).map_err(io::Error::other)?;
    Ok(Finished::Volumes(list))
}

/// `FILE.tar.zst`: one frame, always from its beginning.
pub(super) fn zstd(path: &Path, tape: &Arc<Tape>) -> Result<Opened, Error> {
    let mut partial = match Destination::resolve(path)? {
        Destination::File(place) => Growing::open(place, ZSTD_MARK)?,
        Destination::Stream(stream) => return zstd_stream(&stream, tape),
    };
    check_space(path, partial.place().free()?, tape.length())?;
    let shown = partial.path();
    let failed = |source| Error::from(output::Error::of(&shown, source));
    let file = partial.file();
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let encoder = encoder(Flushing::of(file).map_err(failed)?, tape.length()).map_err(failed)?;
    let writer =
        TapeWriter::create(BufWriter::with_capacity(BUFFER, encoder), tape).map_err(failed)?;
    let mode = mode(tape);
    let finish = move |out: BufWriter<zstd::Encoder<'static, Flushing>>| {
        let encoder = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        encoder
            .finish()
            .map(|_| Finished::File(Some((partial, mode))))
    };
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            path: shown,
        }),
        start: Start::default(),
        resumed_inside: false,
    })
}

/// Standard output, a pipe or a character device.
pub(super) fn stream(stream: &output::Stream, tape: &Tape) -> Result<Opened, Error> {
    let out = BufWriter::with_capacity(BUFFER, stream.open()?);
    opened_stream(stream, out, tape, |mut out| {
        out.flush().map(|()| Finished::File(None))
    })
}

/// The same, compressed.
pub(super) fn zstd_stream(stream: &output::Stream, tape: &Tape) -> Result<Opened, Error> {
    let out = encoder(stream.open()?, tape.length())
        .map_err(|error| output::Error::of(stream.path(), error))?;
    let out = BufWriter::with_capacity(BUFFER, out);
    opened_stream(stream, out, tape, |out| {
        let encoder = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        encoder.finish()?.flush().map(|()| Finished::File(None))
    })
}

fn opened_stream<W: Write + Send + 'static>(
    stream: &output::Stream,
    out: W,
    tape: &Tape,
    finish: impl FnOnce(W) -> io::Result<Finished> + Send + 'static,
) -> Result<Opened, Error> {
    let path = stream.path().to_owned();
    let writer = TapeWriter::create(out, tape).map_err(|error| output::Error::of(&path, error))?;
    Ok(Opened {
        sink: Box::new(Stream {
            writer,
            finish,
            path,
        }),
        start: Start::default(),
        resumed_inside: false,
    })
}

/// Whoever may read an archive may read the Secrets in it.
fn mode(tape: &Tape) -> u32 {
    match tape.index().secrets().next() {
        Some(_) => 0o600,
        None => 0o666,
    }
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
    path: PathBuf,
}

/// What all of it went into.
enum Finished {
    /// A file that is to be given its name, and its mode; none where it was a pipe.
    File(Option<(Growing, u32)>),
    /// Volumes, which have their names.
    Volumes(VolumeList),
}

impl<W, F> Stream<W, F> {
    /// A full disk or a closed pipe is the fault of the output, not of the file that was just being written.
    fn named(&self, error: bundle::Error) -> bundle::Error {
        match error {
            bundle::Error::Io { source, .. } => output::Error::of(&self.path, source).into(),
            other => other,
        }
    }
}

impl<W: Write + Send, F: FnOnce(W) -> io::Result<Finished> + Send> Sink for Stream<W, F> {
    fn begin(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        self.writer.begin(placed).map_err(|error| self.named(error))
    }

    fn write(&mut self, placed: &Placement<'_>, bytes: &[u8]) -> Result<(), bundle::Error> {
        self.writer
            .write(placed, bytes)
            .map_err(|error| self.named(error))
    }

    fn end(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        self.writer.end(placed).map_err(|error| self.named(error))
    }

    fn finish(self: Box<Self>) -> Result<Option<VolumeList>, Error> {
        let Self {
            writer,
            finish,
            path,
        } = *self;
        let flushed = writer.finish().and_then(finish);
        match flushed.map_err(|error| output::Error::of(path, error))? {
            Finished::Volumes(list) => return Ok(Some(list)),
            Finished::File(Some((partial, mode))) => partial.commit(mode)?,
            Finished::File(None) => {}
        }
        Ok(None)
    }
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
