/*!
Which files count: the user's `registries.conf` in place of the machine's, and the drop-ins beside them, in the order of their names.
Where the user has a file of that name, the machine's drop-ins do not count either.
*/

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Error;

/// A file that was named.
pub(crate) fn required(file: PathBuf) -> Result<(PathBuf, String), Error> {
    match fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(error) => Err(unreadable(&file, &error)),
    }
}

/// The files that exist, in the order in which they replace each other.
pub(crate) fn found(
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let own = variable("XDG_CONFIG_HOME")
        .or_else(|| Some(variable("HOME")?.join(".config")))
        .map(|config| config.join("containers"));
    in_directories(own.as_deref(), Path::new("/etc/containers"))
}

fn in_directories(own: Option<&Path>, machine: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut files = Vec::new();
    let own_file = own
        .map(|own| optional(own.join("registries.conf")))
        .transpose()?
        .flatten();
    match own_file {
        Some(file) => files.push(file),
        None => {
            files.extend(optional(machine.join("registries.conf"))?);
            files.extend(drop_ins(machine)?);
        }
    }
    files.extend(own.map_or(Ok(Vec::new()), drop_ins)?);
    Ok(files)
}

fn drop_ins(directory: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let directory = directory.join("registries.conf.d");
    let mut paths = Vec::new();
    match fs::read_dir(&directory) {
        Ok(entries) => {
            for entry in entries {
                paths.push(
                    entry
                        .map_err(|error| unreadable(&directory, &error))?
                        .path(),
                );
            }
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(unreadable(&directory, &error)),
    }
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "conf")
    });
    paths.sort();
    let read: Result<Vec<_>, Error> = paths.into_iter().map(optional).collect();
    Ok(read?.into_iter().flatten().collect())
}

fn optional(file: PathBuf) -> Result<Option<(PathBuf, String)>, Error> {
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some((file, text))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(unreadable(&file, &error)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    Error::Config(format!(
        "{path}: cannot be read: {error}; name another registries.conf with --registries-conf"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_file_stands_in_for_the_machines_and_drop_ins_follow()
    -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let (own, machine) = (root.path().join("own"), root.path().join("machine"));
        let names = |own: Option<&Path>| -> Result<Vec<String>, Error> {
            let found = in_directories(own, &machine)?;
            let shown = |path: &Path| {
                path.strip_prefix(root.path())
                    .map(|path| path.display().to_string())
                    .unwrap_or_default()
            };
            Ok(found.iter().map(|(path, _)| shown(path)).collect())
        };
        assert!(names(Some(&own))?.is_empty());
        for place in [&own, &machine] {
            fs::create_dir_all(place.join("registries.conf.d"))?;
            for file in [
                "registries.conf.d/b.conf",
                "registries.conf.d/a.conf",
                "registries.conf.d/c.txt",
            ] {
                fs::write(place.join(file), "")?;
            }
        }
        fs::write(machine.join("registries.conf"), "")?;
        let machines = [
            "machine/registries.conf",
            "machine/registries.conf.d/a.conf",
            "machine/registries.conf.d/b.conf",
        ];
        let owns = [
            "own/registries.conf.d/a.conf",
            "own/registries.conf.d/b.conf",
        ];
        assert_eq!(names(None)?, machines);
        assert_eq!(names(Some(&own))?, [&machines[..], &owns].concat());
        fs::write(own.join("registries.conf"), "")?;
        assert_eq!(
            names(Some(&own))?,
            [&["own/registries.conf"][..], &owns].concat()
        );
        Ok(())
    }
}
