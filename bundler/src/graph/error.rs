/*! Why there is no update graph image: the data, the base image, or the way to it. */

use std::io;

use cli::{Exit, HasExitCode};

/// An update graph image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The base image cannot be built upon.
    #[error("{image}: {reason}; name another base image with --graph-base-image")]
    Base {
        /// The base image, and the manifest inside it.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tarball that cannot be read to its end.
    #[error("{name}: the tarball is damaged: {reason}; fetch it again")]
    Damaged {
        /// The tarball.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else than a tarball.
    #[error(
        "{name}: found {found}, expected a tarball (plain, gzip or zstd) or a directory of update graph data; \
         check what was fetched, https://api.openshift.com/api/upgrades_info/graph-data gives such a tarball"
    )]
    Foreign {
        /// The file.
        name: String,
        /// What it looks like.
        found: &'static str,
    },
    /// Not the layout of update graph data.
    #[error(
        "{name}: found no {missing}, expected update graph data with version, channels/, blocked-edges/ and raw/; \
         name the tarball or directory that holds these"
    )]
    Incomplete {
        /// The tarball or directory.
        name: String,
        /// What is not there.
        missing: &'static str,
    },
    /// The system refused.
    #[error("{name}: {source}")]
    Io {
        /// The file, tarball or directory.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A link, a device and the like.
    #[error(
        "{name}: {entry:?} is {found}, expected only files and directories; replace it by the file itself"
    )]
    EntryType {
        /// The tarball or directory.
        name: String,
        /// Its path there.
        entry: String,
        /// What it is.
        found: &'static str,
    },
    /// A path that is not safe in an image, or does not fit.
    #[error(
        "{name}: the path {entry:?} {reason}, expected a short relative path; rename the file or take other data"
    )]
    Path {
        /// The tarball or directory.
        name: String,
        /// The path.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More than anybody's update graph.
    #[error(
        "{name}: {what} more than {limit}, too much for update graph data; check that it is the right file"
    )]
    TooLarge {
        /// The tarball or directory.
        name: String,
        /// What there is too much of, with its verb.
        what: String,
        /// How much would be taken.
        limit: &'static str,
    },
    /// Two contents for one path.
    #[error("{name}: {entry:?} stands there twice, or as a file and a directory; pack it again")]
    Twice {
        /// The tarball.
        name: String,
        /// The path.
        entry: String,
    },
    /// A layout that is not known here.
    #[error(
        "{name}: the file \"version\" says {found:?}, expected 1.x.y, the only layout that is known here; take data of that layout"
    )]
    Version {
        /// The tarball or directory.
        name: String,
        /// What the file says, cut short.
        found: String,
    },
}

impl HasExitCode for GraphError {
    fn exit(&self) -> Exit {
        match self {
            Self::Base { .. } => Exit::Source,
            Self::Io { source, .. } if source.kind() != io::ErrorKind::NotFound => Exit::Failed,
            Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::Incomplete { .. }
            | Self::Io { .. }
            | Self::EntryType { .. }
            | Self::Path { .. }
            | Self::TooLarge { .. }
            | Self::Twice { .. }
            | Self::Version { .. } => Exit::Usage,
        }
    }
}
