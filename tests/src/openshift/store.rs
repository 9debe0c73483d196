/*!
A signature store on disk: `<directory>/sha256=<hex>/signature-N`, N from 1 (library-go `pkg/verify/store`).

It serves as it is under a `file://` URL, and over HTTP through [`StoreServer`](super::StoreServer).
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use schema::Digest;

/// A directory of signatures.
#[derive(Debug, Clone)]
pub struct SignatureStore {
    directory: PathBuf,
}

impl SignatureStore {
    /// A store in a directory, which is made if need be.
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self { directory })
    }

    /// Adds a signature, or anything in the place of one, behind those a digest has; gives its number.
    pub fn add(&self, digest: &Digest, signature: &[u8]) -> Result<usize> {
        let directory = self.place(digest);
        fs::create_dir_all(&directory)?;
        let number = fs::read_dir(&directory)?.count() + 1;
        let path = directory.join(format!("signature-{number}"));
        fs::write(&path, signature).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(number)
    }

    /// Where the signatures for a digest lie.
    pub fn place(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("sha256={}", digest.hex()))
    }

    /// Its directory, as `--signature-store` takes it.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// `file://…`
    pub fn url(&self) -> String {
        format!("file://{}", self.directory.display())
    }
}
