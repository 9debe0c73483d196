/*! A large file that grows as `.NAME.partial`, held by one run at a time, and that the next run may go on with. */

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _, Seek as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use crate::output::{
    Error, OutputPath, file::fresh::exclusive, lock::Locked, partial, why_not_ours,
};

/// How often a file may vanish between two looks before something else must be wrong.
const LOOKS: usize = 32;

/// The unfinished file of an [`OutputPath`].
#[derive(Debug)]
pub struct Growing {
    place: OutputPath,
    name: OsString,
    file: Locked,
}

impl Growing {
    /// Makes the unfinished file, or opens the one that an interrupted run left: ours, and beginning as `mark` does.
    pub fn open(place: OutputPath, mark: &[u8]) -> Result<Self, Error> {
        place.check_file()?;
        let name = partial::of_file(&place.name);
        let shown = place.beside(&name);
        for _ in 0..LOOKS {
            let file = match place.parent.open_with(&name, &exclusive(0o600)) {
                Ok(file) => file.into_std(),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    match existing(&place, &name)? {
                        Some(file) => file,
                        None => continue,
                    }
                }
                Err(error) => return Err(Error::of(shown, error)),
            };
            let mut file = Locked::new(file, &shown)?;
            // Between opening and locking, another build may have given the file its final name.
            if place.has(&name, &file)? {
                check_mark(&mut file, mark, &shown)?;
                return Ok(Self { place, name, file });
            }
        }
        let reason = "it comes and goes, so another build is writing it; wait for that one, or name another output";
        Err(Error::refused(shown, reason))
    }

    /// The unfinished file that is there, to look into, if it is one of ours.
    pub fn peek(path: &Path) -> Option<(fs::File, PathBuf)> {
        let place = OutputPath::file(path).ok()?;
        let name = partial::of_file(&place.name);
        let file = existing(&place, &name).ok()??;
        Some((file, place.beside(&name)))
    }

    /// What an earlier run finished, to look into, if it is one of ours; none if there is no such file.
    pub fn finished(place: &OutputPath) -> Result<Option<fs::File>, Error> {
        existing(place, &place.name)
    }

    /// Takes the name of what an earlier run finished away again, to go on inside it.
    pub fn reopen(place: OutputPath) -> Result<Self, Error> {
        let name = partial::of_file(&place.name);
        let taken = place.parent.rename(&place.name, &place.parent, &name);
        taken.map_err(|error| place.failed(error))?;
        Self::open(place, b"")
    }

    /// Its bytes.
    pub fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    /// Where it is, for messages.
    pub fn path(&self) -> PathBuf {
        self.place.beside(&self.name)
    }

    /// Where it will be.
    pub fn place(&self) -> &OutputPath {
        &self.place
    }

    /// Puts it on the disk and gives it its name. It gets the mode of the file that it replaces, else `mode` as the umask
    /// leaves it.
    pub fn commit(self, mode: u32) -> Result<(), Error> {
        let Self { place, name, file } = self;
        let failed = |error| place.failed(error);
        place.check_file()?;
        let mode = fs::Permissions::from_mode(place.final_mode(mode)?);
        let whole = file.set_permissions(mode).and_then(|()| file.sync_all());
        whole.map_err(failed)?;
        if !place.has(&name, &file)? {
            let reason = "somebody put another file in its place while it was written; nothing has the final name, look who else can write to this directory";
            return Err(Error::refused(place.beside(&name), reason));
        }
        let named = place.parent.rename(&name, &place.parent, &place.name);
        named.and_then(|()| place.sync()).map_err(failed)
    }
}

/// Opens what has the name, if it is a file that only we could have written; none if it is gone.
fn existing(place: &OutputPath, name: &OsStr) -> Result<Option<fs::File>, Error> {
    let shown = || place.beside(name);
    let refused = |why: &str| {
        Error::refused(
            shown(),
            format!(
                "{why}, so it is not what an interrupted build left; remove it, or name another output"
            ),
        )
    };
    let Some(named) = place.stands(name)? else {
        return Ok(None);
    };
    if !named.is_file() {
        return Err(refused("this is no regular file"));
    }
    if let Some(why) = why_not_ours(named.uid(), named.mode()) {
        return Err(refused(&why));
    }
    let mut options = OpenOptions::new();
    let nonblocking = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    options
        .read(true)
        .write(true)
        .follow(FollowSymlinks::No)
        .custom_flags(nonblocking);
    let file = match place.parent.open_with(name, &options) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::of(shown(), error)),
    };
    // What was opened counts, not what had the name a moment before.
    let opened = file.metadata().map_err(|error| Error::of(shown(), error))?;
    match why_not_ours(opened.uid(), opened.mode()) {
        Some(why) => Err(refused(&why)),
        None if !opened.is_file() => Err(refused("this is no regular file")),
        None if opened.nlink() > 1 => Err(refused("it has another name elsewhere (a hard link)")),
        // Another build gave it its final name meanwhile.
        None if opened.nlink() == 0 => Ok(None),
        None => Ok(Some(file)),
    }
}

/// An unfinished file begins as its kind does, as far as it goes.
fn check_mark(file: &mut fs::File, mark: &[u8], shown: &Path) -> Result<(), Error> {
    let mut found = Vec::with_capacity(mark.len());
    let read = file
        .rewind()
        .and_then(|()| file.take(mark.len() as u64).read_to_end(&mut found));
    read.map_err(|error| Error::of(shown, error))?;
    if !mark.starts_with(&found) {
        let reason = "it does not begin as an unfinished bundle does, so it is not what an interrupted build left; remove it, or name another output";
        return Err(Error::refused(shown, reason));
    }
    Ok(())
}
