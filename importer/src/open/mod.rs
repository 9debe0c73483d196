/*! From what the operator named to a bundle that is believed. */

pub mod repair;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use media::{
    recovery::{self, Repairing},
    volumes::{ArchiveName, Found, Source, VolumeSet},
};
use schema::bundle::{
    self, Blame, Opened, PublicKey, ReadAt, TrustedKeys, Verified, read_key_file,
};

use crate::Error;

/// Reads the head of a bundle, believing nothing but the list of its volumes, and that only if one of the keys signed it. The
/// paths are a file, a directory or standard input (`-`), or volumes and directories of them.
pub fn opened(paths: &[PathBuf], keys: Option<&TrustedKeys>) -> Result<Opened, Error> {
    match Source::of(paths, keys)? {
        Source::Whole(path) if path == Path::new("-") => {
            Ok(Opened::pipe(Box::new(io::stdin()), "standard input")?)
        }
        Source::Whole(path) => match in_file(&path)? {
            Medium::File(file, archive) => {
                let recovery = recovery::beside(&archive, [directory(&path)])?;
                Ok(repaired(Arc::new(file), &path, &recovery)?.opened)
            }
            Medium::Other(file) => Ok(Opened::file(file, &path)?),
        },
        Source::Volumes(found) => Ok(joined(*found)?.opened),
    }
}

/// The bytes of a bundle in a file or in volumes, repaired where recovery files lie beside them.
pub fn seekable(paths: &[PathBuf], keys: &TrustedKeys) -> Result<Arc<dyn ReadAt>, Error> {
    match Source::of(paths, Some(keys))? {
        Source::Whole(path) => match in_file(&path)? {
            Medium::File(file, archive) => {
                let recovery = recovery::beside(&archive, [directory(&path)])?;
                Ok(repaired(Arc::new(file), &path, &recovery)?.source)
            }
            Medium::Other(_) => Err(Error::Usage(format!(
                "{}: only a bundle in a file, named NAME.tar or NAME.tar.zst, or in volumes can be repaired",
                path.display()
            ))),
        },
        Source::Volumes(found) => Ok(joined(*found)?.source),
    }
}

/// A bundle whose bytes can be read at any offset.
struct Seekable {
    source: Arc<dyn ReadAt>,
    opened: Opened,
}

/// What a path leads to.
enum Medium {
    /// A file with the name of a bundle, which companions may lie beside.
    File(fs::File, ArchiveName),
    /// An unpacked directory, a pipe, a file of another name.
    Other(fs::File),
}

fn in_file(path: &Path) -> Result<Medium, Error> {
    let failed = |source| bundle::Error::Io {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let regular = file.metadata().map_err(failed)?.is_file();
    let name = path.file_name().map(|name| name.to_string_lossy());
    let archive = name.and_then(|name| name.parse().ok());
    Ok(match archive.filter(|_| regular) {
        Some(archive) => Medium::File(file, archive),
        None => Medium::Other(file),
    })
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Reads through the recovery files, if there are any and they are for this bundle.
fn repaired(
    archive: Arc<dyn ReadAt>,
    path: &Path,
    recovery: &[PathBuf],
) -> Result<Seekable, Error> {
    if let [first, ..] = recovery {
        match through(&archive, path, recovery) {
            Ok(repaired) => return Ok(repaired),
            Err(error) => tracing::warn!("{}: not used: {error}", first.display()),
        }
    }
    Ok(Seekable {
        opened: Opened::seekable(Arc::clone(&archive), path)?,
        source: archive,
    })
}

fn through(
    archive: &Arc<dyn ReadAt>,
    path: &Path,
    recovery: &[PathBuf],
) -> Result<Seekable, Error> {
    let mut files: Vec<(PathBuf, Box<dyn ReadAt>)> = Vec::new();
    for path in recovery {
        let file = fs::File::open(path).map_err(|source| media::Error::Io {
            path: path.clone(),
            source,
        })?;
        files.push((path.clone(), Box::new(file)));
    }
    let repairing = Repairing::new(Arc::clone(archive), path, files)?;
    let protected = repairing.bundle();
    let source: Arc<dyn ReadAt> = Arc::new(repairing);
    let opened = Opened::seekable(Arc::clone(&source), path)?;
    match opened.id() == protected {
        true => Ok(Seekable { source, opened }),
        false => Err(Error::Usage(format!("it is for bundle {protected}"))),
    }
}

/// Opens a bundle and believes it if one of the keys signed it.
pub fn verified(paths: &[PathBuf], keys: &TrustedKeys) -> Result<Verified, Error> {
    let verified = opened(paths, Some(keys))?.verify(keys)?;
    tracing::info!(bundle = %name(paths), key = %verified.signer(), "signature verified");
    Ok(verified)
}

/// Volumes as the one bundle that they are parts of.
fn joined(found: Found) -> Result<Seekable, Error> {
    let archive: ArchiveName = found.list.archive.parse().map_err(Error::Usage)?;
    let directories = found.directories.iter().map(PathBuf::as_path);
    let recovery = recovery::beside(&archive, directories)?;
    let set = match recovery.is_empty() {
        true => VolumeSet::open(found)?,
        false => VolumeSet::with_holes(found)?,
    };
    let (archive, id) = (PathBuf::from(archive.as_str()), set.list().bundle);
    let joined = repaired(Arc::new(set), &archive, &recovery)?;
    match joined.opened.id() == id {
        true => Ok(joined),
        // Which of the two is foreign, only all of their bytes can tell.
        false => Err(bundle::Error::Invalid(format!(
            "it is not that of bundle {id}, whose volumes are listed"
        ))
        .into()),
    }
}

/// Which volumes are to blame for an error, if the bundle was in volumes and some are.
pub fn explained(error: Error, paths: &[PathBuf], keys: &TrustedKeys) -> Error {
    let Error::Bundle(reason) = &error else {
        return error;
    };
    if !matches!(reason.blame(), Blame::Integrity | Blame::Medium) {
        return error;
    }
    let Ok(Source::Volumes(found)) = Source::of(paths, Some(keys)) else {
        return error;
    };
    match VolumeSet::open(*found) {
        Ok(set) => match set.faults() {
            faults if faults.is_empty() => error,
            faults => media::Error::faulty(faults).into(),
        },
        Err(faulty) => faulty.into(),
    }
}

/// What a bundle is called in messages.
pub fn name(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(" ")
}

/// Reads public keys.
pub fn keys(paths: &[PathBuf]) -> Result<TrustedKeys, Error> {
    let read = |path: &PathBuf| {
        let key = read_key_file(path).and_then(|text| PublicKey::from_pem(&text));
        key.map_err(|source| Error::Key {
            path: path.clone(),
            source,
        })
    };
    let keys = paths.iter().map(read).collect::<Result<_, _>>()?;
    TrustedKeys::new(keys).map_err(Error::Keys)
}
