/*!
An unpacked bundle, read without following a single link.

Whoever unpacked it may have left anything in it, and it may change while it is read. Every component is opened
relative to the one before with `O_NOFOLLOW`, and what the index does not list, be it an empty directory, is a reason to
refuse.
*/

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Dir, Mode, OFlags, openat, readlinkat};

use crate::{
    Digest,
    bundle::{
        Error,
        index::{FileKind, Index, path::BundlePath},
        reading::verifying::Verifying,
        tape::{INDEX_NAME, Tape},
    },
};

/// The root of an unpacked bundle.
#[derive(Debug)]
pub(crate) struct Directory {
    root: fs::File,
    path: PathBuf,
}

/// What has to be there, by name.
struct Expected {
    files: HashMap<String, Expectation>,
    directories: HashSet<String>,
}

enum Expectation {
    /// A regular file of so many bytes.
    File(u64),
    /// A symbolic link to a digest.
    Tag(Digest),
}

impl Expected {
    fn of(tape: &Tape) -> Self {
        let head = tape.head_files().into_iter();
        let head = head.map(|(name, bytes)| (name, Expectation::File(bytes.len() as u64)));
        let listed = tape.index().files.iter().map(|file| {
            let kind = match file.kind() {
                FileKind::Symlink(digest) => Expectation::Tag(*digest),
                FileKind::Regular | FileKind::HardLink(_) => Expectation::File(file.size),
            };
            (file.path.to_string(), kind)
        });
        let files: HashMap<_, _> = head.chain(listed).collect();
        let mut directories = HashSet::new();
        for name in files.keys() {
            let mut parent = name.as_str();
            while let Some((above, _)) = parent.rsplit_once('/') {
                // Whoever put it there has put those above it there as well.
                if directories.contains(above) {
                    break;
                }
                directories.insert(above.to_owned());
                parent = above;
            }
        }
        Self { files, directories }
    }
}

fn kind_of(kind: fs::FileType) -> &'static str {
    match () {
        () if kind.is_file() => "a regular file",
        () if kind.is_dir() => "a directory",
        () if kind.is_symlink() => "a symbolic link",
        () => "a pipe, socket or device",
    }
}

impl Directory {
    pub(crate) fn at(path: &Path, root: fs::File) -> Self {
        Self {
            root,
            path: path.to_owned(),
        }
    }

    /// Opens a regular file.
    pub(crate) fn open(&self, path: &BundlePath) -> Result<fs::File, Error> {
        self.open_file(&path.to_string())
    }

