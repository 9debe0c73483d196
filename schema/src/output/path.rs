/*! Where an output is to be: its directory, opened once, and its name there. */

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use cap_fs_ext::{DirExt as _, FileTypeExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata, MetadataExt as _, PermissionsExt as _},
};
use rustix::fs::{Access, AtFlags, accessat, fstatfs, fstatvfs};

use crate::output::{Error, Stream, partial, user};

/// What most file systems take as a name, in bytes.
const NAME_MAX: u64 = 255;

/// A name in a directory that is open.
#[derive(Debug)]
pub struct OutputPath {
    pub(crate) parent: Dir,
    pub(crate) name: OsString,
    shown: PathBuf,
}

/// Where a file goes.
#[derive(Debug)]
pub enum Destination {
    /// A name that is free, or that of a regular file, which will be replaced.
    File(OutputPath),
    /// A pipe or a character device that is there and is written to as it is.
    Stream(Stream),
}

impl Destination {
    /// Looks at where a file is to be, and changes nothing.
    pub fn resolve(path: &Path) -> Result<Self, Error> {
        if let Some(stream) = Stream::at(path)? {
            return Ok(Self::Stream(stream));
        }
        let place = OutputPath::file(path)?;
        place.check_file()?;
        Ok(Self::File(place))
    }
}

impl OutputPath {
    /// Of a file; its directory must be there.
    pub(crate) fn file(path: &Path) -> Result<Self, Error> {
        let directory_only = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let name = path.file_name().filter(|_| !directory_only);
        let name = name.ok_or_else(|| {
            Error::refused(
                path,
                "this names a directory, and a file belongs here; name a file",
            )
        })?;
        let parent = Dir::open_ambient_dir(parent(path), ambient_authority())
            .map_err(|source| in_directory(path, source))?;
        let place = Self::with(parent, name, path);
        place.check_name()?;
        Ok(place)
    }

    /// Of a directory. Its missing parents are made, none of them through a link that was not there before.
    pub(crate) fn directory(path: &Path) -> Result<Self, Error> {
        let parent = open_or_make(parent(path)).map_err(|source| in_directory(path, source))?;
        let place = Self::with(parent, directory_name(path)?, path);
        place.check_name()?;
        Ok(place)
    }

