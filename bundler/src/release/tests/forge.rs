/*! Throw-away keys and messages, the same in every run: Ed25519 keys from fixed seeds, packets put together by hand. */

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::DeflateEncoder, write::ZlibEncoder};
use pgp::{
    crypto::{ed25519, eddsa_legacy, hash::HashAlgorithm, public_key::PublicKeyAlgorithm},
    packet::{
        KeyFlags, PacketHeader, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey,
        Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
    },
    ser::Serialize,
    types::{
        Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, PlainSecretParams,
        PublicParams, SecretParams, SigningKey, Tag, Timestamp,
    },
};
use schema::Digest;

pub(super) type Made<T> = Result<T, Box<dyn std::error::Error>>;

/// 2024-02-26, when all of this is signed.
pub(super) const SIGNED: u32 = 1_708_963_212;
const MADE: u32 = SIGNED - 1_000_000;

/// A primary key with one signing subkey.
pub(super) struct Party {
    pub primary: SecretKey,
    pub subkey: SecretSubkey,
}

impl Party {
    pub(super) fn new(seed: u8) -> Made<Self> {
        let (inner, secret) = material(seed)?;
        let primary = SecretKey::new(PublicKey::from_inner(inner)?, secret)?;
        let (inner, secret) = material(seed + 100)?;
        let subkey = SecretSubkey::new(PublicSubkey::from_inner(inner)?, secret)?;
        Ok(Self { primary, subkey })
    }

    pub(super) fn fingerprint(&self) -> String {
        format!("{:X}", self.primary.fingerprint())
    }

    /// The plainest certificate: a key and its name.
    pub(super) fn certificate(&self) -> Made<Vec<u8>> {
        self.certificate_with(self.about_itself(true, Vec::new())?, Vec::new())
    }

    /// A certificate with a self-signature of the name, and what follows it.
    pub(super) fn certificate_with(&self, own: Signature, more: Vec<Vec<u8>>) -> Made<Vec<u8>> {
        let key = packet(Tag::PublicKey, self.primary.public_key())?;
        Ok([
            key,
            packet(Tag::UserId, &name()?)?,
            sealed(&own)?,
            more.concat(),
        ]
        .concat())
    }

    pub(super) fn about_itself(&self, sign: bool, more: Vec<SubpacketData>) -> Made<Signature> {
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(sign);
        let more = [vec![SubpacketData::KeyFlags(flags)], more].concat();
        let config = config(SignatureType::CertPositive, &self.primary, more)?;
        let (key, none) = (&self.primary, Password::empty());
        Ok(config.sign_certification(key, key.public_key(), &none, Tag::UserId, &name()?)?)
    }

    /// The subkey and its binding, with or without its own word for it.
    pub(super) fn bound_subkey(&self, back: bool) -> Made<Vec<u8>> {
        let (key, subkey, none) = (&self.primary, &self.subkey, Password::empty());
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        let mut more = vec![SubpacketData::KeyFlags(flags)];
        if back {
            let config = config(SignatureType::KeyBinding, subkey, Vec::new())?;
            let embedded = config.sign_primary_key_binding(
                subkey,
                subkey.public_key(),
                &none,
                key.public_key(),
            )?;
            more.push(SubpacketData::EmbeddedSignature(Box::new(embedded)));
        }
        let config = config(SignatureType::SubkeyBinding, key, more)?;
        let binding =
            config.sign_subkey_binding(key, key.public_key(), &none, subkey.public_key())?;
        let subkey = packet(Tag::PublicSubkey, subkey.public_key())?;
        Ok([subkey, sealed(&binding)?].concat())
    }

    pub(super) fn revoked_subkey(&self) -> Made<Vec<u8>> {
        let (key, none) = (&self.primary, Password::empty());
        let config = config(SignatureType::SubkeyRevocation, key, Vec::new())?;
        let subkey = self.subkey.public_key();
        sealed(&config.sign_subkey_binding(key, key.public_key(), &none, subkey)?)
    }

    pub(super) fn revocation(&self) -> Made<Vec<u8>> {
        let (key, none) = (&self.primary, Password::empty());
        let config = config(SignatureType::KeyRevocation, key, Vec::new())?;
        sealed(&config.sign_key(key, &none, key.public_key())?)
    }

    /// An uncompressed message as `gpg --sign` makes it, about a release.
    pub(super) fn claims(&self, digest: &Digest, reference: &str) -> Made<Vec<u8>> {
        let body = claim(digest, reference);
        let signature = signature(
            &self.primary,
            body.as_bytes(),
            HashAlgorithm::Sha256,
            Vec::new(),
        )?;
        message(&signature, &literal(b'b', "", 0, body.as_bytes()))
    }
}

pub(super) fn claim(digest: &Digest, reference: &str) -> String {
    format!(
        r#"{{"critical":{{"type":"atomic container signature","image":{{"docker-manifest-digest":"{digest}"}},"identity":{{"docker-reference":"{reference}"}}}}}}"#
    )
}

