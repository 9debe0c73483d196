/*! Why a file is no keyring, and why a message is no signature. */

/// The most bytes a key file may have: 1 MiB.
pub const KEYRING_LIMIT: u64 = 1 << 20;

/// Why a file is no keyring. The operator's to mend, or the payload's maker's where the key came with a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// An X.509 certificate.
    #[error(
        "this is a certificate, and an OpenPGP public key belongs here, such as /etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release"
    )]
    Certificate,
    /// Nothing in it.
    #[error("the key file is empty; expected an OpenPGP public key")]
    Empty,
    /// GnuPG's own format.
    #[error(
        "this is a GnuPG keybox, and an exported OpenPGP public key belongs here; write one with `gpg --export KEY`"
    )]
    Keybox,
    /// Cut or altered.
    #[error("the OpenPGP key is damaged ({0}); export it again with `gpg --export KEY`")]
    Malformed(&'static str),
    /// A message or signature.
    #[error(
        "this is an OpenPGP message or signature, and an OpenPGP public key belongs here; write one with `gpg --export KEY`"
    )]
    Message,
    /// Something else.
    #[error(
        "not an OpenPGP public key; expected what `gpg --export` writes, with or without --armor"
    )]
    NotOpenPgp,
    /// Ours, for bundles.
    #[error(
        "this is a key in PEM form, and an OpenPGP public key belongs here; PEM keys verify bundles, not releases"
    )]
    Pem,
    /// The half that never leaves its owner.
    #[error(
        "this is a secret OpenPGP key, and the public key belongs here; write it with `gpg --export KEY`"
    )]
    Secret,
    /// A device, a pipe, a directory.
    #[error("not a regular file; name a file that holds an OpenPGP public key")]
    Special,
    /// An OpenSSH key.
    #[error("this is an OpenSSH key, and an OpenPGP public key belongs here")]
    Ssh,
    /// No key is that large.
    #[error("the key file has more than 1 MiB; expected an OpenPGP public key")]
    TooLarge,
    /// The system refused.
    #[error("cannot read the file: {0}; check its name and its permissions")]
    Unreadable(String),
    /// Keys, but none to verify with.
    #[error("none of the OpenPGP keys can verify release signatures; expected a key of version 4")]
    Unusable,
}

/// Why a message is no signature by the keyring. Each reads on from the name of the signature: `…/signature-1: REASON`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Text where stores hold bytes.
    #[error("it is armored text, and stores hold binary OpenPGP messages")]
    Armored,
    /// More than any signature needs.
    #[error("it unpacks to more than 64 KiB")]
    Bomb,
    /// A compression that is left out on purpose.
    #[error(
        "it is compressed with bzip2, which is not supported; sign it with --compress-algo zip"
    )]
    Bzip2,
    /// Damaged, or a compression nobody uses.
    #[error("it cannot be unpacked")]
    Compression,
    /// Its own life is over.
    #[error("the signature by key {0} has expired")]
    Expired(String),
    /// Not one-pass signature, literal data, signature.
    #[error(
        "it is not an OpenPGP message with exactly one inline signature (as `gpg --sign` makes)"
    )]
    Form,
    /// Nobody can have made it yet.
    #[error(
        "the signature by key {0} is dated in the future, and does not count before; check this machine's clock"
    )]
    Future(String),
    /// Collisions are known.
    #[error("it is signed over a {0} hash, which is too weak; SHA-224 or better was expected")]
    Hash(String),
    /// Parts that the signature does not cover do not fit what it does.
    #[error(
        "parts of it that the signature does not cover do not fit it: it was altered, or made by an unusual program"
    )]
    Loose,
    /// No packets at all.
    #[error("it is not an OpenPGP message, or it is cut short")]
    NotOpenPgp,
    /// A certification, a revocation, a timestamp.
    #[error("it is an OpenPGP signature, but not one over a document")]
    Purpose,
    /// Nobody's.
    #[error("it is signed by key {0}, which is not among these keys")]
    Stranger(String),
    /// More than 50 KiB.
    #[error("it has more than 50 KiB")]
    TooLarge,
    /// The key signed, but does not count.
    #[error("it is signed by key {0}, which {1}")]
    Unfit(String, &'static str),
    /// Critical parts that are not understood, or no time of signing.
    #[error(
        "it has no time of signing, or says that it must not be accepted without features unknown here"
    )]
    Unknown,
    /// Version 2, 5, 6 and whatever comes.
    #[error(
        "it is a signature of a version that clusters do not read; versions 3 and 4 were expected"
    )]
    Version,
    /// Altered, or signed by another key of the same id.
    #[error("it is not what key {0} signed: it was altered")]
    Wrong(String),
}
