/*! Where a bundle goes. */

use std::path::{Path, PathBuf};

use media::volumes::VolumeSize;
use schema::output::Stream;

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
