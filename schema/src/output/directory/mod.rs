/*!
A directory that grows as `DIR.partial` and gets its name after the last byte.

It is made for us alone (mode 0700) and opened once; every name below it is reached from that descriptor, component by
component, without following a link. Its [journal](journal) tells our files from anybody else's: what is there and not in
it is named, and nothing is touched.
*/

pub(crate) mod journal;
mod leftovers;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions};

use crate::output::{
    Error, OutputPath,
    directory::{
        journal::{Journal, Made, Noted},
        leftovers::{check_target, open_partial, survey},
    },
    file::fresh::exclusive,
    lock::Locked,
    partial,
};

/// A directory that is being filled.
#[derive(Debug)]
pub struct Tree {
    place: OutputPath,
    partial: OsString,
    root: Dir,
    /// The same directory, to lock it, put it on the disk and give it its mode.
    itself: Locked,
    journal: Journal,
    left: Mutex<Noted>,
    /// The directory of the last file, which is mostly that of the next.
    last: Mutex<Option<(String, Arc<Dir>)>>,
}

impl Tree {
    /// Makes sure that a directory can be made: `target` is absent or empty, and what has the name `DIR.partial` is ours.
    /// Nothing is touched.
    pub fn check(target: &Path) -> Result<(), Error> {
        let Some(place) = OutputPath::existing_directory(target)? else {
            return Ok(());
        };
        check_target(&place)?;
        let partial = partial::of_directory(&place.name);
        if place.stands(&partial)?.is_some() {
            drop(open_partial(&place, &partial)?);
        }
        Ok(())
    }

    /// Opens `DIR.partial`: new, or as an interrupted run left it. An error names the first file there that is not ours.
    pub fn open(target: &Path) -> Result<Self, Error> {
        let place = OutputPath::directory(target)?;
        check_target(&place)?;
        let partial = partial::of_directory(&place.name);
        let shown = place.beside(&partial);
        let failed = |error| Error::of(&shown, error);
        match place
            .parent
            .create_dir_with(&partial, DirBuilder::new().mode(0o700))
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        let root = open_partial(&place, &partial)?;
        let itself = Locked::new(root.open(".").map_err(failed)?.into_std(), &shown)?;
        itself
            .set_permissions(fs::Permissions::from_mode(0o700))
            .map_err(failed)?;
        let (journal, left) = match Journal::reopen(&root).map_err(failed)? {
            Some(found) => found,
            None => {
                survey(&root, "", None, &shown)?;
                (Journal::begin(&root).map_err(failed)?, Noted::default())
            }
        };
        survey(&root, "", Some(&left), &shown)?;
        Ok(Self {
            place,
            partial,
            root,
            itself,
            journal,
            left: Mutex::new(left),
            last: Mutex::new(None),
        })
    }

    /// The unfinished directory that is there, to look into, if it is ours.
    pub fn peek(target: &Path) -> Option<(fs::File, PathBuf)> {
        let place = OutputPath::existing_directory(target).ok()??;
        let partial = partial::of_directory(&place.name);
        let root = open_partial(&place, &partial).ok()?;
        Some((root.open(".").ok()?.into_std(), place.beside(&partial)))
    }

    /// Where the unfinished directory is, for messages.
    pub fn path(&self) -> PathBuf {
        self.place.beside(&self.partial)
    }

    /// Bytes free for us where it is.
    pub fn free(&self) -> Result<u64, Error> {
        self.place.free()
    }

