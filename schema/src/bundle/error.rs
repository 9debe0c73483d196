/*!
What can be wrong with a bundle, so that an operator knows whether to fetch a key, fetch the file again, or free a disk.
*/

use std::{io, path::PathBuf};

use super::KeyId;
use crate::output;

/// A bundle that cannot be believed or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A byte is not the byte that the signed index predicts.
    #[error(
        "{entry}: {what} differs: expected {expected}, found {found}; the bundle was altered or damaged, copy it again"
    )]
    Altered {
        /// The path inside the bundle.
        entry: String,
        /// Which part of the entry.
        what: &'static str,
        /// What the index says.
        expected: String,
        /// What the medium holds.
        found: String,
    },
    /// It ends early.
    #[error(
        "{entry}: the bundle ends {missing} bytes too early; it was cut, copy the bundle again"
    )]
    Cut {
        /// The path inside the bundle where it ends.
        entry: String,
        /// Bytes of this part that are not there.
        missing: u64,
    },
    /// It goes on after its end, or holds a file the index does not list.
    #[error(
        "{entry}: {what} that the signed index does not list; the bundle was altered, copy it again"
    )]
    Extra {
        /// Where.
        entry: String,
        /// What was found there.
        what: String,
    },
    /// The first bytes are not those of a bundle.
    #[error("{entry}: this is not a bundle, or its head is damaged: {reason}")]
    Head {
        /// Which part of the head.
        entry: &'static str,
        /// Expected and found.
        reason: String,
    },
    /// The index is signed, and still breaks a rule of the format.
    #[error(
        "bundle.json breaks the format: {0}; the bundle was made by a faulty or hostile program"
    )]
    Invalid(String),
    /// The medium cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// File, or entry inside a bundle.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It cannot be written where it was to go.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// A manifest that the index lists in good faith, and that programs could read differently or no cluster takes.
    #[error(
        "{path}: {reason}. The list of objects cannot be relied on for such a file; the bundle comes from an older or another program: mend the file, and build the bundle again"
    )]
    Unfit {
        /// The path inside the bundle.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No trusted key made the signature.
    #[error("no trusted signature: bundle.json carries a signature that says it is by key {claimed}, and none of the trusted keys ({}) made it; ask the producer for the public key, or for a bundle that was not altered", list(.trusted))]
    Untrusted {
        /// The key id on the medium, a hint only.
        claimed: KeyId,
        /// The ids of the keys that were tried.
        trusted: Vec<KeyId>,
    },
    /// A format this program does not know.
    #[error("the bundle has format {0:?}, this program reads {expected:?}; use the version of the program that made it", expected = super::FORMAT)]
    Version(String),
}

/// Whose fault an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The content is altered, cut or malformed.
    Integrity,
    /// The medium or disk failed.
    Medium,
    /// No trusted signature.
    Signature,
    /// The name of an output, which is the user's choice.
    User,
}

impl Error {
    /// Whose fault it is. No bundle error is mended by trying again with the same bytes.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Untrusted { .. } => Blame::Signature,
            Self::Output(output::Error::Refused { .. }) => Blame::User,
            Self::Io { .. } | Self::Output(_) => Blame::Medium,
            Self::Altered { .. }
            | Self::Cut { .. }
            | Self::Extra { .. }
            | Self::Head { .. }
            | Self::Invalid(_)
            | Self::Unfit { .. }
            | Self::Version(_) => Blame::Integrity,
        }
    }

    /// Wraps for passing through [`io::Read`].
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Takes a bundle error back out of an I/O error, or says where the I/O failed.
    pub fn from_io(error: io::Error, path: impl Into<PathBuf>) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io {
                path: path.into(),
                source,
            },
        }
    }
}

fn list(keys: &[KeyId]) -> String {
    keys.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
