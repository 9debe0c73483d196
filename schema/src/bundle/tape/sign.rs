/*! A signature is given to nothing that a reader would refuse: what was signed is opened before it is used. */

use std::io::Cursor;

use super::{INDEX_NAME, Tape};
use crate::bundle::{Error, INDEX_LIMIT, Index, KeyError, Opened, SigningKey, TrustedKeys};

impl Tape {
    /// Signs an index and lays out the bundle. What an importer could not open is refused here: the head is read back as
    /// one reads it, and must give the same index.
    pub fn sign(index: Index, key: &SigningKey) -> Result<Self, SignError> {
        let bytes = index.to_bytes()?;
        if bytes.len() as u64 > INDEX_LIMIT {
            return Err(SignError::IndexTooLarge(bytes.len()));
        }
        let signature = key.sign(&bytes)?;
        let tape = Self::new(index, bytes, &signature).map_err(SignError::Unreadable)?;
        let trusted = TrustedKeys::new(vec![key.public()])?;
        let opened = Opened::pipe(Box::new(Cursor::new(tape.head.clone())), INDEX_NAME);
        let verified = opened
            .and_then(|opened| opened.verify(&trusted))
            .map_err(SignError::Unreadable)?;
        if *verified.index() != tape.index {
            let reason = "it reads back as another".to_owned();
            return Err(SignError::Unreadable(Error::Invalid(reason)));
        }
        Ok(tape)
    }
}

/// Why an index cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It cannot be written down.
    #[error(transparent)]
    Bundle(#[from] Error),
    /// No reader would take it.
    #[error(
        "bundle.json would have {0} bytes, more than the 32 MiB a reader takes; part the images over several bundles"
    )]
    IndexTooLarge(usize),
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An importer would refuse it.
    #[error(
        "no importer could open this bundle, so it is not made: {0}; this is a fault of this program, please report it"
    )]
    Unreadable(Error),
}
