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
    error::{KEYRING_LIMIT, KeyringError, SignatureError},
    message::Message,
};

/// Seconds by which a signer's clock may be ahead of this one: fifteen minutes.
const CLOCKS_DIFFER: i64 = 15 * 60;

/// One or more OpenPGP public keys, of which any may sign.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<Key>);

/// What a good signature shows.
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
        self.check(&Message::open(message)?, now)
    }

    /// [`Self::verify`] for a message that is open already.
    pub fn check(&self, message: &Message, now: Timestamp) -> Result<Signed, SignatureError> {
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
