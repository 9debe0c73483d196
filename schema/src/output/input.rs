/*! An output that is also an input would be read while it is replaced, or be gone when the next run reads it. */

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The input that is the very file at `output`, under whatever name.
pub fn is_one_of<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Option<&'a Path> {
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
    };
    let output = identity(output)?;
    let mut inputs = inputs.into_iter().map(PathBuf::as_path);
    inputs.find(|input| identity(input) == Some(output))
}
