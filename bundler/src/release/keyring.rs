/*!
The OpenPGP keys that may sign releases, and the one question put to them: who signed this, and what did they say?

The rules are those of the cluster-version operator (library-go `pkg/verify`): a key that is revoked or not meant for signing
does not count, one that has expired does, since releases outlive keys. Stricter than there: no signature by an RSA or DSA
key of fewer than 2048 bits, none from the future, none over a hash for which collisions are known, and of what a signature does not cover, nothing that does not fit it (module `message`).
*/

use std::{fs::File, io::Read as _, path::Path};

use jiff::Timestamp;
use pgp::packet::SubpacketData;
use rustix::fs::{Mode, OFlags};

use super::{
    certificate::{self, Key},
    message::Message,
};

/// The most bytes a key file may have: 1 MiB.
pub const KEYRING_LIMIT: u64 = 1 << 20;

/// Seconds by which a signer's clock may be ahead of this one: fifteen minutes.
const CLOCKS_DIFFER: i64 = 15 * 60;

/// One or more OpenPGP public keys, of which any may sign.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<Key>);

/// What a good signature told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The signed bytes, at most 64 KiB.
    pub body: Vec<u8>,
    /// The signer: the fingerprint of its primary key in upper-case hex, also where a subkey signed.
    pub fingerprint: String,
}

impl Keyring {
    /// Reads a regular file of at most 1 MiB, as [`Keyring::from_bytes`].
    pub fn read(path: &Path) -> Result<Self, KeyringError> {
        let unreadable = |error: std::io::Error| KeyringError::Unreadable(error.to_string());
        // Not to wait for whoever writes into a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| unreadable(error.into()))?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(KeyringError::Special);
        }
        let mut bytes = Vec::new();
        file.take(KEYRING_LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Self::from_bytes(&bytes)
    }

    /// Reads keys as `gpg --export` writes them, with or without `--armor`, and as many as there are. Text around armored
    /// blocks is left out; keys of a version or algorithm that cannot be used are too, as long as one can.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() as u64 > KEYRING_LIMIT {
            return Err(KeyringError::TooLarge);
        }
        certificate::read_all(bytes).map(Self)
    }

    /// The primary keys' fingerprints in upper-case hex, in the file's order.
    pub fn fingerprints(&self) -> Vec<String> {
        let mut all: Vec<String> = self.0.iter().map(|key| key.primary.clone()).collect();
        all.dedup();
        all
    }

    /// Checks an inline-signed message of at most 50 KiB. `now` is held against the signature's own expiry, not the key's.
    pub fn verify(&self, message: &[u8], now: Timestamp) -> Result<Signed, SignatureError> {
        self.judge(&Message::open(message)?, now)
    }

    pub(super) fn judge(
        &self,
        message: &Message,
        now: Timestamp,
    ) -> Result<Signed, SignatureError> {
        let id = || message.key.to_string().to_uppercase();
        let mut candidates = self.0.iter().filter(|key| key.id == message.key).peekable();
        if candidates.peek().is_none() {
            return Err(SignatureError::Stranger(id()));
        }
        let mut refusal = SignatureError::Wrong(id());
        for key in candidates {
            if !key.made(&message.signature, &message.body) {
                continue;
            }
            match key.unfit {
                Some(reason) => refusal = SignatureError::Unfit(id(), reason),
                None if expired(message, now) => refusal = SignatureError::Expired(id()),
                None if ahead(message, now) => refusal = SignatureError::Future(id()),
                None => {
                    return Ok(Signed {
                        body: message.body.clone(),
                        fingerprint: key.primary.clone(),
                    });
                }
            }
        }
        Err(refusal)
    }
}

/// Whether the signature was made later than any clock that is only a little wrong would have it.
fn ahead(message: &Message, now: Timestamp) -> bool {
    let created = message.signature.created().map_or(0, |time| time.as_secs());
    i64::from(created) > now.as_second() + CLOCKS_DIFFER
}

/// Whether the signer gave the signature a life that is over. A lifetime of zero is none.
fn expired(message: &Message, now: Timestamp) -> bool {
    let created = message.signature.created().map_or(0, |time| time.as_secs());
    let packets = message.signature.config().into_iter();
    let mut lives = packets
        .flat_map(|config| config.hashed_subpackets())
        .filter_map(|packet| match packet.data {
            SubpacketData::SignatureExpirationTime(life) => Some(life.as_secs()),
            _ => None,
        })
        .filter(|life| *life > 0);
    lives.any(|life| i64::from(created) + i64::from(life) < now.as_second())
}

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
