/*!
The mark of a directory that is unfinished: a list of what was written into it, so that the next run knows its own files
from those that somebody else put there.

Each name is noted before its file is made. What is not in the list is not ours, whatever it is called.
*/

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::MetadataExt as _,
    sync::Mutex,
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

use crate::output::{file::fresh::exclusive, why_not_ours};

/// The name of the list. No path of a bundle can have it: they have no `~`.
pub(crate) const NAME: &str = ".unfinished~";

/// The first line, which names the format.
const FIRST: &str = "offline-bundle-unfinished/v1\n";

/// Ten times the longest list of a bundle, which has at most 32 MiB of names.
const LIMIT: u64 = 320 << 20;

/// What a name was made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Made {
    File,
    Link,
}

/// The list, open to be added to.
#[derive(Debug)]
pub(crate) struct Journal(Mutex<fs::File>);

/// What an interrupted run noted.
#[derive(Debug, Default)]
pub(crate) struct Noted(BTreeSet<(Made, String)>);

impl Journal {
    /// Begins the list of an empty directory.
    pub(crate) fn begin(root: &Dir) -> io::Result<Self> {
        let mut file = root.open_with(NAME, &exclusive(0o600))?.into_std();
        file.write_all(FIRST.as_bytes())?;
        Ok(Self(Mutex::new(file)))
    }

    /// The list that an interrupted run left; none if there is none that we could have written.
    pub(crate) fn reopen(root: &Dir) -> io::Result<Option<(Self, Noted)>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).follow(FollowSymlinks::No);
        match root.symlink_metadata(NAME) {
            Ok(found) if found.is_file() => {}
            _ => return Ok(None),
        }
        let mut file = root.open_with(NAME, &options)?.into_std();
        let found = file.metadata()?;
        if !found.is_file()
            || found.nlink() != 1
            || why_not_ours(found.uid(), found.mode()).is_some()
        {
            return Ok(None);
        }
        let mut text = String::new();
        if (&mut file).take(LIMIT).read_to_string(&mut text).is_err() {
            return Ok(None);
        }
        // A run that was killed at once may have left less than the first line.
        if FIRST.starts_with(&text) {
            file.set_len(0)?;
            file.write_all(FIRST.as_bytes())?;
            return Ok(Some((Self(Mutex::new(file)), Noted::default())));
        }
        let Some(lines) = text.strip_prefix(FIRST) else {
            return Ok(None);
        };
        // The last line may have been cut short; its file was not made then.
        let whole = lines.rfind('\n').map_or(0, |end| end + 1);
        let noted = lines[..whole].lines().filter_map(line).collect();
        file.set_len((FIRST.len() + whole) as u64)?;
        Ok(Some((Self(Mutex::new(file)), Noted(noted))))
    }

    /// Notes a name whose file is about to be made.
    pub(crate) fn note(&self, made: Made, name: &str) -> io::Result<()> {
        let sign = match made {
            Made::File => "file",
            Made::Link => "link",
        };
        let mut file = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(format!("{sign} {name}\n").as_bytes())
    }

    /// Forgets every name: the directory is empty.
    pub(crate) fn forget(&self) -> io::Result<()> {
        let mut file = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        file.set_len(FIRST.len() as u64)?;
        file.seek(io::SeekFrom::End(0)).map(drop)
    }
}

impl Noted {
    /// Whether it was made so by us.
    pub(crate) fn has(&self, made: Made, name: &str) -> bool {
        self.0.contains(&(made, name.to_owned()))
    }

    /// Whether something below this directory was made by us.
    pub(crate) fn is_parent(&self, directory: &str) -> bool {
        let below = format!("{directory}/");
        [Made::File, Made::Link].into_iter().any(|made| {
            let mut from = self.0.range((made, below.clone())..);
            from.next()
                .is_some_and(|(found, name)| *found == made && name.starts_with(&below))
        })
    }

    /// Every name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, name)| name.as_str())
    }
}

fn line(line: &str) -> Option<(Made, String)> {
    let (sign, name) = line.split_once(' ')?;
    let made = match sign {
        "file" => Made::File,
        "link" => Made::Link,
        _ => return None,
    };
    Some((made, name.to_owned()))
}
