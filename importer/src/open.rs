/*! From what the operator named to a bundle that is believed. */

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use media::volumes::{Found, Source, VolumeSet};
use schema::bundle::{self, Blame, Opened, PublicKey, TrustedKeys, Verified, read_key_file};

use crate::Error;

/// Reads the head of a bundle, believing nothing but the list of its volumes, and that only if one of the keys signed it. The
/// paths are a file, a directory or standard input (`-`), or volumes and directories of them.
pub fn opened(paths: &[PathBuf], keys: Option<&TrustedKeys>) -> Result<Opened, Error> {
    match Source::of(paths, keys)? {
        Source::Whole(path) if path == Path::new("-") => {
            Ok(Opened::pipe(Box::new(io::stdin()), "standard input")?)
        }
        Source::Whole(path) => Ok(Opened::path(&path)?),
        Source::Volumes(found) => joined(*found),
    }
}

/// Opens a bundle and believes it if one of the keys signed it.
pub fn verified(paths: &[PathBuf], keys: &TrustedKeys) -> Result<Verified, Error> {
    let verified = opened(paths, Some(keys))?.verify(keys)?;
    tracing::info!(bundle = %name(paths), key = %verified.signer(), "signature verified");
    Ok(verified)
}

/// Volumes as the one bundle that they are parts of.
pub fn joined(found: Found) -> Result<Opened, Error> {
    let set = VolumeSet::open(found)?;
    let (archive, id) = (PathBuf::from(&set.list().archive), set.list().bundle);
    let opened = Opened::seekable(Arc::new(set), &archive)?;
    match opened.id() == id {
        true => Ok(opened),
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