    /// Of a directory whose parents may be missing; then there is none.
    pub(crate) fn existing_directory(path: &Path) -> Result<Option<Self>, Error> {
        let name = directory_name(path)?;
        match Dir::open_ambient_dir(parent(path), ambient_authority()) {
            Ok(parent) => {
                let place = Self::with(parent, name, path);
                place.check_name()?;
                Ok(Some(place))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(in_directory(path, error)),
        }
    }

    fn with(parent: Dir, name: &OsStr, path: &Path) -> Self {
        Self {
            parent,
            name: name.to_owned(),
            shown: path.to_owned(),
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// The path of another name in the same directory, for messages.
    pub(crate) fn beside(&self, name: &OsStr) -> PathBuf {
        self.shown.with_file_name(name)
    }

    pub(crate) fn failed(&self, source: io::Error) -> Error {
        Error::of(&self.shown, source)
    }

    /// What has a name in the directory, without following it.
    pub(crate) fn stands(&self, name: &OsStr) -> Result<Option<Metadata>, Error> {
        match self.parent.symlink_metadata(name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::of(self.beside(name), error)),
        }
    }

    /// Whether a name in the directory is still that of an open file.
    pub(crate) fn has(&self, name: &OsStr, file: &fs::File) -> Result<bool, Error> {
        let opened = file
            .metadata()
            .map_err(|error| Error::of(self.beside(name), error))?;
        let named = self.stands(name)?;
        Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())))
    }

    /// A name that is free, or that of a regular file which a rename can replace, in a directory that takes new files.
    pub(crate) fn check_file(&self) -> Result<(), Error> {
        let refused = |reason: &str| Err(Error::refused(&self.shown, reason));
        if let Some(found) = self.stands(&self.name)? {
            let kind = found.file_type();
            match () {
                () if kind.is_file() => self.check_replaceable(&found)?,
                () if kind.is_dir() => {
                    return refused("this is a directory, and a file belongs here; name a file");
                }
                () if kind.is_symlink() => {
                    return refused(
                        "this is a symbolic link, which is neither followed nor replaced; name the file itself, or remove the link",
                    );
                }
                () if kind.is_block_device() => {
                    return refused(
                        "this is a disk, and a file belongs here; to write to it all the same, pipe it into dd of=DEVICE",
                    );
                }
                () => return refused("this is neither a file nor a pipe; name a file"),
            }
        }
        self.check_writable()
    }

    /// Whoever owns what is there keeps ways into it: its mode, or a file held open. So only what is ours is replaced, also by
    /// root, who could replace anything.
    pub(crate) fn check_replaceable(&self, found: &Metadata) -> Result<(), Error> {
        if found.uid() == user() {
            return Ok(());
        }
        Err(Error::refused(
            &self.shown,
            format!(
                "this belongs to user {}, and is not replaced for them; remove it first, or name another place",
                found.uid()
            ),
        ))
    }

    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        accessat(
            &self.parent,
            ".",
            Access::WRITE_OK | Access::EXEC_OK,
            AtFlags::empty(),
        )
        .map_err(|error| in_directory(&self.shown, error.into()))
    }

    /// The mode of a finished output: what it replaces had a mode, and with it its readers. Nobody else may write to it, and
    /// what is private by `default` stays so.
    pub(crate) fn final_mode(&self, default: u32) -> Result<u32, Error> {
        const PRIVATE: u32 = 0o077;
        const WRITTEN_BY_OTHERS: u32 = 0o022;
        let found = self
            .stands(&self.name)?
            .filter(|found| !found.file_type().is_symlink());
        let Some(found) = found else {
            return Ok(crate::output::masked(default));
        };
        let kept = found.permissions().mode() & 0o777 & !WRITTEN_BY_OTHERS;
        Ok(match default & PRIVATE {
            0 => kept & !PRIVATE,
            _ => kept,
        })
    }

    /// Bytes free for us where the output goes.
    pub fn free(&self) -> Result<u64, Error> {
        let stat = fstatvfs(&self.parent).map_err(|error| self.failed(error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Refuses a file of so many bytes where it is known that it cannot be.
    pub fn check_length(&self, length: u64) -> Result<(), Error> {
        const FAT: rustix::fs::FsWord = 0x4d44;
        let fat = fstatfs(&self.parent).is_ok_and(|stat| stat.f_type == FAT);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if (fat && length > u64::from(u32::MAX)) || limit.is_some_and(|limit| length > limit) {
            return Err(Error::TooLarge {
                path: self.shown.clone(),
            });
        }
        Ok(())
    }

    /// Makes a rename last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self.parent.open(".") {
            Ok(directory) => directory.sync_all(),
            // A directory may take files and not let itself be read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check_name(&self) -> Result<(), Error> {
        let most = fstatvfs(&self.parent).map_or(NAME_MAX, |stat| stat.f_namemax);
        let length = self.name.len() as u64 + partial::LONGEST;
        if most > 0 && length > most {
            return Err(Error::refused(
                &self.shown,
                format!(
                    "the name is too long: while the output is unfinished it has a longer one, of {length} bytes, and {most} are allowed here; name it with {} bytes at most",
                    most.saturating_sub(partial::LONGEST)
                ),
            ));
        }
        Ok(())
    }
}

fn directory_name(path: &Path) -> Result<&OsStr, Error> {
    path.file_name().ok_or_else(|| {
        Error::refused(path, "the directory gets its name when it is whole, so it must have one; name it from its parent")
    })
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent();
    parent
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn in_directory(path: &Path, source: io::Error) -> Error {
    Error::Directory {
        path: path.to_owned(),
        directory: parent(path).to_owned(),
        source,
    }
}

fn open_or_make(path: &Path) -> io::Result<Dir> {
    match Dir::open_ambient_dir(path, ambient_authority()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
    let above = open_or_make(parent(path))?;
    match above.create_dir(name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => above.open_dir_nofollow(name),
    }
}
