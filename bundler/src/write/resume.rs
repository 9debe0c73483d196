/*!
What an interrupted build left, read back and checked.

The unfinished file is a prefix of the bundle it was to become. It is resumed only if its head is the very head
that this build would write; every complete entry is hashed again, and the first that is not right ends what is kept.
*/

use std::{
    io::{self, Read},
    path::Path,
};

use media::volumes::{Cutter, VolumeSize};
use schema::{
    bundle::{Opened, Placement, Tape, Unpacking},
    digest::Hasher,
    output::Growing,
};

use super::Output;
use crate::fetch::Start;

/// When the unfinished bundle at an output was begun: resuming it keeps that time.
pub fn created_of_unfinished(output: &Output) -> Option<jiff::Timestamp> {
    let (unfinished, path) = match output {
        Output::File(path) => Growing::peek(path)?,
        Output::Directory(path) => Unpacking::peek(path)?,
        Output::Volumes {
            path,
            zstd: false,
            size,
        } => return of_volumes(path, *size),
        Output::Stream { .. } | Output::Zstd(_) | Output::Volumes { .. } => return None,
    };
    let opened = Opened::file(unfinished, &path).ok()?;
    opened.unverified().ok()?.index.created.parse().ok()
}

fn of_volumes(path: &Path, size: VolumeSize) -> Option<jiff::Timestamp> {
    let volumes = Cutter::new(path, size, 0, 0).ok()?.unfinished().ok()?;
    let opened = Opened::pipe(Box::new(volumes), path).ok()?;
    opened.unverified().ok()?.index.created.parse().ok()
}

/// Where an unfinished file can be resumed.
pub(super) struct Point {
    pub start: Start,
    /// Bytes of the file that are kept.
    pub length: u64,
    /// Has seen the kept bytes of the file at `start`.
    pub hasher: Option<Hasher>,
}

/// How much of what was written, so many bytes, is a prefix of `tape`. With `fresh_file` an incomplete last entry is not kept.
pub(super) fn of_tape(
    written: impl Read,
    length: u64,
    tape: &Tape,
    fresh_file: bool,
) -> io::Result<Point> {
    let mut point = Point {
        start: Start::default(),
        length: 0,
        hasher: None,
    };
    if length == 0 {
        return Ok(point);
    }
    let mut reader = io::BufReader::with_capacity(256 << 10, written);
    if !same(&mut reader, tape.head())? {
        tracing::warn!(
            "the unfinished bundle holds other content or was signed by another key; starting afresh"
        );
        return Ok(point);
    }
    point.length = tape.head().len() as u64;
    for (position, placed) in tape.placements().enumerate() {
        point.start = Start {
            position,
            offset: 0,
        };
        let header = placed.header_blocks().map_err(io::Error::from)?;
        if !same(&mut reader, &header)? {
            return Ok(point);
        }
        let (kept, hasher) = hash(&mut reader, placed.file.stored())?;
        if kept < placed.file.stored() {
            if kept > 0 && !fresh_file {
                point.start.offset = kept;
                point.length = placed.content + kept;
                point.hasher = Some(hasher);
            }
            return Ok(point);
        }
        let right = placed.file.stored() == 0 || hasher.finish() == placed.file.digest;
        if !right || !same(&mut reader, &vec![0; placed.padding as usize])? {
            return Ok(point);
        }
        point.length = end(&placed);
        point.start.position = position + 1;
    }
    Ok(point)
}

fn end(placed: &Placement<'_>) -> u64 {
    placed.content + placed.file.stored() + placed.padding
}

/// Whether the next bytes are these.
fn same(reader: &mut impl Read, expected: &[u8]) -> io::Result<bool> {
    let mut found = Vec::with_capacity(expected.len());
    reader.take(expected.len() as u64).read_to_end(&mut found)?;
    Ok(found == expected)
}

/// Hashes up to `size` bytes and says how many there were.
pub(super) fn hash(reader: &mut impl Read, size: u64) -> io::Result<(u64, Hasher)> {
    let mut hasher = Hasher::default();
    let count = io::copy(&mut reader.take(size), &mut hasher)?;
    Ok((count, hasher))
}
