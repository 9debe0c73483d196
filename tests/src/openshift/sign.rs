/*!
Release signatures by throw-away keys.

A cluster takes a release whose digest somebody signed with OpenPGP: an inline-signed message around a few lines of JSON
(containers "atomic container signature"; library-go `pkg/verify`). The keys here come from a seed, dates included, so a
payload that carries one has the same digest in every run. They protect nothing.
*/

use anyhow::{Context, Result};
use pgp::{
    composed::{
        ArmorOptions, KeyType, MessageBuilder, SignedKeyDetails, SignedSecretKey, SubpacketConfig,
    },
    packet::{
        KeyFlags, PacketTrait, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType,
        Subpacket, SubpacketData, UserId,
    },
    types::{
        CompressionAlgorithm, Duration, KeyDetails, KeyVersion, Password, SignedUser, SigningKey,
        Timestamp,
    },
};
use rand_core::{CryptoRng, RngCore};
use schema::Digest;
use serde_json::json;

use crate::images::Random;

/// 2024-01-01, when every key and signature here was made.
const MADE: u32 = 1_704_067_200;

/// Validity of an expired key, from [`MADE`] on: an hour.
const SHORT: u32 = 3600;

/// Somebody who signs releases.
#[derive(Debug, Clone)]
pub struct Signer {
    key: SignedSecretKey,
}

/// How a signed message is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Leave the ZIP compression out that Red Hat's signatures have.
    pub plain: bool,
    /// Let the signature itself run out an hour after it was made, years ago.
    pub expired: bool,
}

impl Signer {
    /// An Ed25519 key, the quick kind. Same seed, same key.
    pub fn new(seed: u64) -> Result<Self> {
        Self::make(seed, &KeyType::Ed25519Legacy, None)
    }

    /// An RSA key of 2048 bits, the kind that Red Hat uses; takes about a second. Same seed, same key.
    pub fn rsa(seed: u64) -> Result<Self> {
        Self::make(seed, &KeyType::Rsa(2048), None)
    }

    /// An Ed25519 key that expired years ago, an hour after it was made. Clusters take its signatures all the same.
    pub fn expired(seed: u64) -> Result<Self> {
        Self::make(seed, &KeyType::Ed25519Legacy, Some(SHORT))
    }

    /// The public key in ASCII armor, as `verifier-public-key-…` and `--release-key` take it.
    pub fn public_armored(&self) -> Result<String> {
        let public = self.key.to_public_key();
        Ok(public.to_armored_string(ArmorOptions::default())?)
    }

    /// The fingerprint, 40 hexadecimal digits in lower case.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.key.primary_key.fingerprint().as_bytes())
    }

    /// A signature for a manifest digest under a name, packed as Red Hat's are. Same arguments, same bytes.
    pub fn sign(&self, digest: &Digest, identity: &str) -> Result<Vec<u8>> {
        self.seal(claim(digest, identity).as_bytes(), Envelope::default())
    }

    /// A signed message around any content, for what [`Self::sign`] would never sign.
    pub fn seal(&self, content: &[u8], envelope: Envelope) -> Result<Vec<u8>> {
        let key = &self.key.primary_key;
        let mut hashed = origin(key)?;
        if envelope.expired {
            hashed.push(Subpacket::regular(SubpacketData::SignatureExpirationTime(
                Duration::from_secs(SHORT),
            ))?);
        }
        let subpackets = SubpacketConfig::UserDefined {
            hashed,
            unhashed: issuer(key)?,
        };
        let mut message = MessageBuilder::from_bytes("", content.to_vec());
        message.sign_with_subpackets(key, Password::empty(), key.hash_alg(), subpackets);
        if !envelope.plain {
            message.compression(CompressionAlgorithm::ZIP);
        }
        message
            .to_vec(Seeded(Random::new(0)))
            .context("cannot sign")
    }

    fn make(seed: u64, kind: &KeyType, lifetime: Option<u32>) -> Result<Self> {
        let (public, secret) = kind.generate(Seeded(Random::new(seed)))?;
        let made = Timestamp::from_secs(MADE);
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), made, None, public)?;
        let public = PublicKey::from_inner(inner)?;
        let key = SecretKey::new(public.clone(), secret)?;

        let name = format!("Throw-away release key {seed} <nobody@example.com>");
        let user = UserId::from_str(Default::default(), name)?;
        let mut uses = KeyFlags::default();
        uses.set_certify(true);
        uses.set_sign(true);
        let positive = SignatureType::CertPositive;
        let mut itself = SignatureConfig::v4(positive, key.algorithm(), key.hash_alg());
        itself.hashed_subpackets = origin(&key)?;
        itself.hashed_subpackets.extend([
            Subpacket::regular(SubpacketData::KeyFlags(uses))?,
            Subpacket::regular(SubpacketData::IsPrimary(true))?,
        ]);
        if let Some(seconds) = lifetime {
            let lifetime = SubpacketData::KeyExpirationTime(Duration::from_secs(seconds));
            itself.hashed_subpackets.push(Subpacket::regular(lifetime)?);
        }
        itself.unhashed_subpackets = issuer(&key)?;
        let signature =
            itself.sign_certification(&key, &public, &Password::empty(), user.tag(), &user)?;
        let details = SignedKeyDetails::new(
            Vec::new(),
            Vec::new(),
            vec![SignedUser::new(user, vec![signature])],
            Vec::new(),
        );
        Ok(Self {
            key: SignedSecretKey::new(key, details, Vec::new(), Vec::new()),
        })
    }
}

