/*! What source directories of either kind have in common: named images, and files that must be there. */

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use schema::{Digest, Repository, Tag};

use crate::Error;

/// A named image in a directory.
#[derive(Debug, Clone)]
pub struct DirectoryImage {
    /// Its repository there.
    pub repository: Repository,
    /// Its tag; none where a layout names it by digest alone, or by a name that is no tag.
    pub tag: Option<Tag>,
    /// Its manifest.
    pub digest: Digest,
}

/// A whole small file, and an error for one that is not small.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = open(path)?.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| missing(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(Error::Disk {
            path: path.to_owned(),
            reason: format!("it has more than {limit} bytes"),
        });
    }
    Ok(bytes)
}

/// Opens a plain file; a pipe of that name does not block.
pub(super) fn open(path: &Path) -> Result<fs::File, Error> {
    let unblocked = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = fs::OpenOptions::new();
    let opened = options.read(true).custom_flags(unblocked).open(path);
    let opened = opened.and_then(|file| Ok((file.metadata()?.is_file(), file)));
    match opened.map_err(|source| missing(path, source))? {
        (true, file) => Ok(file),
        (false, _) => Err(Error::Disk {
            path: path.to_owned(),
            reason: "it is not a plain file; the directory was altered or is none, write it again"
                .to_owned(),
        }),
    }
}

/// A file that an image needs and that is not there is the directory's fault.
pub(super) fn missing(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::NotFound {
        return Error::Absent {
            path: path.to_owned(),
        };
    }
    Error::Io {
        path: path.to_owned(),
        source,
    }
}
