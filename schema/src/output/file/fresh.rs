/*! A file that must not be there yet, as keys: made exclusively, and taken away again unless it is kept. */

use std::{io::Write as _, path::Path};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::output::{Error, path::OutputPath};

/// A new file. Dropped before [`Self::keep`], it is removed.
#[derive(Debug)]
pub struct Fresh {
    place: OutputPath,
    file: File,
    kept: bool,
}

impl Fresh {
    /// Makes it, empty, where nothing has the name, a dangling link included.
    pub fn create(path: &Path, mode: u32) -> Result<Self, Error> {
        let place = OutputPath::file(path)?;
        let file = place
            .parent
            .open_with(&place.name, &exclusive(mode))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => Error::refused(
                    path,
                    "it exists already and is not overwritten; name another file",
                ),
                _ => place.failed(error),
            })?;
        Ok(Self {
            place,
            file,
            kept: false,
        })
    }

    /// Writes all of it to the disk.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_all());
        written
            .and_then(|()| self.place.sync())
            .map_err(|error| self.place.failed(error))
    }

    /// Leaves it there.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let ours = self
            .file
            .metadata()
            .ok()
            .map(|file| (file.dev(), file.ino()));
        let named = self.place.parent.symlink_metadata(&self.place.name).ok();
        if ours.is_some() && ours == named.map(|named| (named.dev(), named.ino())) {
            // What cannot be removed is an empty or half a file, and the error that led here is told.
            self.place.parent.remove_file(&self.place.name).ok();
        }
    }
}

/// Makes a file, or fails if anything has the name.
pub(crate) fn exclusive(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(mode)
        .follow(FollowSymlinks::No);
    options
}
