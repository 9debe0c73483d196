/*! Recovery files on the disk: what they are called, how they are made, and which lie beside an archive. */

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use schema::{
    Progress,
    bundle::ReadAt,
    output::{self, Destination, Growing},
};

use super::{
    layout::{CELL, Layout},
    protect::protect,
};
use crate::{
    Error,
    volumes::{ArchiveName, width},
};

/// The names of the recovery files of an archive: one, or one for each recovery volume.
pub fn names(archive: &ArchiveName, volumes: Option<u64>) -> Vec<String> {
    let stem = archive.stem();
    match volumes {
        None => vec![format!("{stem}.recovery")],
        Some(count) => {
            let width = width(count);
            (1..=count)
                .map(|number| format!("{stem}.rec.{number:0width$}"))
                .collect()
        }
    }
}

/// Those that lie in these directories, each of them once.
pub fn beside<'d>(
    archive: &ArchiveName,
    directories: impl IntoIterator<Item = &'d Path>,
) -> Result<Vec<PathBuf>, Error> {
    let (one, many) = (
        format!("{}.recovery", archive.stem()),
        format!("{}.rec.", archive.stem()),
    );
    let mut found = Vec::new();
    let mut known = Vec::new();
    for directory in directories {
        let failed = |source| Error::Io {
            path: directory.to_owned(),
            source,
        };
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix(&many);
            let number = number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
            if (name == one || number) && !known.contains(&name) {
                found.push(entry.path());
                known.push(name);
            }
        }
    }
    // One kind at a time: they protect the same in two ways.
    if let Some(one) = found.iter().find(|path| path.ends_with(&one)).cloned() {
        return Ok(vec![one]);
    }
    found.sort();
    Ok(found)
}

/// Makes the recovery files of an archive at these paths. They get their names when all are whole.
pub fn make(
    archive: &dyn ReadAt,
    layout: &Layout,
    paths: &[PathBuf],
    progress: &dyn Progress,
) -> Result<(), Error> {
    let count = layout.parity / (paths.len() as u64).max(1);
    let each = layout.holding(0, count).file_length();
    let mut growing = Vec::new();
    for path in paths {
        let Destination::File(place) = Destination::resolve(path)? else {
            return Err(Error::Usage(format!(
                "{}: this is a pipe or a device, and a recovery file belongs here",
                path.display()
            )));
        };
        place.check_length(each)?;
        let (free, needed) = (place.free()?, each * paths.len() as u64);
        if free < needed {
            return Err(Error::Usage(format!(
                "{}: the recovery files need {needed} bytes and {free} are free; free some space, or choose a smaller share",
                path.display()
            )));
        }
        growing.push(Growing::open(place, b"")?);
    }
    let mut files = Vec::new();
    for one in &mut growing {
        let path = one.path();
        let emptied = one.file().set_len(0).and_then(|()| one.file().try_clone());
        files.push(emptied.map_err(|error| output::Error::of(path, error))?);
    }
    progress.begin("Protecting", layout.stripes() * layout.data * CELL);
    let made = protect(archive, layout, &files, progress);
    progress.end();
    made.map_err(|error: io::Error| {
        output::Error::of(paths.first().cloned().unwrap_or_default(), error)
    })?;
    for one in growing {
        one.commit(0o666)?;
    }
    Ok(())
}