    /// Removes what an interrupted run left, which is all that is there.
    pub fn clear(&self) -> Result<(), Error> {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let mut directories = BTreeSet::new();
        for name in left.names() {
            self.remove(name)
                .map_err(|error| self.failed(name, error))?;
            let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
            directories.extend(parents);
        }
        // A directory sorts before what is in it.
        for name in directories.into_iter().rev() {
            let (parent, last) = split(name);
            let removed = match self.directory(parent, false) {
                Ok(Some(parent)) => parent.remove_dir(last),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failed(name, error));
                }
                _ => {}
            }
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.journal
            .forget()
            .map_err(|error| self.failed(journal::NAME, error))
    }

    /// Makes a regular file anew. `private` files are readable by their owner alone.
    pub fn create(&self, name: &str, private: bool) -> Result<fs::File, Error> {
        let make = || {
            let (directory, last) = self.room_for(Made::File, name)?;
            let mode = if private { 0o600 } else { 0o644 };
            Ok(directory.open_with(last, &exclusive(mode))?.into_std())
        };
        make().map_err(|error| self.unmade(name, error))
    }

    /// Writes a small file.
    pub fn write(&self, name: &str, bytes: &[u8], private: bool) -> Result<(), Error> {
        let mut file = self.create(name, private)?;
        file.write_all(bytes)
            .map_err(|error| self.failed(name, error))
    }

    /// Opens a regular file that an interrupted run left, to read and to append; none if it is not there. One that has
    /// less than `size` bytes must have no other name, or it would be written through that.
    pub fn reopen(&self, name: &str, size: u64) -> Result<Option<fs::File>, Error> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).follow(FollowSymlinks::No);
        let file = self.open_with(name, &options)?;
        let Some(file) = file else { return Ok(None) };
        let found = file.metadata().map_err(|error| self.failed(name, error))?;
        let whole = found.len() >= size || found.nlink() == 1;
        Ok((found.is_file() && whole).then_some(file))
    }

    /// Whether a file of these very bytes is there.
    pub fn holds(&self, name: &str, bytes: &[u8]) -> bool {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let Ok(Some(file)) = self.open_with(name, &options) else {
            return false;
        };
        let mut found = Vec::new();
        let read = file.take(bytes.len() as u64 + 1).read_to_end(&mut found);
        read.is_ok() && found == bytes
    }

    /// Gives a file another name.
    pub fn hard_link(&self, target: &str, name: &str) -> Result<(), Error> {
        let make = || {
            let (directory, last) = self.room_for(Made::File, name)?;
            let (parent, target) = split(target);
            let parent = self
                .directory(parent, false)?
                .ok_or(io::ErrorKind::NotFound)?;
            parent.hard_link(target, &directory, last)
        };
        make().map_err(|error| self.unmade(name, error))
    }

    /// Makes a symbolic link that holds `target`.
    pub fn symlink(&self, target: &str, name: &str) -> Result<(), Error> {
        let make = || {
            let (directory, last) = self.room_for(Made::Link, name)?;
            directory.symlink_contents(target, last)
        };
        make().map_err(|error| self.unmade(name, error))
    }

    /// Puts everything on the disk and gives the directory its name. It gets the mode of the empty directory that it
    /// replaces, if there is one.
    pub fn finish(self) -> Result<(), Error> {
        let failed = |error| self.failed("", error);
        rustix::fs::syncfs(&*self.itself).map_err(|error| failed(error.into()))?;
        check_target(&self.place)?;
        if !self.place.has(&self.partial, &self.itself)? {
            let reason = "somebody put something else in its place while it was written; nothing has the final name, look who else can write to this directory";
            return Err(Error::refused(self.path(), reason));
        }
        let inherited = self.itself.metadata().map_err(failed)?.mode() & 0o7000;
        let mode = self.place.final_mode(0o755)? | inherited;
        self.itself
            .set_permissions(fs::Permissions::from_mode(mode))
            .map_err(failed)?;
        self.root.remove_file(journal::NAME).map_err(failed)?;
        // Replaces an empty directory, never a full one.
        let OutputPath { parent, name, .. } = &self.place;
        let named = parent.rename(&self.partial, parent, name);
        named
            .and_then(|()| self.place.sync())
            .map_err(|error| self.place.failed(error))
    }

    /// The directory of a new name, which is noted and free.
    fn room_for<'n>(&self, made: Made, name: &'n str) -> io::Result<(Arc<Dir>, &'n str)> {
        let safe = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\n', '\0']);
        if !name.split('/').all(safe) || name.split('/').next() == Some(journal::NAME) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no name for a file in a directory of ours",
            ));
        }
        self.journal.note(made, name)?;
        let (parent, last) = split(name);
        let directory = self
            .directory(parent, true)?
            .ok_or(io::ErrorKind::NotFound)?;
        remove_file(&directory, last)?;
        Ok((directory, last))
    }

    fn open_with(&self, name: &str, options: &OpenOptions) -> Result<Option<fs::File>, Error> {
        let (parent, last) = split(name);
        let opened = match self.directory(parent, false) {
            Ok(Some(directory)) => directory.open_with(last, options),
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        match opened {
            Ok(file) => Ok(Some(file.into_std())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (parent, last) = split(name);
        match self.directory(parent, false)? {
            Some(directory) => remove_file(&directory, last),
            None => Ok(()),
        }
    }

    /// Opens a directory below the root, without following a link; one that is missing is made if `make` says so.
    fn directory(&self, path: &str, make: bool) -> io::Result<Option<Arc<Dir>>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, directory)) = &*last
            && known == path
        {
            return Ok(Some(Arc::clone(directory)));
        }
        let mut directory = self.root.try_clone()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            directory = match directory.open_dir_nofollow(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
                    directory.create_dir(part)?;
                    directory.open_dir_nofollow(part)?
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
        }
        let directory = Arc::new(directory);
        *last = Some((path.to_owned(), Arc::clone(&directory)));
        Ok(Some(directory))
    }

    /// The system's reason, for a file below it.
    pub fn failed(&self, name: &str, error: io::Error) -> Error {
        self.named(Error::of(self.path().join(name), error))
    }

    /// The same of making a name or a link.
    fn unmade(&self, name: &str, error: io::Error) -> Error {
        self.named(Error::of_making(self.path().join(name), error))
    }

    /// A full disk is reported by what the user named, not by the file that happened not to fit.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::Full { .. } => Error::Full {
                path: self.place.path().to_owned(),
            },
            other => other,
        }
    }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn remove_file(directory: &Dir, name: &str) -> io::Result<()> {
    match directory.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
