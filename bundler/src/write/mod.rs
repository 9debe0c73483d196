/*!
Puts the bundle down: slices in order into a file, a pipe or a directory.

Everything is written under a temporary name, flushed to the disk and then renamed, so that what has its final name is
whole. What an interrupted build left is checked and resumed.
*/

mod directory;
mod file;
mod output;
mod resume;

use std::{path::Path, sync::Arc};

use futures_util::{StreamExt, pin_mut};
use manifests::Object;
use media::volumes::{Cutter, VolumeList};
use schema::{
    Digest, Progress,
    bundle::{self, CHECKSUMS, Placement, Tape, checksums},
    output::{Destination, Error as OutputError},
};
use tokio::sync::mpsc;

pub use output::Output;
pub use resume::created_of_unfinished;

use crate::{
    Error, Plan,
    config::ConfigFile,
    fetch::{self, Chunk, Start},
    plan::Content,
};

/// Where the files of a bundle go, one after the other.
trait Sink: Send {
    /// The next file begins.
    fn begin(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error>;
    /// The next bytes of it.
    fn write(&mut self, placed: &Placement<'_>, bytes: &[u8]) -> Result<(), bundle::Error>;
    /// It is over, and its digest is to be checked.
    fn end(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error>;
    /// All files are over: give the bundle its name. Returns the volumes that it was cut into, if it was.
    fn finish(self: Box<Self>) -> Result<Option<VolumeList>, Error>;
}

/// A sink, and where in the bundle it goes on.
struct Opened {
    sink: Box<dyn Sink>,
    start: Start,
    /// What is there already was only read back in part, so a wrong digest may be its fault and not the source's.
    resumed_inside: bool,
}

/// Fetches and writes the bundle. Returns the volumes that it was cut into, if it was.
pub async fn bundle(
    plan: &Plan,
    tape: Tape,
    output: &Output,
    concurrency: usize,
    progress: &dyn Progress,
) -> Result<Option<VolumeList>, Error> {
    let tape = Arc::new(tape);
    let total = tape.placements().map(|placed| placed.file.stored()).sum();
    progress.begin("Building", total);
    let result = attempts(plan, &tape, output, concurrency, progress).await;
    progress.end();
    result.map_err(|error| explained(error, output))
}

async fn attempts(
    plan: &Plan,
    tape: &Arc<Tape>,
    output: &Output,
    concurrency: usize,
    progress: &dyn Progress,
) -> Result<Option<VolumeList>, Error> {
    let mut fresh_file = false;
    loop {
        let opened = open(output, tape, fresh_file)?;
        let resumed_inside = opened.resumed_inside;
        match copy(plan, tape, opened, concurrency, progress).await {
            // The kept part of one file was not what had been written (a crash of the machine): that file again.
            Err(Error::WrongBytes { .. }) if resumed_inside && !fresh_file => fresh_file = true,
            result => return result,
        }
    }
}

/// What a file system cannot take is reported under the name the user gave it, with what can be done about a bundle.
fn explained(error: Error, output: &Output) -> Error {
    let (Error::Output(reason) | Error::Bundle(bundle::Error::Output(reason))) = error else {
        return error;
    };
    match (reason, output) {
        (OutputError::Full { .. }, _) => Error::Full {
            path: output.path().to_owned(),
        },
        (OutputError::TooLarge { .. }, Output::File(path) | Output::Zstd(path)) => {
            Error::TooLarge { path: path.clone() }
        }
        (reason, _) => reason.into(),
    }
}

/// Makes sure that the output can be written, as far as that can be known, before anything is asked of a registry.
pub fn check(output: &Output, config_to_dir: Option<&Path>) -> Result<(), Error> {
    match output {
        Output::Directory(path) => bundle::Unpacking::check(path)?,
        Output::File(path) | Output::Zstd(path) => drop(Destination::resolve(path)?),
        Output::Volumes { path, size, .. } => drop(Cutter::new(path, *size, 0, 0)?),
        Output::Stream { .. } => {}
    }
    if let Some(directory) = config_to_dir {
        bundle::Unpacking::check(directory)?;
    }
    Ok(())
}

/// Writes manifests alone, with a `SHA256SUMS`: nothing that `kubectl apply -Rf` would stumble over.
pub fn manifests(directory: &Path, config: &[ConfigFile]) -> Result<(), Error> {
    let secret = |file: &&ConfigFile| file.objects.iter().any(Object::holds_secret);
    let private = config
        .iter()
        .filter(secret)
        .map(|file| file.path.to_string());
    let target = bundle::Unpacking::into(directory)?.keeping_private(private);
    target.clear()?;
    for file in config {
        target.plain(file.path.as_str(), &file.bytes)?;
    }
    let digests = config
        .iter()
        .map(|file| (&file.path, Digest::of(&file.bytes)));
    target.plain(CHECKSUMS, checksums(digests).as_bytes())?;
    Ok(target.finish()?)
}

fn open(output: &Output, tape: &Arc<Tape>, fresh_file: bool) -> Result<Opened, Error> {
    match output {
        Output::Directory(path) => directory::open(path, tape, fresh_file),
        Output::File(path) => file::plain(path, tape, fresh_file),
        Output::Stream {
            stream,
            zstd: false,
        } => file::stream(stream, tape),
        Output::Stream { stream, zstd: true } => file::zstd_stream(stream, tape),
        Output::Zstd(path) => file::zstd(path, tape),
        Output::Volumes {
            path,
            zstd: false,
            size,
        } => file::volumes(path, *size, tape, fresh_file),
        Output::Volumes { path, size, .. } => file::zstd_volumes(path, *size, tape),
    }
}

/// Moves the contents from the source, on the runtime, to the sink, on a thread of its own.
async fn copy(
    plan: &Plan,
    tape: &Arc<Tape>,
    opened: Opened,
    concurrency: usize,
    progress: &dyn Progress,
) -> Result<Option<VolumeList>, Error> {
    // What waits here counts as ahead of the writer.
    let (sender, receiver) = mpsc::channel(8);
    let start = opened.start;
    let kept = tape
        .placements()
        .take(start.position)
        .map(|placed| placed.file.stored())
        .sum::<u64>()
        + start.offset;
    progress.advance(kept);
    let writer_tape = Arc::clone(tape);
    let writer = tokio::task::spawn_blocking(move || write(&writer_tape, opened, receiver));
    let fetched = send(
        fetch::contents(plan, tape, start, concurrency),
        sender,
        progress,
    )
    .await;
    let written = writer.await?;
    match (fetched, written) {
        // The writer only notices that nothing more comes; the reason is the source's.
        (Err(source), _) => Err(source),
        (
            Ok(()),
            Err(Error::Bundle(bundle::Error::Altered {
                entry,
                expected,
                found,
                ..
            })),
        ) => {
            let image = image_of(plan, &expected).unwrap_or(entry);
            Err(Error::WrongBytes {
                image,
                expected,
                found,
            })
        }
        (Ok(()), written) => written,
    }
}

async fn send(
    chunks: impl futures_util::Stream<Item = Result<Chunk, Error>>,
    sender: mpsc::Sender<Chunk>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    pin_mut!(chunks);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let length = chunk.bytes.len() as u64;
        // A writer that is gone has an error of its own.
        if sender.send(chunk).await.is_err() {
            break;
        }
        progress.advance(length);
    }
    Ok(())
}

fn write(
    tape: &Tape,
    mut opened: Opened,
    mut chunks: mpsc::Receiver<Chunk>,
) -> Result<Option<VolumeList>, Error> {
    let start = opened.start;
    for (position, placed) in tape.placements().enumerate().skip(start.position) {
        let offset = if position == start.position {
            start.offset
        } else {
            0
        };
        if offset == 0 {
            opened.sink.begin(&placed)?;
        }
        let mut left = placed.file.stored() - offset;
        while left > 0 {
            let chunk = chunks
                .blocking_recv()
                .filter(|chunk| chunk.position == position);
            let Some(chunk) = chunk else {
                return Err(bundle::Error::Cut {
                    entry: placed.file.path.to_string(),
                    missing: left,
                }
                .into());
            };
            opened.sink.write(&placed, &chunk.bytes)?;
            left = left.saturating_sub(chunk.bytes.len() as u64);
        }
        opened.sink.end(&placed)?;
    }
    opened.sink.finish()
}

fn image_of(plan: &Plan, digest: &str) -> Option<String> {
    match plan.contents.get(&digest.parse::<Digest>().ok()?)? {
        Content::Source(_, _, image) => Some(image.clone()),
        Content::Memory(_) => None,
    }
}

/// Refuses to begin what the disk cannot hold.
fn check_space(path: &Path, free: u64, needed: u64) -> Result<(), Error> {
    if free < needed {
        return Err(Error::Space {
            path: path.to_owned(),
            needed,
            free,
        });
    }
    Ok(())
}
