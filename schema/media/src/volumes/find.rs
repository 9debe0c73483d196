/*!
From what the operator named to the volumes that are there: files and directories, in any order, one disc or ten.

Nothing is believed of a volume's name but where to look; which volumes there have to be stands in the signed list.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use schema::bundle::{Signature, TrustedKeys};

use super::{
    list::{LIMIT, VolumeList},
    name::VolumeName,
};
use crate::Error;

/// The end of a list's name.
const LIST: &str = ".volumes.json";

/// What a bundle is read from.
#[derive(Debug)]
pub enum Source {
    /// A file, a pipe or an unpacked directory.
    Whole(PathBuf),
    /// Volumes.
    Volumes(Box<Found>),
}

/// Volumes of one bundle, as far as they are there.
#[derive(Debug, Clone)]
pub struct Found {
    /// What there should be.
    pub list: VolumeList,
    /// Where it was looked for.
    pub directories: Vec<PathBuf>,
    /// Files of the right name, for each volume of the list.
    pub(super) candidates: Vec<Vec<PathBuf>>,
    /// Lists of other bundles that lie about.
    pub(super) others: Vec<VolumeList>,
}

impl Source {
    /// What the paths mean: one bundle, or volumes of one and directories of them. `keys` are those whose list of volumes is
    /// believed; without them any is, which is for showing only.
    pub fn of(paths: &[PathBuf], keys: Option<&TrustedKeys>) -> Result<Self, Error> {
        if let [path] = paths
            && is_whole(path)
        {
            return Ok(Self::Whole(path.clone()));
        }
        let mut there = There::default();
        for path in paths {
            there.look_at(path)?;
        }
        there.lists.sort();
        there.lists.dedup();
        let first = paths.first().cloned().unwrap_or_default();
        let mut lists = Vec::new();
        let mut refused = None;
        for path in &there.lists {
            match there.list(path, keys) {
                Ok(list) if lists.contains(&list) => {}
                Ok(list) => lists.push(list),
                Err(error) => refused = Some(error),
            }
        }
        let count = |list: &VolumeList| {
            let named = list.volumes.iter();
            let named = named.filter(|volume| there.volumes.contains_key(&volume.name));
            named.count()
        };
        lists.sort_by_key(|list| std::cmp::Reverse(count(list)));
        let mut lists = lists.into_iter();
        let Some(list) = lists.next() else {
            return Err(refused.unwrap_or_else(|| nothing(&first, &there)));
        };
        if let Some(error) = refused {
            tracing::warn!("left alone: {error}");
        }
        let others: Vec<_> = lists.collect();
        let candidates = list.volumes.iter();
        let candidates = candidates.map(|volume| {
            let found = there.volumes.get(&volume.name).into_iter().flatten();
            found.cloned().collect()
        });
        Ok(Self::Volumes(Box::new(Found {
            candidates: candidates.collect(),
            directories: there.directories.iter().cloned().collect(),
            list,
            others,
        })))
    }
}

/// Whether a path is a bundle by itself, and not a volume or a directory of them.
pub fn is_whole(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => path.join("bundle.json").exists(),
        Ok(metadata) if metadata.is_file() => {
            let name = name(path);
            VolumeName::of(&name).is_none() && !name.ends_with(LIST)
        }
        _ => true,
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.unwrap_or_default().into_owned()
}

fn nothing(path: &Path, there: &There) -> Error {
    let what = match there.volumes.is_empty() {
        true => "there is neither a bundle nor a volume of one",
        false => "there are volumes, and no list of them",
    };
    Error::List {
        path: path.to_owned(),
        reason: format!("{what}; expected NAME{LIST} beside NAME.tar.001"),
    }
}

/// What lies where the operator pointed.
#[derive(Default)]
struct There {
    /// By name.
    volumes: BTreeMap<String, BTreeSet<PathBuf>>,
    lists: Vec<PathBuf>,
    directories: BTreeSet<PathBuf>,
}

impl There {
    fn look_at(&mut self, path: &Path) -> Result<(), Error> {
        let failed = |source: io::Error| Error::Io {
            path: path.to_owned(),
            source,
        };
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let named = name(path);
            if !self.add(path.to_owned(), &named) {
                return Err(Error::Usage(format!(
                    "{}: this is no volume of a bundle; name one bundle, or volumes of one (NAME.tar.001 …) and directories of them",
                    path.display()
                )));
            }
            // The list is beside it; other volumes count only where they are named.
            for (path, name) in entries(parent)? {
                if name.ends_with(LIST) {
                    self.lists.push(path);
                } else if VolumeName::of(&name).is_some_and(|one| one.archive.list() == named) {
                    // A list that is named stands for all that it lists.
                    self.add(path, &name);
                }
            }
            self.directories.insert(parent.to_owned());
            return Ok(());
        }
        for (path, name) in entries(path)? {
            self.add(path, &name);
        }
        self.directories.insert(path.to_owned());
        Ok(())
    }

    fn add(&mut self, path: PathBuf, name: &str) -> bool {
        match VolumeName::of(name) {
            Some(_) => {
                self.volumes
                    .entry(name.to_owned())
                    .or_default()
                    .insert(path);
            }
            None if name.ends_with(LIST) => self.lists.push(path),
            None => return false,
        }
        true
    }

    /// The list at a path, signed as a file in any of the directories says.
    fn list(&self, path: &Path, keys: Option<&TrustedKeys>) -> Result<VolumeList, Error> {
        let bytes = bounded(path, LIMIT)?;
        let Some(keys) = keys else {
            return VolumeList::parse(path, &bytes);
        };
        let start = format!("{}.", name(path));
        let mut signatures = Vec::new();
        for directory in &self.directories {
            for (path, name) in entries(directory)? {
                let key = name
                    .strip_prefix(&start)
                    .and_then(|rest| rest.strip_suffix(".sig"));
                let Some(key) = key.and_then(|key| key.parse().ok()) else {
                    continue;
                };
                if let Ok(bytes) = bounded(&path, 64)?.try_into() {
                    signatures.push(Signature { key, bytes });
                }
            }
        }
        VolumeList::verified(path, &bytes, &signatures, keys)
    }
}

/// Path and name of all that lies in a directory.
fn entries(directory: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let failed = |source| Error::Io {
        path: directory.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        found.push((
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        ));
    }
    found.sort();
    Ok(found)
}

/// A small file.
fn bounded(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    let read = io::Read::read_to_end(&mut io::Read::take(file, limit + 1), &mut bytes);
    read.map_err(failed)?;
    match bytes.len() as u64 > limit {
        true => Err(Error::List {
            path: path.to_owned(),
            reason: format!("it has more than {limit} bytes"),
        }),
        false => Ok(bytes),
    }
}
