/*! What is unfinished is held by one run at a time. */

use std::{
    fs,
    ops::{Deref, DerefMut},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::Error;

/// A file or directory that no other run holds.
#[derive(Debug)]
pub(super) struct Locked(fs::File);

impl Locked {
    /// Takes it, or says that another run has it.
    pub(super) fn new(file: fs::File, shown: &Path) -> Result<Self, Error> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(Errno::WOULDBLOCK) => Err(Error::refused(
                shown,
                "another build is writing it, or another run of the importer; wait for that one, or name another output",
            )),
            Err(error) => Err(Error::of(shown, error.into())),
        }
    }
}

impl Deref for Locked {
    type Target = fs::File;

    fn deref(&self) -> &fs::File {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut fs::File {
        &mut self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Another thread may still hold a copy of the descriptor, and with it the lock that the next try needs.
        flock(&self.0, FlockOperation::Unlock).ok();
    }
}
