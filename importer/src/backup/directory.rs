/*! The directory of a backup: looked at before anything is changed, made for its owner alone. */

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use schema::{
    Digest,
    output::{self, Tree},
};

use super::record::{ClusterBackup, INDEX};
use crate::Error;

/// Where to, and whether with Secrets.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// New or empty.
    pub directory: PathBuf,
    /// Secrets are saved too.
    pub secrets: bool,
}

/// An empty directory for backups.
#[derive(Debug)]
pub struct BackupDirectory(BackupOptions);

/// A backup for a run with one bundle.
#[derive(Debug)]
pub struct Backup {
    /// Where to.
    directory: PathBuf,
    /// Secrets are saved too.
    pub secrets: bool,
    /// The SHA-256 of the bundle's `bundle.json`.
    pub bundle: Option<Digest>,
}

impl BackupDirectory {
    /// Makes it. One that holds anything, as an earlier backup, is refused.
    pub fn new(options: BackupOptions) -> Result<Self, Error> {
        let path = &options.directory;
        Tree::check(path)?;
        make(path)?;
        Ok(Self(options))
    }

    /// For a run with the bundle of this id.
    pub fn of(&self, bundle: Digest) -> Backup {
        Backup {
            directory: self.0.directory.clone(),
            secrets: self.0.secrets,
            bundle: Some(bundle),
        }
    }
}

impl Backup {
    /// Puts the backup of one cluster on the disk, whole or not at all. `files` are the objects by name.
    pub(super) fn write(
        &self,
        backup: &ClusterBackup,
        files: &[(String, Vec<u8>)],
    ) -> Result<(), Error> {
        let place = ClusterBackup::place(&self.directory, &backup.cluster);
        // What is written gets the mode of the empty directory whose place it takes.
        make(&place)?;
        let tree = Tree::open(&place)?;
        tree.clear()?;
        for (name, bytes) in files {
            tree.write(name, bytes, true)?;
        }
        let index = serde_json::to_value(backup).map_err(|error| Error::Backup {
            path: place.join(INDEX),
            source: error.into(),
        })?;
        tree.write(INDEX, format!("{index:#}\n").as_bytes(), true)?;
        Ok(tree.finish()?)
    }
}

/// An empty directory for us alone.
fn make(path: &Path) -> Result<(), output::Error> {
    let failed = |error| output::Error::of(path, error);
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)
}