    /// `bundle.json` and the one file in `signatures/`, by name; at most `limit` and 160 bytes.
    pub(crate) fn read_head(&self, limit: u64) -> Result<(Vec<u8>, String, Vec<u8>), Error> {
        let index = self.read_limited(INDEX_NAME, limit)?;
        let entry = "signatures/";
        let failed = |error: rustix::io::Errno| self.failed(entry, error.into());
        let (directory, _) = self.parent(entry)?;
        let mut names = Vec::new();
        for found in Dir::read_from(&directory).map_err(failed)? {
            let name = found.map_err(failed)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name.to_string_lossy().into_owned());
            }
            // There may be millions.
            if names.len() > 1 {
                break;
            }
        }
        let [name] = names.as_slice() else {
            let found = if names.is_empty() {
                "none"
            } else {
                "2 or more"
            };
            return Err(Error::Head {
                entry,
                reason: format!("expected exactly one signature, found {found}"),
            });
        };
        let name = format!("signatures/{name}");
        let signature = self.read_limited(&name, 160)?;
        Ok((index, name, signature))
    }

    /// Exactly the names of the head and of the index, each of its kind and size, and no directory without one of them.
    pub(crate) fn check_frame(&self, tape: &Tape) -> Result<(), Error> {
        let mut expected = Expected::of(tape);
        for found in walkdir::WalkDir::new(&self.path)
            .follow_links(false)
            .min_depth(1)
        {
            let found = found.map_err(|error| self.failed("", error.into()))?;
            let relative = found
                .path()
                .strip_prefix(&self.path)
                .unwrap_or(found.path());
            let name = relative.to_string_lossy();
            let directory = found.file_type().is_dir();
            if directory && expected.directories.contains(name.as_ref()) {
                continue;
            }
            let Some(kind) = expected.files.remove(name.as_ref()) else {
                let what = if directory { "directory" } else { "file" };
                return Err(Error::Extra {
                    entry: name.escape_debug().to_string(),
                    what: format!("there is a {what}"),
                });
            };
            match kind {
                Expectation::Tag(digest) => self.check_tag(&name, &digest.to_string())?,
                Expectation::File(size) => {
                    let length = found
                        .metadata()
                        .map_err(|error| self.failed(&name, error.into()))?
                        .len();
                    if !found.file_type().is_file() || length != size {
                        let expected = format!("a regular file of {size} bytes");
                        let found = match found.file_type() {
                            kind if kind.is_file() => format!("one of {length} bytes"),
                            kind => kind_of(kind).to_owned(),
                        };
                        return Err(Error::Altered {
                            entry: name.into_owned(),
                            what: "file",
                            expected,
                            found,
                        });
                    }
                }
            }
        }
        match expected.files.into_iter().min_by(|a, b| a.0.cmp(&b.0)) {
            Some((entry, kind)) => Err(Error::Cut {
                entry,
                missing: match kind {
                    Expectation::File(size) => size,
                    Expectation::Tag(_) => 1,
                },
            }),
            None => Ok(()),
        }
    }

    /// Hashes what should be hard links and is not (copied without `--preserve=links`); links proper share their inode.
    pub(crate) fn check_copies(&self, index: &Index) -> Result<(), Error> {
        let mut inodes = HashMap::new();
        for file in &index.files {
            if matches!(file.kind(), FileKind::Symlink(_)) {
                continue;
            }
            let name = file.path.to_string();
            let opened = self.open(&file.path)?;
            let metadata = opened
                .metadata()
                .map_err(|error| self.failed(&name, error))?;
            let inode = (metadata.dev(), metadata.ino());
            let first = *inodes.entry(inode).or_insert(file.digest);
            let alone = first == file.digest && matches!(file.kind(), FileKind::Regular);
            if !alone && (first != file.digest || metadata.nlink() == 1) {
                Verifying::new(opened, name, file.size, file.digest).drain()?;
            }
        }
        Ok(())
    }

    fn check_tag(&self, name: &str, expected: &str) -> Result<(), Error> {
        let (parent, last) = self.parent(name)?;
        let found = readlinkat(&parent, last, Vec::new()).map_err(|error| match error {
            rustix::io::Errno::INVAL => Error::Altered {
                entry: name.to_owned(),
                what: "tag",
                expected: "a symbolic link (`cp -a` keeps them)".to_owned(),
                found: "something else".to_owned(),
            },
            _ => self.failed(name, error.into()),
        })?;
        let found = found.to_string_lossy();
        if found != expected {
            let found = found.escape_debug().to_string();
            return Err(Error::Altered {
                entry: name.to_owned(),
                what: "tag",
                expected: expected.to_owned(),
                found,
            });
        }
        Ok(())
    }

    fn read_limited(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let mut file = self.open_file(name)?.take(limit + 1);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| self.failed(name, error))?;
        if bytes.len() as u64 > limit {
            return Err(Error::Head {
                entry: "bundle.json",
                reason: format!("{name} has more than {limit} bytes"),
            });
        }
        Ok(bytes)
    }

    fn open_file(&self, name: &str) -> Result<fs::File, Error> {
        let (parent, last) = self.parent(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file: fs::File = openat(&parent, last, flags, Mode::empty())
            .map_err(|error| self.failed(name, error.into()))?
            .into();
        let kind = file
            .metadata()
            .map_err(|error| self.failed(name, error))?
            .file_type();
        if !kind.is_file() {
            return Err(Error::Altered {
                entry: name.to_owned(),
                what: "file",
                expected: "a regular file".to_owned(),
                found: kind_of(kind).to_owned(),
            });
        }
        Ok(file)
    }

    /// Opens the directory of a name, component by component.
    fn parent<'n>(&self, name: &'n str) -> Result<(fs::File, &'n str), Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut directory = self
            .root
            .try_clone()
            .map_err(|error| self.failed(name, error))?;
        let (parents, last) = name.rsplit_once('/').unwrap_or(("", name));
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            let next = openat(&directory, part, flags, Mode::empty())
                .map_err(|error| self.failed(name, error.into()))?;
            directory = next.into();
        }
        Ok((directory, last))
    }

    /// A file that is missing, or a link where none may be, is the bundle's fault; anything else the disk's.
    fn failed(&self, name: &str, error: io::Error) -> Error {
        let links = [rustix::io::Errno::LOOP, rustix::io::Errno::NOTDIR]
            .map(rustix::io::Errno::raw_os_error);
        match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::NotFound => Error::Cut {
                entry: name.to_owned(),
                missing: 1,
            },
            Some(code) if links.contains(&code) => {
                let expected = "no symbolic link on the way".to_owned();
                Error::Altered {
                    entry: name.to_owned(),
                    what: "file",
                    expected,
                    found: error.to_string(),
                }
            }
            _ => Error::Io {
                path: self.path.join(name),
                source: error,
            },
        }
    }
}
