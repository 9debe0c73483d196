/*!
Real data and runnable troubles that lie beside the project and are no part of it.

`SHARED_DIR` names their directory, else it is `../shared` beside the workspace. Where it is absent, a test says so and passes,
as with a component that is not installed.
*/

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Shared data that this machine lacks; given to [`crate::real::skip`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent(PathBuf);

/// A file or directory of the shared data, by its path there.
pub fn path(name: &str) -> Result<PathBuf, Absent> {
    let path = directory().join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(Absent(path))
    }
}

/// What a directory of the shared data holds, sorted by name.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn directory() -> PathBuf {
    match std::env::var_os("SHARED_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the shared data {} is not there (SHARED_DIR names its directory)",
            self.0.display()
        )
    }
}

impl std::error::Error for Absent {}

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
