/*!
Volumes that are all there, read as the one file they are parts of.

Joining copies nothing and believes nothing: what is read is compared with the bundle's own index as ever. The digests of the
list serve to say which volume is to blame when that fails.
*/

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use schema::{Digest, bundle::ReadAt, digest::Hasher};

use super::{
    find::Found,
    list::{Volume, VolumeList},
};
use crate::Error;

/// The volumes of a bundle, each of the length that it should have.
#[derive(Debug)]
pub struct VolumeSet {
    list: VolumeList,
    /// One for each volume of the list.
    chosen: Vec<Chosen>,
    others: Vec<VolumeList>,
}

/// A volume that was looked for.
#[derive(Debug)]
enum Chosen {
    File(PathBuf, fs::File),
    Fault(String),
}

impl VolumeSet {
    /// Opens what is there. Where a volume is missing or of another length, nothing can be read.
    pub fn with_holes(found: Found) -> Result<Self, Error> {
        let (mut chosen, mut notes) = (Vec::new(), Vec::new());
        for (number, volume) in found.list.volumes.iter().enumerate() {
            let candidates = found.candidates.get(number);
            chosen.push(choose(
                volume,
                candidates.map_or(&[], Vec::as_slice),
                &mut notes,
            )?);
        }
        for note in &notes {
            tracing::warn!("{note}");
        }
        let Found { list, others, .. } = found;
        Ok(Self {
            list,
            chosen,
            others,
        })
    }

    /// Opens every volume. Where one is missing or of another length, all others are read, so that everything that has to be
    /// fetched or copied again is named at once.
    pub fn open(found: Found) -> Result<Self, Error> {
        let set = Self::with_holes(found)?;
        match set.chosen.iter().any(|one| matches!(one, Chosen::Fault(_))) {
            true => Err(Error::faulty(set.faults())),
            false => Ok(set),
        }
    }

    /// The list.
    pub fn list(&self) -> &VolumeList {
        &self.list
    }

    /// Reads all volumes and says which are not what they should be: nothing if all are right.
    pub fn faults(&self) -> Vec<String> {
        let volumes = self.list.volumes.iter().zip(&self.chosen);
        let faults = volumes.filter_map(|(volume, chosen)| match chosen {
            Chosen::Fault(line) => Some(line.clone()),
            Chosen::File(path, file) => judge(volume, path, file, &self.others),
        });
        faults.collect()
    }
}

impl Found {
    /// Checks the volumes that are there, each by itself; returns the names of those that are right.
    pub fn alone(&self) -> Result<Vec<String>, Error> {
        let (mut right, mut lines) = (Vec::new(), Vec::new());
        for (volume, paths) in self.list.volumes.iter().zip(&self.candidates) {
            for path in paths {
                match alone(volume, path, &self.others) {
                    Ok(()) => right.push(path.display().to_string()),
                    Err(Error::Faulty(fault)) => lines.extend(fault),
                    Err(error) => return Err(error),
                }
            }
        }
        match lines.is_empty() {
            true => Ok(right),
            false => Err(Error::faulty(lines)),
        }
    }

    /// Whether every volume of the list has a file of its name.
    pub fn is_complete(&self) -> bool {
        self.candidates.iter().all(|paths| !paths.is_empty())
    }
}

impl ReadAt for VolumeSet {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let each = self.list.volumes.first().map_or(1, |first| first.length);
        let number = usize::try_from(offset / each).unwrap_or(usize::MAX);
        let (Some(volume), Some(chosen)) = (self.list.volumes.get(number), self.chosen.get(number))
        else {
            return Ok(0);
        };
        let file = match chosen {
            Chosen::File(_, file) => file,
            Chosen::Fault(line) => {
                return Err(io::Error::new(io::ErrorKind::NotFound, line.clone()));
            }
        };
        // A volume that grew since it was opened ends where it should.
        let left = volume.length.saturating_sub(offset - volume.offset);
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        file.read_at(&mut buffer[..most], offset - volume.offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.list.length)
    }
}

/// The file that is taken for a volume. Of several of the right length the one with the right digest.
fn choose(
    volume: &Volume,
    candidates: &[PathBuf],
    notes: &mut Vec<String>,
) -> Result<Chosen, Error> {
    let mut lengths = Vec::new();
    let mut fitting = Vec::new();
    for path in candidates {
        let failed = |source| Error::Io {
            path: path.clone(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        let length = file.length().map_err(failed)?;
        match length == volume.length {
            true => fitting.push((path, file)),
            false => lengths.push((path, length)),
        }
    }
    let several = fitting.len() > 1;
    let right = |(path, file): &(&PathBuf, fs::File)| {
        !several || digest(path, file).is_ok_and(|found| found == volume.digest)
    };
    let at = fitting.iter().position(right).unwrap_or_default();
    if !fitting.is_empty() {
        let (path, file) = fitting.swap_remove(at);
        for (other, _) in &fitting {
            notes.push(format!(
                "{}: twice: {} is read, {} is left alone",
                volume.name,
                path.display(),
                other.display()
            ));
        }
        return Ok(Chosen::File(path.clone(), file));
    }
    Ok(Chosen::Fault(match lengths.first() {
        Some((path, length)) => format!(
            "{}: it has {length} bytes, expected {}; it was cut, or is of another bundle: copy this volume again",
            path.display(),
            volume.length
        ),
        None => format!(
            "{}: missing; expected {} bytes, in any of the directories that are named",
            volume.name, volume.length
        ),
    }))
}

/// What is wrong with a volume, in one line.
fn judge(volume: &Volume, path: &Path, file: &fs::File, others: &[VolumeList]) -> Option<String> {
    let found = match digest(path, file) {
        Ok(found) if found == volume.digest => return None,
        Ok(found) => found,
        Err(error) => return Some(format!("{error}; copy this volume again")),
    };
    let known = others.iter().find_map(|list| {
        let volume = list.volumes.iter().find(|volume| volume.digest == found)?;
        Some((list.bundle, &volume.name))
    });
    Some(match known {
        Some((bundle, name)) => format!(
            "{}: of another bundle: this is {name} of bundle {bundle}; expected {} of this one",
            path.display(),
            volume.name
        ),
        None => format!(
            "{}: damaged, or of another bundle: expected {}, found {found}; copy this volume again",
            path.display(),
            volume.digest
        ),
    })
}

fn digest(path: &Path, file: &fs::File) -> Result<Digest, Error> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let count = file.fill_at(&mut buffer, offset);
        let count = count.map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
        offset += count as u64;
    }
}

/// Checks single volumes against the list, without the others.
fn alone(volume: &Volume, path: &Path, others: &[VolumeList]) -> Result<(), Error> {
    let mut notes = Vec::new();
    let line = match choose(volume, &[path.to_owned()], &mut notes)? {
        Chosen::Fault(line) => Some(line),
        Chosen::File(path, file) => judge(volume, &path, &file, others),
    };
    line.map_or(Ok(()), |line| Err(Error::Faulty(vec![line])))
}
