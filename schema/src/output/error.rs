/*! Why something cannot be written, so that the user knows whether to name another place, free some space or look who else is there. */

use std::{io, path::PathBuf};

use rustix::io::Errno;

/// An output that could not be made. What had the name before has it still.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory that the output is to be in.
    #[error(
        "{path}: {source}; the directory it goes into must be there and take new files: {}", .directory.display()
    )]
    Directory {
        /// The output, as it was named.
        path: PathBuf,
        /// Where it was to be.
        directory: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file system, or the quota, is used up.
    #[error(
        "{path}: No space left on the device, or the quota is used up; free some space and run again"
    )]
    Full {
        /// The output.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What stands there is nothing that may be written to, replaced or removed. The user's choice of a name mends it.
    #[error("{path}: {reason}")]
    Refused {
        /// What stands in the way.
        path: PathBuf,
        /// What it is, what was expected, what to do.
        reason: String,
    },
    /// The file system has no such names or links.
    #[error(
        "{path}: {source}; this file system has no links or no ':' in names, as FAT, exFAT and NTFS; name a directory on another, or carry the archive as it is"
    )]
    Simple {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// EFBIG.
    #[error(
        "{path}: File too large: this file system (FAT: 4 GiB), or `ulimit -f` in this session, takes no file so large; name a place on another file system"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// Sorts the system's reason for a failed write.
    pub fn of(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::FileTooLarge => Self::TooLarge { path },
            _ => Self::Io { path, source },
        }
    }

    /// The same of making a name or a link, which not every file system has.
    pub(super) fn of_making(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let lacking = [
            Errno::INVAL,
            Errno::PERM,
            Errno::NOTSUP,
            Errno::NOSYS,
            Errno::MLINK,
        ];
        let code = Errno::from_io_error(&source);
        match code.is_some_and(|code| lacking.contains(&code)) {
            true => Self::Simple {
                path: path.into(),
                source,
            },
            false => Self::of(path, source),
        }
    }

    pub(super) fn refused(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Refused {
            path: path.into(),
            reason: reason.into(),
        }
    }
}
