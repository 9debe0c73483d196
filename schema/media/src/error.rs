/*! What can be wrong with media, each in one line, so that a courier knows which disc to fetch or to copy again. */

use std::{io, path::PathBuf};

use schema::{
    bundle::{Blame, KeyError, KeyId},
    output,
};

/// Volumes that cannot be made, found or joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Volumes are missing, damaged, or not of this bundle: a line for each, in order.
    #[error("{}", faulty(.0))]
    Faulty(Vec<String>),
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The list of volumes is not one.
    #[error("{path}: {reason}; copy it again, from any of the discs")]
    List {
        /// The companion.
        path: PathBuf,
        /// Expected and found.
        reason: String,
    },
    /// Something cannot be written.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// No trusted key signed the list of volumes.
    #[error(
        "{path}: no trusted key ({}) signed this list of volumes; expected {path}.KEY-ID.sig beside it, made by whoever cut the bundle; ask them for their public key, or join the volumes with cat",
        .trusted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Untrusted {
        /// The companion.
        path: PathBuf,
        /// The keys that were tried.
        trusted: Vec<KeyId>,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
}

/// The one line, or how many there are, which were logged.
fn faulty(lines: &[String]) -> String {
    match lines {
        [line] => line.clone(),
        lines => format!(
            "{} volumes are missing, damaged, or of another bundle: those named above; replace just these and run again",
            lines.len()
        ),
    }
}

impl Error {
    /// Volumes that are not right; where there are several, each is logged in a line of its own.
    pub fn faulty(lines: Vec<String>) -> Self {
        if lines.len() > 1 {
            for line in &lines {
                tracing::error!("{line}");
            }
        }
        Self::Faulty(lines)
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Faulty(_) | Self::List { .. } => Blame::Integrity,
            Self::Untrusted { .. } => Blame::Signature,
            Self::Output(output::Error::Refused { .. }) | Self::Usage(_) | Self::Key(_) => {
                Blame::User
            }
            Self::Io { .. } | Self::Output(_) => Blame::Medium,
        }
    }
}
