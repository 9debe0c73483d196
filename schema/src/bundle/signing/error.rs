/*! Why a key cannot be used. What a program has against it, a flag or a command, that program adds. */

use std::fmt;

impl KeyError {
    pub(crate) fn malformed(error: impl fmt::Display) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Why a key cannot be used. All are faults of the input; none is mended by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Opening it would take more memory or time than a key may.
    #[error(
        "the key is locked with {0}; lock it again with less, as with openssl pkcs8 -topk8 -iter 1000000"
    )]
    Cost(String),
    /// Not a key id.
    #[error("{0:?} is not a key id: expected 16 lower-case hex digits")]
    Id(String),
    /// Not an Ed25519 key in PEM.
    #[error("not an Ed25519 key in PEM form ({0}); `openssl genpkey -algorithm ed25519` makes one")]
    Malformed(String),
    /// Nobody is trusted.
    #[error("no trusted key was given; the producer's public key is needed")]
    NoKeys,
    /// An OpenPGP key or message.
    #[error(
        "this is an OpenPGP file, and an Ed25519 key in PEM form belongs here; OpenPGP keys verify releases, not bundles"
    )]
    OpenPgp,
    /// An OpenSSH key.
    #[error("this is an OpenSSH key, and an Ed25519 key in PEM form belongs here")]
    OpenSsh,
    /// It does not open the key.
    #[error("the passphrase does not open the key")]
    Passphrase,
    /// The key is encrypted.
    #[error("the key is encrypted and no passphrase was given")]
    PassphraseMissing,
    /// A secret where everybody may read.
    #[error(
        "this is a private key, and the public key belongs here: KEY.pub.pem; a private key never has to cross the gap"
    )]
    Private,
    /// The wrong half.
    #[error("this is a public key, and the private key belongs here")]
    Public,
    /// No fresh key.
    #[error("the system gave no random bytes for a key: {0}")]
    Randomness(String),
    /// The system refused.
    #[error("cannot read the file: {0}; check its name and its permissions")]
    Unreadable(String),
}
