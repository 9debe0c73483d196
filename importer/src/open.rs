/*! From what the operator named to a bundle that is believed. */

use std::{
    io,
    path::{Path, PathBuf},
};

use schema::bundle::{Opened, PublicKey, TrustedKeys, Verified, read_key_file};

use crate::Error;

/// Reads the head of a file, a directory, or standard input (`-`), believing nothing.
pub fn opened(path: &Path) -> Result<Opened, Error> {
    if path == Path::new("-") {
        return Ok(Opened::pipe(Box::new(io::stdin()), "standard input")?);
    }
    Ok(Opened::path(path)?)
}

/// Opens a bundle and believes it if one of the keys signed it.
pub fn verified(path: &Path, keys: &TrustedKeys) -> Result<Verified, Error> {
    let verified = opened(path)?.verify(keys)?;
    tracing::info!(bundle = %path.display(), key = %verified.signer(), "signature verified");
    Ok(verified)
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
