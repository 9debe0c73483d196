/*! Real data and runnable troubles that lie beside the project and are no part of it. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub use fakes::needs::shared as path;

/// What a directory of the shared data holds, sorted by name.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Looks shared data up, or ends the test as skipped. For tests that return a `Result<(), _>`.
#[macro_export]
macro_rules! needs_shared {
    ($name:expr) => {
        match $crate::shared::path($name) {
            Ok(path) => path,
            Err(absent) => {
                $crate::real::skip(&absent)?;
                return Ok(());
            }
        }
    };
}
