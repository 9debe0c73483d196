/*! What is there before a directory is filled: what it would replace, and what an interrupted run left of it. */

use std::{ffi::OsStr, io, path::Path};

use cap_fs_ext::DirExt as _;
use cap_std::fs::{Dir, MetadataExt as _};

use crate::output::{
    Error, OutputPath,
    directory::journal::{self, Made, Noted},
    why_not_ours,
};

/// What stands where the finished directory will be must be empty, and a directory.
pub(crate) fn check_target(place: &OutputPath) -> Result<(), Error> {
    let refused = |reason: &str| Err(Error::refused(place.path(), reason));
    let Some(found) = place.stands(&place.name)? else {
        return place.check_writable();
    };
    if found.is_symlink() {
        return refused(
            "this is a symbolic link, which is neither followed nor replaced; name the directory itself, or remove the link",
        );
    }
    if !found.is_dir() {
        return refused(
            "this is no directory, and a directory belongs here; name one that is empty or does not exist",
        );
    }
    let failed = |error| place.failed(error);
    let directory = place
        .parent
        .open_dir_nofollow(&place.name)
        .map_err(failed)?;
    if directory.entries().map_err(failed)?.next().is_some() {
        return refused("the directory is not empty; name one that is empty or does not exist");
    }
    place.check_replaceable(&found)?;
    place.check_writable()
}

/// Opens what has the name `DIR.partial`, if it is a directory that only we could have filled.
pub(crate) fn open_partial(place: &OutputPath, partial: &OsStr) -> Result<Dir, Error> {
    let shown = place.beside(partial);
    let refused = |why: &str| {
        Error::refused(
            &shown,
            format!(
                "{why}, so it is not what an interrupted run left; remove it, or name another directory"
            ),
        )
    };
    if place.stands(partial)?.is_some_and(|found| !found.is_dir()) {
        return Err(refused("this is no directory"));
    }
    let failed = |error| Error::of(&shown, error);
    let root = match place.parent.open_dir_nofollow(partial) {
        Ok(root) => root,
        // It was a directory a moment ago.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(refused("this is no directory"));
        }
        Err(error) => return Err(failed(error)),
    };
    let found = root.dir_metadata().map_err(failed)?;
    match why_not_ours(found.uid(), found.mode()) {
        Some(why) => Err(refused(&why)),
        None => Ok(root),
    }
}

/// Looks at everything below a directory, and names the first thing that we did not put there.
pub(crate) fn survey(
    root: &Dir,
    below: &str,
    noted: Option<&Noted>,
    shown: &Path,
) -> Result<(), Error> {
    let failed = |error| Error::of(shown.join(below), error);
    for entry in root.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let (kind, text) = (entry.file_type().map_err(failed)?, name.to_str());
        let path = match (below, text) {
            ("", Some(journal::NAME)) if noted.is_some() => continue,
            ("", Some(text)) => text.to_owned(),
            (below, Some(text)) => format!("{below}/{text}"),
            (_, None) => String::new(),
        };
        let ours = noted.is_some_and(|noted| match () {
            () if kind.is_dir() => noted.is_parent(&path),
            () if kind.is_file() => noted.has(Made::File, &path),
            () if kind.is_symlink() => noted.has(Made::Link, &path),
            () => false,
        });
        if !ours {
            return Err(Error::refused(
                shown.join(below).join(name),
                format!(
                    "this was not put into {} by an interrupted run, and is neither removed nor used; move it away, or name another directory",
                    shown.display()
                ),
            ));
        }
        if kind.is_dir() {
            survey(
                &root.open_dir_nofollow(&name).map_err(failed)?,
                &path,
                noted,
                shown,
            )?;
        }
    }
    Ok(())
}
