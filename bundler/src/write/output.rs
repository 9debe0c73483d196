/*! Where a bundle goes. */

use std::path::{Path, PathBuf};

use media::volumes::{ArchiveName, VolumeSize};
use schema::output::Stream;

use crate::Error;

/// Where a bundle goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A directory.
    Directory(PathBuf),
    /// A file.
    File(PathBuf),
    /// Standard output, a pipe or a character device, written to as it is.
    Stream {
        /// What it is.
        stream: Stream,
        /// Compressed, by its name.
        zstd: bool,
    },
    /// A zstd-compressed file.
    Zstd(PathBuf),
    /// Parts of a file, compressed or not.
    Volumes {
        /// The file that they are parts of.
        path: PathBuf,
        /// Compressed, by its name.
        zstd: bool,
        /// How large each is.
        size: VolumeSize,
    },
}

impl Output {
    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Self::Stream { stream, .. } if stream.is_stdout())
    }

    /// The files that it is in, for whoever opens it again.
    pub fn parts(&self) -> Result<Vec<PathBuf>, Error> {
        match self {
            Self::File(path) | Self::Zstd(path) => Ok(vec![path.clone()]),
            Self::Volumes { path, .. } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let archive: ArchiveName = name.parse().map_err(Error::Usage)?;
                Ok(vec![path.with_file_name(archive.list())])
            }
            Self::Directory(_) | Self::Stream { .. } => Err(Error::Usage(
                "--recovery: only a bundle in a file or in volumes can be protected".to_owned(),
            )),
        }
    }

    /// Its name, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path)
            | Self::File(path)
            | Self::Zstd(path)
            | Self::Volumes { path, .. } => path,
            Self::Stream { stream, .. } => stream.path(),
        }
    }
}
