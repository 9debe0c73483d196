/*! Why an import fails, and with which exit code: the bundle, the key, the registry, the disk, or the command line. */

use std::{io, path::PathBuf};

use cli::{Exit, HasExitCode, PrintError};
use schema::{
    bundle::{self, KeyError},
    output,
};

use crate::{apply::manifests::select::SelectError, fleet::FleetError, rollout::Unattended};

/// A failed import. No tag points to anything that was not verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can approve what waits for approval.
    #[error(transparent)]
    Approval(#[from] Unattended),
    /// A file of a backup cannot be read or made.
    #[error("{}: {source}", .path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bundle is not believed or not whole.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// Clusters are not named as they must be.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Some content could not be brought into the registry.
    #[error(
        "{failed} of {total} blobs, manifests and tags could not be pushed, and nothing that needs them was tagged; first: {first}; run the same command again, what is there already is not sent again"
    )]
    Incomplete {
        /// How many failed.
        failed: usize,
        /// Of how many.
        total: usize,
        /// The first reason.
        first: String,
    },
    /// A key file is not usable.
    #[error("{path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The keys together are not usable.
    #[error("--key: {0}")]
    Keys(#[source] KeyError),
    /// `--keep-tags`, and a tag would move.
    #[error("--keep-tags: {0} tags exist with other content and would move, first {1}; {2}")]
    KeepTags(usize, String, &'static str),
    /// Volumes that are missing, damaged or another bundle's.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// It cannot be written where it was to go.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// What came of it cannot be printed.
    #[error(transparent)]
    Print(#[from] PrintError),
    /// The target registry's fault, or the way to it.
    #[error(transparent)]
    Registry(registry::Error),
    /// A report cannot be written as JSON.
    #[error("the report: {0}")]
    Report(#[source] io::Error),
    /// `--only` or `--exclude`.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A task of the push ended early, for no reason that lies outside this program.
    #[error("a part of the push ended early: {0}; run the same command again")]
    Task(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The command line.
    #[error("{0}")]
    Usage(String),
}

impl From<registry::Error> for Error {
    /// A bundle that turns out altered while it is uploaded is the bundle's fault; bytes of a pipe that cannot be had
    /// again are not.
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Source(source) => match source.downcast::<bundle::Error>() {
                Ok(altered) => Self::Bundle(altered),
                Err(source) => Self::Registry(registry::Error::Source(source)),
            },
            other => Self::Registry(other),
        }
    }
}

impl HasExitCode for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Bundle(error) => error.blame().into(),
            Self::Media(error) => error.blame().into(),
            Self::Incomplete { .. } => Exit::Target,
            Self::Output(output::Error::Refused { .. }) => Exit::Usage,
            Self::Backup { .. } | Self::Output(_) | Self::Report(_) | Self::Task(_) => Exit::Failed,
            Self::KeepTags(..) => Exit::Refused,
            Self::Print(error) => error.exit(),
            Self::Approval(_)
            | Self::Fleet(_)
            | Self::Key { .. }
            | Self::Keys(_)
            | Self::Select(_)
            | Self::Usage(_)
            | Self::Registry(registry::Error::Config(_)) => Exit::Usage,
            Self::Registry(_) => Exit::Target,
        }
    }
}
