/*!
A bundle as a directory: what `tar xf` would leave, written entry by entry.

It grows as `DIR.partial` and gets its name after the last byte, so a directory that has its name is whole. The caller
gives every regular file's bytes; links and tags are made from the index.
*/

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{
    Error,
    index::{File, Kind},
    tape::Tape,
};

/// A directory that is being filled.
#[derive(Debug)]
pub struct Unpacking {
    target: PathBuf,
    partial: PathBuf,
    /// Keeps other runs out.
    _lock: fs::File,
}

impl Unpacking {
    /// Makes sure that `target` is absent or empty, and touches nothing.
    pub fn check(target: &Path) -> Result<(), Error> {
        let failed = |source| Error::Io {
            path: target.to_owned(),
            source,
        };
        let full = match fs::read_dir(target) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed(error)),
        };
        if full {
            let reason = "the directory is not empty; name one that is empty or does not exist";
            return Err(occupied(target, reason));
        }
        Ok(())
    }

    /// Starts `DIR.partial` beside `target`, which must be absent or empty. What an interrupted run left stays there.
    pub fn into(target: &Path) -> Result<Self, Error> {
        Self::check(target)?;
        let failed = |source| Error::Io {
            path: target.to_owned(),
            source,
        };
        let name = target
            .file_name()
            .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let mut partial = name.to_owned();
        partial.push(".partial");
        let partial = target.with_file_name(partial);
        fs::create_dir_all(&partial).map_err(|source| Error::Io {
            path: partial.clone(),
            source,
        })?;
        let kind = fs::symlink_metadata(&partial).map_err(|source| Error::Io {
            path: partial.clone(),
            source,
        })?;
        if !kind.is_dir() {
            return Err(failed(io::Error::other(format!(
                "{} is not a directory",
                partial.display()
            ))));
        }
        // Held until this value goes; `clear` keeps the directory itself, so that the lock stays on what has the name.
        let lock = fs::File::open(&partial).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            let reason = "another build is writing it, or another run of the importer; wait for that one, or name another output";
            occupied(&partial, reason)
        })?;
        Ok(Self {
            target: target.to_owned(),
            partial,
            _lock: lock,
        })
    }

    /// Removes what an interrupted run left.
    pub fn clear(&self) -> Result<(), Error> {
        self.attempt("", |path| {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
    }

    /// Writes `bundle.json` and the signature, without which the directory could not be verified again.
    pub fn head(&self, tape: &Tape) -> Result<(), Error> {
        for (name, bytes) in tape.head_files() {
            self.plain(&name, bytes)?;
        }
        Ok(())
    }

    /// Whether an interrupted run began to write this very bundle.
    pub fn has_head(&self, tape: &Tape) -> bool {
        let same = |(name, bytes): (String, &[u8])| {
            fs::read(self.partial.join(name)).is_ok_and(|found| found == bytes)
        };
        tape.head_files().into_iter().all(same)
    }

    /// Writes a small file that no index lists; `name` must be safe.
    pub fn plain(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.attempt(name, |path| {
            make_parent(path)?;
            fs::write(path, bytes)
        })
    }

    /// Creates a regular file anew.
    pub fn create(&self, file: &File) -> Result<fs::File, Error> {
        self.attempt(&file.path.to_string(), |path| {
            make_parent(path)?;
            remove(path)?;
            fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(path)
        })
    }

    /// Opens a regular file that an interrupted run left, to read and to append; none if it is not there.
    pub fn reopen(&self, file: &File) -> Result<Option<fs::File>, Error> {
        let nofollow = OFlags::NOFOLLOW.bits() as i32;
        self.attempt(&file.path.to_string(), |path| {
            let opened = fs::OpenOptions::new()
                .read(true)
                .append(true)
                .custom_flags(nofollow)
                .open(path);
            match opened {
                Ok(file) => Ok(Some(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Makes a hard link or a tag; for a regular file there is nothing to do.
    pub fn link(&self, file: &File) -> Result<(), Error> {
        self.attempt(&file.path.to_string(), |path| match file.kind() {
            Kind::Regular => Ok(()),
            Kind::HardLink(target) => {
                make_parent(path)?;
                remove(path)?;
                fs::hard_link(self.partial.join(target.to_string()), path)
            }
            Kind::Symlink(digest) => {
                make_parent(path)?;
                remove(path)?;
                symlink(digest.to_string(), path)
            }
        })
    }

    /// Puts everything on the disk and gives the directory its name.
    pub fn finish(self) -> Result<(), Error> {
        self.attempt("", |path| Ok(rustix::fs::syncfs(fs::File::open(path)?)?))?;
        let (partial, target) = (&self.partial, &self.target);
        // Replaces an empty directory, never a full one.
        fs::rename(partial, target).map_err(|source| Error::Io {
            path: target.clone(),
            source,
        })
    }

    fn attempt<T>(
        &self,
        name: &str,
        action: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, Error> {
        let path = if name.is_empty() {
            self.partial.clone()
        } else {
            self.partial.join(name)
        };
        action(&path).map_err(|source| Error::Io { path, source })
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn occupied(path: &Path, reason: &'static str) -> Error {
    Error::Occupied {
        path: path.to_owned(),
        reason,
    }
}
