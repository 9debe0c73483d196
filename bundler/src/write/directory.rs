/*! The bundle as a directory: the same tree, file by file. */

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use media::volumes::VolumeList;
use schema::{
    bundle::{self, FileKind, Placement, Tape, Unpacking},
    digest::Hasher,
};

use super::{Opened, Sink, check_space, resume};
use crate::{Error, fetch::Start};

/// `DIR`, beginning anew or resuming `DIR.partial`.
pub(super) fn open(path: &Path, tape: &Arc<Tape>, fresh_file: bool) -> Result<Opened, Error> {
    let target = Unpacking::into(path)?.keeping_private(tape.index().secrets());
    if !target.has_head(tape) {
        target.clear()?;
        target.head(tape)?;
    }
    let mut sink = Tree { target, open: None };
    let mut start = Start {
        position: tape.placements().len(),
        offset: 0,
    };
    let mut kept = 0;
    for (position, placed) in tape.placements().enumerate() {
        let size = placed.file.stored();
        let have = sink.reopen(&placed)?;
        if have < size {
            start = Start {
                position,
                offset: if fresh_file { 0 } else { have },
            };
            break;
        }
        if matches!(placed.file.kind(), FileKind::Regular) && !sink.is_right(&placed) {
            start = Start {
                position,
                offset: 0,
            };
            break;
        }
        sink.target.link(placed.file)?;
        kept += size;
    }
    let free = sink.target.free()?;
    check_space(path, free, tape.length().saturating_sub(kept))?;
    let resumed_inside = start.offset > 0;
    Ok(Opened {
        sink: Box::new(sink),
        start,
        resumed_inside,
    })
}

/// A directory that grows.
struct Tree {
    target: Unpacking,
    /// The regular file being written, and what was written to it.
    open: Option<(fs::File, Hasher)>,
}

impl Tree {
    /// Opens what is there of a file and hashes it; zero if nothing is.
    fn reopen(&mut self, placed: &Placement<'_>) -> Result<u64, Error> {
        self.open = None;
        if !matches!(placed.file.kind(), FileKind::Regular) {
            return Ok(0);
        }
        let Some(mut file) = self.target.reopen(placed.file)? else {
            return Ok(0);
        };
        let (count, hasher) = resume::hash(&mut file, placed.file.stored())
            .map_err(|error| self.target.failed(placed.file, error))?;
        self.open = Some((file, hasher));
        Ok(count)
    }

    fn is_right(&mut self, placed: &Placement<'_>) -> bool {
        self.open
            .take()
            .is_some_and(|(_, hasher)| hasher.finish() == placed.file.digest)
    }
}

impl Sink for Tree {
    fn begin(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        self.open = match placed.file.kind() {
            FileKind::Regular => Some((self.target.create(placed.file)?, Hasher::default())),
            FileKind::HardLink(_) | FileKind::Symlink(_) => None,
        };
        self.target.link(placed.file)
    }

    fn write(&mut self, placed: &Placement<'_>, bytes: &[u8]) -> Result<(), bundle::Error> {
        let target = &self.target;
        let failed = |error| target.failed(placed.file, error);
        let (file, hasher) = self
            .open
            .as_mut()
            .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        hasher.update(bytes);
        file.write_all(bytes).map_err(failed)
    }

    fn end(&mut self, placed: &Placement<'_>) -> Result<(), bundle::Error> {
        let Some((_, hasher)) = self.open.take() else {
            return Ok(());
        };
        let found = hasher.finish();
        if found != placed.file.digest {
            let (expected, found) = (placed.file.digest.to_string(), found.to_string());
            return Err(bundle::Error::Altered {
                entry: placed.file.path.to_string(),
                what: "content",
                expected,
                found,
            });
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Option<VolumeList>, Error> {
        self.target.finish()?;
        Ok(None)
    }
}
