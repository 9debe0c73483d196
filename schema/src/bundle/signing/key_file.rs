/*! Files with keys and passphrases: read within a limit, wiped from memory afterwards, and named where others can read them. */

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use zeroize::Zeroizing;

use super::KeyError;

/// No key and no passphrase is longer.
const LIMIT: u64 = 1 << 20;

/// The text of a key file. What is no text is no PEM either, which the parsers find.
pub fn read_key_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    read(path, |_| {})
}

/// The same for a file that only its owner should be able to read; if others can, there is a warning.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    read(path, |found| {
        let mode = found.mode() & 0o7777;
        if found.is_file() && mode & 0o077 != 0 {
            let path = path.display();
            tracing::warn!(
                "{path} holds a secret, and with mode {mode:04o} others can reach it; chmod 600 {path}"
            );
        }
    })
}

fn read(path: &Path, look: impl FnOnce(&fs::Metadata)) -> Result<Zeroizing<String>, KeyError> {
    let unreadable = |error: io::Error| KeyError::Unreadable(error.to_string());
    let file = fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    look(&metadata);
    // With the room it needs from the start, no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(LIMIT) as usize + 1));
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(KeyError::Malformed("it is larger than 1 MiB".to_owned()));
    }
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => Zeroizing::new(text.to_owned()),
        Err(_) => Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()),
    })
}
