/*!
Reads OpenPGP public keys and settles beforehand which of them may sign.

rPGP parses the packets and checks each self-signature; what follows from them (revoked, meant for signing, bound to its primary
key) is decided here. The hash of a self-signature does not matter: Red Hat's release key is in use with SHA-1 and with SHA-256
ones, and whoever gave the file vouches for the key in it.
*/

use std::io::Read as _;

use pgp::{
    armor::{BlockType, Dearmor, DearmorOptions},
    packet::{
        PacketHeader, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData, UserId,
    },
    ser::Serialize as _,
    types::{KeyDetails as _, KeyId, KeyVersion, PublicParams, Tag, VerifyingKey},
};

use super::{
    error::{KEYRING_LIMIT, KeyringError},
    packets::{self, Packet, tag},
};

/// A primary key or subkey, and whether its signatures count.
#[derive(Debug, Clone)]
pub(super) struct Key {
    part: Part,
    /// The last 8 bytes of its own fingerprint.
    pub id: KeyId,
    /// The fingerprint of its primary key, in upper-case hex.
    pub primary: String,
    /// Why its signatures do not count, to read on from "which".
    pub unfit: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Part {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

impl Key {
    /// Whether this key made the signature over a document, and the signature names no other.
    pub(super) fn made(&self, signature: &Signature, document: &[u8]) -> bool {
        match &self.part {
            Part::Primary(key) => made(key, signature, document),
            Part::Subkey(key) => made(key, signature, document),
        }
    }
}

fn made(key: &impl VerifyingKey, signature: &Signature, document: &[u8]) -> bool {
    let own = key.fingerprint();
    let named = signature.issuer_fingerprint();
    named.into_iter().all(|named| *named == own) && signature.verify(key, document).is_ok()
}

/// All keys that can be used, of one or more certificates, armored or not.
pub(super) fn read_all(bytes: &[u8]) -> Result<Vec<Key>, KeyringError> {
    let blocks = match bytes.first() {
        None => return Err(KeyringError::Empty),
        Some(first) if first & 0x80 != 0 => vec![bytes.to_vec()],
        Some(_) => dearmor(&recognise(bytes)?)?,
    };
    let mut keys = Vec::new();
    for block in &blocks {
        let mut packets = packets::split(block).ok_or(KeyringError::Malformed(
            "its packets do not end where it does",
        ))?;
        packets.retain(|packet| !matches!(packet.tag, tag::TRUST | tag::MARKER | tag::PADDING));
        match packets.first().map(|packet| packet.tag) {
            Some(tag::PUBLIC_KEY) => {}
            Some(tag::SECRET_KEY) => return Err(KeyringError::Secret),
            _ => return Err(KeyringError::Message),
        }
        let certificates = packets.chunk_by(|_, next| next.tag != tag::PUBLIC_KEY);
        keys.extend(certificates.filter_map(read).flatten());
    }
    if keys.is_empty() {
        return Err(KeyringError::Unusable);
    }
    Ok(keys)
}

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Tells apart the files that people mistake for OpenPGP public keys.
fn recognise(bytes: &[u8]) -> Result<String, KeyringError> {
    if bytes.get(8..12) == Some(b"KBXf") {
        return Err(KeyringError::Keybox);
    }
    let text = String::from_utf8_lossy(bytes);
    match text.trim_start() {
        "" => Err(KeyringError::Empty),
        text if text.contains("-----BEGIN PGP PRIVATE KEY") => Err(KeyringError::Secret),
        text if text.contains(BEGIN) => Ok(text.to_owned()),
        text if text.contains("-----BEGIN PGP") => Err(KeyringError::Message),
        text if text.contains("-----BEGIN OPENSSH") || text.starts_with("ssh-") => {
            Err(KeyringError::Ssh)
        }
        text if text.contains("-----BEGIN CERTIFICATE") => Err(KeyringError::Certificate),
        text if text.contains("-----BEGIN ") => Err(KeyringError::Pem),
        _ => Err(KeyringError::NotOpenPgp),
    }
}

/// The bytes of every armored block.
fn dearmor(text: &str) -> Result<Vec<Vec<u8>>, KeyringError> {
    let cut = || KeyringError::Malformed("its armor has no end");
    let broken = |_| KeyringError::Malformed("its armor is not base64");
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let end = rest[start..].find(END).ok_or_else(cut)? + start + END.len();
        let options = DearmorOptions::new().set_limit(KEYRING_LIMIT as usize);
        let mut armor = Dearmor::with_options(&rest.as_bytes()[start..end], options);
        let mut block = Vec::new();
        armor.read_to_end(&mut block).map_err(broken)?;
        if armor.typ != Some(BlockType::PublicKey) || block.is_empty() {
            return Err(KeyringError::Malformed("an armored block holds no key"));
        }
        blocks.push(block);
        rest = &rest[end..];
    }
    Ok(blocks)
}

/// The keys of one certificate: the primary key's packet, then what belongs to it. `None` where it cannot be used.
fn read(packets: &[Packet<'_>]) -> Option<Vec<Key>> {
    let (first, rest) = packets.split_first()?;
    let mut body = first.body.as_ref();
    let primary = PublicKey::try_from_reader(header(Tag::PublicKey, body), &mut body).ok()?;
    if !body.is_empty() || primary.version() != KeyVersion::V4 {
        return None;
    }
    let fingerprint = format!("{:X}", primary.fingerprint());
    let mut components = rest
        .chunk_by(|_, next| next.tag == tag::SIGNATURE)
        .peekable();
    // Signatures that directly follow the primary key are about itself.
    let direct = components.next_if(|component| component[0].tag == tag::SIGNATURE);
    let own: Vec<Signature> = signatures(direct.unwrap_or_default())
        .filter(|signature| signature.verify_key(&primary).is_ok())
        .collect();
    let revoked = own
        .iter()
        .any(|own| own.typ() == Some(SignatureType::KeyRevocation));
    let mut about: Vec<Signature> = own;
    let mut subkeys = Vec::new();
    for component in components {
        let (head, tail) = component.split_first()?;
        match head.tag {
            tag::USER_ID => about.extend(certifications(&primary, head, tail)),
            tag::PUBLIC_SUBKEY => subkeys.extend(read_subkey(&primary, head, tail)),
            _ => {}
        }
    }
    let unfit = if revoked {
        Some(REVOKED)
    } else if !may_sign(&about) {
        Some(NOT_FOR_SIGNING)
    } else {
        weak(primary.public_params())
    };
    let mut keys = vec![Key {
        id: primary.legacy_key_id(),
        primary: fingerprint.clone(),
        unfit,
        part: Part::Primary(primary),
    }];
    keys.extend(subkeys.into_iter().map(|(subkey, unfit)| Key {
        id: subkey.legacy_key_id(),
        primary: fingerprint.clone(),
        unfit: if revoked { Some(REVOKED) } else { unfit },
        part: Part::Subkey(subkey),
    }));
    Some(keys)
}

const REVOKED: &str = "has been revoked";
const NOT_FOR_SIGNING: &str = "is not meant for signing";
const WEAK: &str =
    "has fewer than 2048 bits (RSA or DSA), which can be broken: its signatures do not count";
const UNBOUND: &str = "is a subkey that its primary key does not vouch for";

/// Whether the key is of a kind and size that others can compute the secret half of.
fn weak(params: &PublicParams) -> Option<&'static str> {
    let sized = matches!(params, PublicParams::RSA(_) | PublicParams::DSA(_));
    let written = sized.then(|| params.to_bytes().ok()).flatten()?;
    // The modulus comes first, and its length in bits before it (RFC 9580 sections 3.2 and 5.6).
    let bits = written
        .first_chunk()
        .map_or(0, |bits| u16::from_be_bytes(*bits));
    (bits < 2048).then_some(WEAK)
}

/// The primary key's own certifications of one of its user ids.
fn certifications(
    primary: &PublicKey,
    user: &Packet<'_>,
    packets: &[Packet<'_>],
) -> Vec<Signature> {
    let body = user.body.as_ref();
    let Ok(user) = UserId::try_from_reader(header(Tag::UserId, body), body) else {
        return Vec::new();
    };
    signatures(packets)
        .filter(|signature| signature.typ() != Some(SignatureType::CertRevocation))
        .filter(|signature| {
            let checked = signature.verify_certification(primary, Tag::UserId, &user);
            checked.is_ok()
        })
        .collect()
}

/// A subkey, and why it may not sign. It has to be bound by the primary key and, to sign, to have bound itself to that in turn.
fn read_subkey(
    primary: &PublicKey,
    subkey: &Packet<'_>,
    packets: &[Packet<'_>],
) -> Option<(PublicSubkey, Option<&'static str>)> {
    let mut body = subkey.body.as_ref();
    let subkey = PublicSubkey::try_from_reader(header(Tag::PublicSubkey, body), &mut body).ok()?;
    if !body.is_empty() || subkey.version() != KeyVersion::V4 {
        return None;
    }
    let own: Vec<Signature> = signatures(packets)
        .filter(|signature| signature.verify_subkey_binding(primary, &subkey).is_ok())
        .collect();
    let of_type = |wanted| own.iter().filter(move |own| own.typ() == Some(wanted));
    let back = |binding: &Signature| {
        let mut embedded = binding.config().into_iter().flat_map(|config| {
            let areas = config
                .hashed_subpackets()
                .chain(config.unhashed_subpackets());
            areas.filter_map(|packet| match &packet.data {
                SubpacketData::EmbeddedSignature(signature) => Some(signature),
                _ => None,
            })
        });
        embedded.any(|back| back.verify_primary_key_binding(&subkey, primary).is_ok())
    };
    let bindings: Vec<Signature> = of_type(SignatureType::SubkeyBinding).cloned().collect();
    let unfit = if of_type(SignatureType::SubkeyRevocation).next().is_some() {
        Some(REVOKED)
    } else if bindings.is_empty() {
        Some(UNBOUND)
    } else if !may_sign(&bindings) {
        Some(NOT_FOR_SIGNING)
    } else if !bindings.iter().any(back) {
        Some(UNBOUND)
    } else {
        weak(subkey.public_params())
    };
    Some((subkey, unfit))
}

/// By the key flags of the newest self-signature that has any. A key without them may sign.
fn may_sign(signatures: &[Signature]) -> bool {
    let flags = signatures.iter().filter_map(|signature| {
        let mut packets = signature.config()?.hashed_subpackets();
        let flags = packets.find_map(|packet| match &packet.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })?;
        Some((signature.created()?.as_secs(), flags))
    });
    flags.max().is_none_or(|(_, sign)| sign)
}

fn signatures<'a>(packets: &'a [Packet<'a>]) -> impl Iterator<Item = Signature> + 'a {
    let signatures = packets.iter().filter(|packet| packet.tag == tag::SIGNATURE);
    signatures.filter_map(|packet| {
        let body = packet.body.as_ref();
        Signature::try_from_reader(header(Tag::Signature, body), body).ok()
    })
}

fn header(tag: Tag, body: &[u8]) -> PacketHeader {
    PacketHeader::new_fixed(tag, u32::try_from(body.len()).unwrap_or(u32::MAX))
}