/// Signs a document.
pub(super) fn signature(
    key: &impl SigningKey,
    body: &[u8],
    hash: HashAlgorithm,
    more: Vec<Subpacket>,
) -> Made<Signature> {
    let mut config = config(SignatureType::Binary, key, Vec::new())?;
    config.hash_alg = hash;
    config.hashed_subpackets.extend(more);
    Ok(config.sign(key, &Password::empty(), body)?)
}

/// The same in version 3, which rPGP reads but does not write.
pub(super) fn signature_v3(key: &impl SigningKey, body: &[u8]) -> Made<Signature> {
    let (hash, binary) = (HashAlgorithm::Sha256, SignatureType::Binary);
    let mut hasher = hash.new_hasher()?;
    hasher.update(body);
    hasher.update(&[u8::from(binary)]);
    hasher.update(&SIGNED.to_be_bytes());
    let digest = hasher.finalize();
    let bytes = key.sign(&Password::empty(), hash, &digest)?;
    Ok(Signature::v3(
        PacketHeader::new_fixed(Tag::Signature, 0),
        binary,
        key.algorithm(),
        hash,
        Timestamp::from_secs(SIGNED),
        key.legacy_key_id(),
        [digest[0], digest[1]],
        bytes,
    ))
}

/// One-pass signature, literal, signature.
pub(super) fn message(signature: &Signature, literal: &[u8]) -> Made<Vec<u8>> {
    Ok([
        opening(signature)?,
        wrapped(11, literal),
        sealed(signature)?,
    ]
    .concat())
}

pub(super) fn opening(signature: &Signature) -> Made<Vec<u8>> {
    let config = signature.config().ok_or("no config")?;
    let algorithms = [
        config.typ.into(),
        config.hash_alg.into(),
        config.pub_alg.into(),
    ];
    let key = *signature.issuer_key_id().first().ok_or("no issuer")?;
    Ok(wrapped(
        4,
        &[&[3], algorithms.as_slice(), key.as_ref(), &[1]].concat(),
    ))
}

pub(super) fn literal(format: u8, name: &str, date: u32, body: &[u8]) -> Vec<u8> {
    let head = [format, name.len() as u8];
    [&head, name.as_bytes(), &date.to_be_bytes(), body].concat()
}

/// A packet in today's framing.
pub(super) fn wrapped(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[0xc0 | tag, 0xff], length.as_slice(), body].concat()
}

pub(super) fn sealed(signature: &Signature) -> Made<Vec<u8>> {
    packet(Tag::Signature, signature)
}

/// As GnuPG compresses: raw deflate, the packet's length left open.
pub(super) fn zipped(plain: &[u8]) -> Made<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(vec![0xa3, 1], Compression::default());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

pub(super) fn zlibbed(plain: &[u8]) -> Made<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(vec![2], Compression::default());
    encoder.write_all(plain)?;
    Ok(wrapped(8, &encoder.finish()?))
}

/// ASCII armor without a checksum, which newer software leaves out.
pub(super) fn armored(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .filter_map(|at| text.get(at..text.len().min(at + 64)))
        .collect();
    let label = "PGP PUBLIC KEY BLOCK";
    format!(
        "-----BEGIN {label}-----\n\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

pub(super) fn lifetime(seconds: u32) -> Made<Subpacket> {
    let life = SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds));
    Ok(Subpacket::regular(life)?)
}

fn packet(tag: Tag, content: &impl Serialize) -> Made<Vec<u8>> {
    let mut body = Vec::new();
    content.to_writer(&mut body)?;
    Ok(wrapped(tag.into(), &body))
}

fn name() -> Made<UserId> {
    Ok(UserId::from_str(
        PacketHeaderVersion::New,
        "Nobody <nobody@example.com>",
    )?)
}

fn config(
    typ: SignatureType,
    key: &impl SigningKey,
    more: Vec<SubpacketData>,
) -> Made<SignatureConfig> {
    let mut config = SignatureConfig::v4(typ, key.algorithm(), HashAlgorithm::Sha256);
    let own = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(SIGNED)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    for data in own.into_iter().chain(more) {
        config.hashed_subpackets.push(Subpacket::regular(data)?);
    }
    let issuer = SubpacketData::IssuerKeyId(key.legacy_key_id());
    config.unhashed_subpackets.push(Subpacket::regular(issuer)?);
    Ok(config)
}

fn material(seed: u8) -> Made<(PubKeyInner, SecretParams)> {
    let secret = ed25519::SecretKey::try_from_bytes([seed; 32], ed25519::Mode::EdDSALegacy)?;
    let plain = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
    let public = PublicParams::try_from(&plain)?;
    let made = Timestamp::from_secs(MADE);
    let algorithm = PublicKeyAlgorithm::EdDSALegacy;
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, made, None, public)?;
    Ok((inner, SecretParams::Plain(plain)))
}
