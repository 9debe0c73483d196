/*!
Ed25519 keys in the files that `openssl` writes.

`openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` make the same bytes as we do (PKCS#8 and SPKI in PEM,
RFC 8410), and `openssl pkeyutl -verify -rawin` checks what we sign, so an auditor never has to trust this program.
*/

use std::{fmt, str::FromStr};

use ed25519_dalek::{
    Signer as _, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, KeypairBytes,
        spki::der::pem::LineEnding,
    },
};
use pkcs8::EncodePrivateKey as _;
use zeroize::Zeroizing;

use crate::{
    Digest,
    bundle::signing::{error::KeyError, passphrase},
};

/// The first 16 hex digits of the SHA-256 of a public key's SubjectPublicKeyInfo DER. A hint, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 8];
        let lower_case = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower_case => Ok(Self(bytes)),
            _ => Err(KeyError::Id(text.to_owned())),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A raw Ed25519 signature and the id of the key that claims to have made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Whose it claims to be.
    pub key: KeyId,
    /// R and S as in RFC 8032.
    pub bytes: [u8; 64],
}

/// A private key, wiped from memory when it goes. Its `Debug` shows the key id only.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Randomness(error.to_string()))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS#8 PEM, encrypted (PBES2) or not. `passphrase` is called only for an encrypted key.
    pub fn from_pem(
        text: &str,
        passphrase: impl FnOnce() -> Option<Zeroizing<String>>,
    ) -> Result<Self, KeyError> {
        recognise(text)?;
        if text.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(KeyError::Public);
        }
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            let passphrase = passphrase().ok_or(KeyError::PassphraseMissing)?;
            let plain = passphrase::unlock(text, &passphrase)?;
            return Ok(Self(
                ed25519_dalek::SigningKey::from_pkcs8_der(plain.as_bytes()).map_err(malformed)?,
            ));
        }
        Ok(Self(
            ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(malformed)?,
        ))
    }

    /// PKCS#8 PEM, version 1 as `openssl` writes and reads it; under a passphrase, encrypted (PBES2: scrypt with N = 2^17,
    /// AES-256-CBC), which `openssl` 3 does not open, for its scrypt stops at 32 MiB.
    pub fn to_pem(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        // With the public key inside it would be version 2, which OpenSSL 3.0 cannot read.
        let bytes = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let Some(passphrase) = passphrase else {
            return bytes.to_pkcs8_pem(LineEnding::LF).map_err(malformed);
        };
        let plain = bytes.to_pkcs8_der().map_err(malformed)?;
        passphrase::lock(&plain, passphrase)?
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .map_err(malformed)
    }

    /// The key that others verify with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the bytes of an index. Ed25519 is deterministic: the same index and key give the same signature.
    pub fn sign(&self, index: &[u8]) -> Result<Signature, KeyError> {
        Ok(Signature {
            key: self.public().id()?,
            bytes: self.0.sign(index).to_bytes(),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public().id())
    }
}

/// A public key that somebody decided to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads SPKI PEM.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        recognise(text)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        Ok(Self(
            VerifyingKey::from_public_key_pem(text).map_err(malformed)?,
        ))
    }

    /// SPKI PEM, as `openssl pkey -pubout` writes it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(malformed)
    }

    /// Its id.
    pub fn id(&self) -> Result<KeyId, KeyError> {
        let der = self.0.to_public_key_der().map_err(malformed)?;
        Digest::of(der.as_bytes()).hex()[..16].parse()
    }

    fn made(&self, signature: &Signature, index: &[u8]) -> bool {
        self.0
            .verify_strict(
                index,
                &ed25519_dalek::Signature::from_bytes(&signature.bytes),
            )
            .is_ok()
    }
}

/// The keys of which any suffices. Never empty: no key is a reason to refuse, not to skip.
#[derive(Debug, Clone)]
pub struct TrustedKeys(Vec<(KeyId, PublicKey)>);

impl TrustedKeys {
    /// At least one key.
    pub fn new(keys: Vec<PublicKey>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::NoKeys);
        }
        let keys = keys
            .into_iter()
            .map(|key| Ok((key.id()?, key)))
            .collect::<Result<_, KeyError>>()?;
        Ok(Self(keys))
    }

    /// The ids, for messages.
    pub fn ids(&self) -> Vec<KeyId> {
        self.0.iter().map(|(id, _)| *id).collect()
    }

    /// The trusted key that made the signature. Every key is tried: the id on the medium decides nothing.
    pub fn signer(&self, signature: &Signature, index: &[u8]) -> Option<KeyId> {
        let found = self.0.iter().find(|(_, key)| key.made(signature, index));
        found.map(|(id, _)| *id)
    }
}

/// Tells apart the files that people mistake for ours.
fn recognise(text: &str) -> Result<(), KeyError> {
    if text.contains("-----BEGIN PGP") {
        return Err(KeyError::OpenPgp);
    }
    if text.contains("-----BEGIN OPENSSH") || text.starts_with("ssh-") {
        return Err(KeyError::OpenSsh);
    }
    if !text.contains("-----BEGIN ") {
        return Err(KeyError::Malformed("no PEM block in it".to_owned()));
    }
    Ok(())
}

fn malformed(error: impl fmt::Display) -> KeyError {
    KeyError::malformed(error)
}
