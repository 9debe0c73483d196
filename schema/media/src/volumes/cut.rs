/*!
Cuts an archive while it is written: each volume grows under a temporary name and gets its own when it is full.

What makes them a set is the list, which comes last. Until then an interrupted run can go on: its volumes, joined, are a prefix
of the archive, which the caller checks before anything of it is kept.
*/

use std::{
    fs,
    io::{self, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use schema::{
    Digest,
    bundle::SigningKey,
    digest::Hasher,
    output::{self, Destination, Growing, OutputPath, replace},
};

use super::{
    list::VolumeList,
    name::{ArchiveName, MOST, width},
    size::VolumeSize,
};
use crate::Error;

/// An archive on its way into volumes.
#[derive(Debug)]
pub struct Cutter {
    directory: PathBuf,
    archive: ArchiveName,
    size: VolumeSize,
    width: usize,
    mode: u32,
    done: Vec<(u64, Digest)>,
    current: Option<Part>,
}

/// The volume that grows.
#[derive(Debug)]
struct Part {
    file: Growing,
    hasher: Hasher,
    length: u64,
}

/// What a run that was interrupted left.
#[derive(Debug)]
pub struct Unfinished {
    files: Vec<fs::File>,
    /// Bytes of all of them.
    pub length: u64,
}

impl Cutter {
    /// Cuts the archive at `path`, which will have at most `length` bytes, into volumes that get `mode`. Nothing is written yet.
    pub fn new(path: &Path, size: VolumeSize, length: u64, mode: u32) -> Result<Self, Error> {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let archive: ArchiveName = name.unwrap_or_default().parse().map_err(Error::Usage)?;
        let volumes = size.volumes(length);
        if volumes > MOST as u64 {
            return Err(Error::Usage(format!(
                "{archive} would have {volumes} volumes of {size}, and {MOST} are the most; choose a larger --volume-size"
            )));
        }
        let cutter = Self {
            directory: path.parent().unwrap_or(Path::new("")).to_owned(),
            width: width(volumes),
            archive,
            size,
            mode,
            done: Vec::new(),
            current: None,
        };
        let first = cutter.place(1)?;
        first.check_length(size.bytes().min(length))?;
        let list = cutter.directory.join(cutter.archive.list());
        if fs::symlink_metadata(&list).is_ok() {
            return Err(Error::Usage(format!(
                "{}: a finished set of volumes has this name; remove it with its volumes, or name another output",
                list.display()
            )));
        }
        Ok(cutter)
    }

    /// Free bytes where the volumes go.
    pub fn free(&self) -> Result<u64, Error> {
        Ok(self.place(1)?.free()?)
    }

    /// The volumes of a run that was interrupted, joined. Another run that is at it is an error.
    pub fn unfinished(&self) -> Result<Unfinished, Error> {
        let mut found = Unfinished {
            files: Vec::new(),
            length: 0,
        };
        for number in 1..=MOST {
            let place = self.place(number)?;
            let finished = Growing::finished(&place)?;
            let path = place.path().to_owned();
            let partial = finished.is_none();
            let file = match finished {
                Some(file) => Some(file),
                // Opened here, it is locked for a moment, and seen to be nobody else's.
                None => match Growing::peek(&path) {
                    Some(_) => Some(Growing::open(place, b"")?.file().try_clone()),
                    None => None,
                }
                .transpose()
                .map_err(|error| output::Error::of(&path, error))?,
            };
            let Some(file) = file else { break };
            let length = file
                .metadata()
                .map_err(|error| output::Error::of(&path, error))?
                .len();
            found.length += length;
            found.files.push(file);
            if partial || length != self.size.bytes() {
                break;
            }
        }
        Ok(found)
    }

    /// Keeps so many bytes of what was found, and goes on behind them.
    pub fn keep(&mut self, mut found: Unfinished, length: u64) -> Result<(), Error> {
        let whole = (length / self.size.bytes()) as usize;
        // From the end, so that what is left is a prefix at any moment.
        for number in (whole + 2..=found.files.len()).rev() {
            self.remove(number)?;
        }
        for (number, file) in (1..=whole).zip(&mut found.files) {
            let digest = self.hash(number, file, self.size.bytes())?;
            self.done.push((self.size.bytes(), digest));
        }
        let rest = length % self.size.bytes();
        let Some(file) = found.files.get_mut(whole) else {
            return Ok(());
        };
        if rest == 0 {
            return self.remove(whole + 1);
        }
        let hasher = self.hasher(whole + 1, file, rest)?;
        let place = self.place(whole + 1)?;
        let mut file = match Growing::finished(&place)? {
            Some(_) => Growing::reopen(place)?,
            None => Growing::open(place, b"")?,
        };
        let placed = file
            .file()
            .set_len(rest)
            .and_then(|()| file.file().seek(SeekFrom::End(0)));
        placed.map_err(|error| output::Error::of(file.path(), error))?;
        self.current = Some(Part {
            file,
            hasher,
            length: rest,
        });
        Ok(())
    }

    /// Gives the last volume its name. Returns the list of all, of a bundle with this id.
    pub fn finish(mut self, bundle: Digest) -> Result<VolumeList, Error> {
        self.close()?;
        let count = self.done.len();
        for number in count + 1..=MOST {
            if !self.remove_partial(number)? {
                break;
            }
        }
        Ok(VolumeList::new(
            bundle,
            &self.archive,
            self.width,
            self.done,
        ))
    }

    fn place(&self, number: usize) -> Result<OutputPath, Error> {
        let path = self.directory.join(self.archive.volume(number, self.width));
        match Destination::resolve(&path)? {
            Destination::File(place) => Ok(place),
            Destination::Stream(_) => Err(Error::Usage(format!(
                "{}: this is a pipe or a device, and volumes are files",
                path.display()
            ))),
        }
    }

    fn hash(&self, number: usize, file: &mut fs::File, length: u64) -> Result<Digest, Error> {
        Ok(self.hasher(number, file, length)?.finish())
    }

    fn hasher(&self, number: usize, file: &mut fs::File, length: u64) -> Result<Hasher, Error> {
        let mut hasher = Hasher::default();
        let read = file
            .rewind()
            .and_then(|()| io::copy(&mut file.take(length), &mut hasher));
        match read {
            Ok(count) if count == length => Ok(hasher),
            Ok(_) => Err(self.failed(number, io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.failed(number, error)),
        }
    }

    fn failed(&self, number: usize, error: io::Error) -> Error {
        output::Error::of(
            self.directory.join(self.archive.volume(number, self.width)),
            error,
        )
        .into()
    }

    /// Removes a volume of an interrupted run, which was seen to be ours.
    fn remove(&self, number: usize) -> Result<(), Error> {
        let path = self.directory.join(self.archive.volume(number, self.width));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(output::Error::of(path, error).into())
            }
            _ => self.remove_partial(number).map(drop),
        }
    }

    /// Whether there was one.
    fn remove_partial(&self, number: usize) -> Result<bool, Error> {
        let path = self.directory.join(self.archive.volume(number, self.width));
        let Some((_, partial)) = Growing::peek(&path) else {
            return Ok(false);
        };
        let removed = fs::remove_file(&partial);
        removed.map_err(|error| output::Error::of(partial, error))?;
        Ok(true)
    }

    /// The volume that grows; a new one where none does.
    fn part(&mut self) -> Result<&mut Part, Error> {
        let part = match self.current.take() {
            Some(part) => part,
            None => {
                let mut file = Growing::open(self.place(self.done.len() + 1)?, b"")?;
                let emptied = file.file().set_len(0).and_then(|()| file.file().rewind());
                emptied.map_err(|error| output::Error::of(file.path(), error))?;
                Part {
                    file,
                    hasher: Hasher::default(),
                    length: 0,
                }
            }
        };
        Ok(self.current.insert(part))
    }

    /// Ends the volume that grows.
    fn close(&mut self) -> Result<(), Error> {
        if let Some(part) = self.current.take() {
            part.file.commit(self.mode)?;
            self.done.push((part.length, part.hasher.finish()));
        }
        Ok(())
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.size.bytes();
        let part = self.part().map_err(io::Error::other)?;
        let room = usize::try_from(size - part.length).unwrap_or(usize::MAX);
        let count = part.file.file().write(&bytes[..bytes.len().min(room)])?;
        part.hasher.update(&bytes[..count]);
        part.length += count as u64;
        if part.length == size {
            self.close().map_err(io::Error::other)?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Unfinished {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for file in &mut self.files {
            match file.read(buffer)? {
                0 => {}
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}

/// Writes what makes volumes a set, beside them: their checksums, the signature of their list, and the list, which is the last.
pub fn companions(path: &Path, list: &VolumeList, key: &SigningKey) -> Result<(), Error> {
    let archive: ArchiveName = list.archive.parse().map_err(Error::Usage)?;
    let bytes = list.to_bytes()?;
    let signature = key.sign(&bytes)?;
    let signed = format!("{}.{}.sig", archive.list(), signature.key);
    let sums = list.sums();
    for (name, bytes) in [
        (archive.sums(), sums.as_bytes()),
        (signed, &signature.bytes[..]),
        (archive.list(), &bytes),
    ] {
        let path = path.with_file_name(name);
        replace(&Destination::resolve(&path)?, bytes, 0o666)?;
    }
    Ok(())
}