/// What a release signature says: this digest bears this name (containers-signature(5)).
pub fn claim(digest: &Digest, identity: &str) -> String {
    json!({
        "critical": {
            "type": "atomic container signature",
            "image": {"docker-manifest-digest": digest},
            "identity": {"docker-reference": identity},
        },
        "optional": {"creator": "a throw-away key", "timestamp": MADE},
    })
    .to_string()
}

fn origin(key: &SecretKey) -> Result<Vec<Subpacket>> {
    let made = SubpacketData::SignatureCreationTime(Timestamp::from_secs(MADE));
    Ok(vec![
        Subpacket::regular(made)?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ])
}

fn issuer(key: &SecretKey) -> Result<Vec<Subpacket>> {
    let id = SubpacketData::IssuerKeyId(key.legacy_key_id());
    Ok(vec![Subpacket::regular(id)?])
}

/// Random numbers that are anything but: for keys that have to be the same tomorrow.
struct Seeded(Random);

impl RngCore for Seeded {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.number()
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        into.copy_from_slice(&self.0.bytes(into.len()));
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(into);
        Ok(())
    }
}

impl CryptoRng for Seeded {}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, path::Path};

    use super::*;
    use crate::{needs, process::Program};

    const IDENTITY: &str = "quay.io/openshift-release-dev/ocp-release:4.3.0-x86_64";

    /// GnuPG reads what was signed out of every kind of message, and says whose key it was.
    #[test]
    fn gnupg_takes_the_signatures() -> Result<()> {
        let gpg = needs!("gpg");
        let digest = Digest::of(b"a release");
        let claim = claim(&digest, IDENTITY);
        let plain = Envelope {
            plain: true,
            ..Envelope::default()
        };
        for (signer, envelope) in [
            (Signer::new(1)?, Envelope::default()),
            (Signer::new(1)?, plain),
            (Signer::rsa(1)?, Envelope::default()),
        ] {
            let message = signer.seal(claim.as_bytes(), envelope)?;
            let (status, said) = decrypt(&gpg, &signer, &message)?;
            assert_eq!(said, claim);
            let good = format!("VALIDSIG {}", signer.fingerprint().to_uppercase());
            assert!(status.contains(&good), "{status}");
            let (status, _) = decrypt(&gpg, &Signer::new(9)?, &message)?;
            assert!(
                status.contains("NO_PUBKEY") && !status.contains("VALIDSIG"),
                "{status}"
            );
        }
        Ok(())
    }

    #[test]
    fn gnupg_sees_what_has_expired() -> Result<()> {
        let gpg = needs!("gpg");
        let expired = Envelope {
            expired: true,
            ..Envelope::default()
        };
        let (signer, old) = (Signer::new(1)?, Signer::expired(1)?);
        let (status, _) = decrypt(&gpg, &signer, &signer.seal(b"{}", expired)?)?;
        assert!(status.contains("EXPSIG"), "{status}");
        let (status, _) = decrypt(&gpg, &old, &old.seal(b"{}", Envelope::default())?)?;
        assert!(status.contains("EXPKEYSIG"), "{status}");
        Ok(())
    }

    /// What GnuPG reports, and the content, with nobody's key but this signer's.
    fn decrypt(gpg: &Path, signer: &Signer, message: &[u8]) -> Result<(String, String)> {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        let run = |args: &[&str]| {
            let home = [OsStr::new("--homedir"), directory.path().as_os_str()];
            let program = Program::at(gpg)?
                .args(home)
                .args(["--batch", "--no-autostart"]);
            program.args(args).args([at("input")]).run()
        };
        fs::write(at("input"), signer.public_armored()?)?;
        run(&["--import"])?.expect_code(0)?;
        fs::write(at("input"), message)?;
        let content = at("content");
        let status = run(&[
            "--status-fd=1",
            "--output",
            &content.display().to_string(),
            "--decrypt",
        ])?;
        let content = fs::read_to_string(content).unwrap_or_default();
        Ok((status.text(), content))
    }
}
