/*!
Opens a signed OpenPGP message: `[compressed] one-pass signature, literal data, signature`, and nothing besides.

That is the one form which clusters read (Go's openpgp), so it is the one accepted. OpenPGP leaves much of a message outside
of what the signature covers. Whatever of that has to agree with something else is compared here or refused, so that an
altered byte is noticed; what is free by nature are the letters of the literal's file name and, within limits, its date.
*/

use std::ops::RangeInclusive;

use flate2::{Decompress, FlushDecompress, Status};
use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{PacketHeader, Signature, SignatureType, SignatureVersion, Subpacket, SubpacketData},
    ser::Serialize as _,
    types::{KeyId, Tag},
};

use super::{
    error::SignatureError,
    packets::{self, Packet, tag},
};

/// The most bytes a signature may have: 50 KiB, as cluster-version operators read.
pub const MESSAGE_LIMIT: usize = 50 << 10;

/// The most bytes a compressed message may grow to.
const PLAIN_LIMIT: usize = 64 << 10;

/// Seconds by which a signature may be younger than its literal. Signers that date the literal at all give the current time.
const AGES: RangeInclusive<i64> = -60..=3600;

/// A message whose parts agree with each other. Whether the signature is good is yet to be seen.
#[derive(Debug)]
pub struct Message {
    /// The id of the key that is named as the signer; for version-4 signatures too, from the one-pass packet.
    pub key: KeyId,
    /// The signature over `body`.
    pub signature: Signature,
    /// What was signed.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads the one form that is allowed.
    pub fn open(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MESSAGE_LIMIT {
            return Err(SignatureError::TooLarge);
        }
        if bytes.starts_with(b"-----BEGIN PGP") {
            return Err(SignatureError::Armored);
        }
        let outer = packets::split(bytes).ok_or(SignatureError::NotOpenPgp)?;
        match outer.as_slice() {
            [packet] if packet.tag == tag::COMPRESSED => {
                let plain = decompress(&packet.body)?;
                let inner = packets::split(&plain).ok_or(SignatureError::NotOpenPgp)?;
                Self::assemble(&inner)
            }
            packets => Self::assemble(packets),
        }
    }

    fn assemble(packets: &[Packet<'_>]) -> Result<Self, SignatureError> {
        let [opening, literal, closing] = packets else {
            return Err(SignatureError::Form);
        };
        let tags = [opening.tag, literal.tag, closing.tag];
        if tags != [tag::ONE_PASS_SIGNATURE, tag::LITERAL, tag::SIGNATURE] {
            return Err(SignatureError::Form);
        }
        let opening = OnePass::read(&opening.body)?;
        let signature = read_signature(&closing.body)?;
        opening.agree(&signature)?;
        let body = read_literal(&literal.body, &signature)?;
        Ok(Self {
            key: opening.key,
            signature,
            body,
        })
    }
}

/// Inflates at most [`PLAIN_LIMIT`] bytes, and insists that all of the input was needed for them.
fn decompress(body: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let (zlib, deflated) = match body.split_first() {
        Some((1, rest)) => (false, rest),
        Some((2, rest)) => (true, rest),
        Some((3, _)) => return Err(SignatureError::Bzip2),
        _ => return Err(SignatureError::Compression),
    };
    let plain = inflate(deflated, zlib)?;
    // The unused bits after the end of a deflate stream (a zlib stream ends with a checksum instead).
    if let (false, Some((last, rest))) = (zlib, deflated.split_last()) {
        for bit in (0..8).map(|n| 1 << n).filter(|bit| last & bit != 0) {
            let cleared = [rest, &[last & !bit]].concat();
            if inflate(&cleared, zlib).is_ok_and(|same| same == plain) {
                return Err(SignatureError::Loose);
            }
        }
    }
    Ok(plain)
}

fn inflate(deflated: &[u8], zlib: bool) -> Result<Vec<u8>, SignatureError> {
    let mut plain = Vec::with_capacity(PLAIN_LIMIT + 1);
    let mut inflater = Decompress::new(zlib);
    let status = inflater
        .decompress_vec(deflated, &mut plain, FlushDecompress::Finish)
        .map_err(|_| SignatureError::Compression)?;
    if plain.len() > PLAIN_LIMIT {
        return Err(SignatureError::Bomb);
    }
    if status != Status::StreamEnd {
        return Err(SignatureError::Compression);
    }
    if inflater.total_in() != deflated.len() as u64 {
        return Err(SignatureError::Loose);
    }
    Ok(plain)
}

/// A one-pass signature packet of version 3 (RFC 9580 section 5.4): what to expect of the signature that follows.
struct OnePass {
    typ: u8,
    hash: u8,
    algorithm: u8,
    key: KeyId,
}

impl OnePass {
    fn read(body: &[u8]) -> Result<Self, SignatureError> {
        let fields: [u8; 13] = body.try_into().map_err(|_| SignatureError::Form)?;
        // The last byte says that no further signature packet is opened.
        let [3, typ, hash, algorithm, key @ .., 1] = fields else {
            return Err(SignatureError::Form);
        };
        Ok(Self {
            typ,
            hash,
            algorithm,
            key: KeyId::new(key),
        })
    }

    fn agree(&self, signature: &Signature) -> Result<(), SignatureError> {
        let config = signature.config().ok_or(SignatureError::Version)?;
        let same = u8::from(config.typ) == self.typ
            && u8::from(config.hash_alg) == self.hash
            && u8::from(config.pub_alg) == self.algorithm
            && config.issuer_key_id().iter().all(|id| **id == self.key);
        same.then_some(()).ok_or(SignatureError::Loose)
    }
}

/// Reads a signature of version 3 or 4 and refuses what its own rules forbid.
fn read_signature(body: &[u8]) -> Result<Signature, SignatureError> {
    let broken = |_| SignatureError::Form;
    let length = u32::try_from(body.len()).map_err(|_| SignatureError::Form)?;
    let header = PacketHeader::new_fixed(Tag::Signature, length);
    let signature = Signature::try_from_reader(header, &mut &*body).map_err(broken)?;
    let config = signature.config().ok_or(SignatureError::Version)?;
    if !matches!(
        config.version(),
        SignatureVersion::V3 | SignatureVersion::V4
    ) {
        return Err(SignatureError::Version);
    }
    if !matches!(config.typ, SignatureType::Binary | SignatureType::Text) {
        return Err(SignatureError::Purpose);
    }
    if !strong(config.hash_alg) {
        return Err(SignatureError::Hash(config.hash_alg.to_string()));
    }
    if signature.created().is_none() || config.hashed_subpackets().any(is_unknown) {
        return Err(SignatureError::Unknown);
    }
    let harmless = |packet: &Subpacket| {
        let issuer = matches!(
            packet.data,
            SubpacketData::IssuerKeyId(_) | SubpacketData::IssuerFingerprint(_)
        );
        issuer && !packet.is_critical
    };
    if !config.unhashed_subpackets().all(harmless) {
        return Err(SignatureError::Loose);
    }
    let mut again = Vec::with_capacity(body.len());
    signature.to_writer(&mut again).map_err(broken)?;
    if !same_signature(body, &again) {
        return Err(SignatureError::Loose);
    }
    Ok(signature)
}

/// Never one for which collisions are known.
fn strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// Critical, and none of what is looked at here.
fn is_unknown(packet: &Subpacket) -> bool {
    let known = matches!(
        packet.data,
        SubpacketData::SignatureCreationTime(_)
            | SubpacketData::SignatureExpirationTime(_)
            | SubpacketData::IssuerKeyId(_)
            | SubpacketData::IssuerFingerprint(_)
    );
    packet.is_critical && !known
}

/// Whether a signature came as it is written, save that Go's openpgp counts the bits of a number up to its whole first byte.
fn same_signature(came: &[u8], written: &[u8]) -> bool {
    let same_numbers = || {
        let at = numbers_at(came)?;
        let (head, tail) = came.split_at_checked(at)?;
        let (same_head, same_tail) = written.split_at_checked(at)?;
        Some(head == same_head && numbers(tail)? == numbers(same_tail)?)
    };
    came == written || same_numbers().unwrap_or(false)
}

/// Where the numbers of a signature begin: RFC 4880 section 5.2.2 and RFC 9580 section 5.2.3.
fn numbers_at(body: &[u8]) -> Option<usize> {
    let area = |at: usize| {
        let length = body.get(at..)?.first_chunk::<2>()?;
        Some(at + 2 + usize::from(u16::from_be_bytes(*length)))
    };
    match body.first()? {
        3 => Some(19),
        4 => Some(area(area(4)?)? + 2),
        _ => None,
    }
}

/// The rest of a signature as numbers, each as its bytes (RFC 9580 section 3.2); the count of bits may be rounded up to bytes.
fn numbers(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        let (count, rest) = bytes.split_first_chunk::<2>()?;
        let bits = usize::from(u16::from_be_bytes(*count));
        let (number, rest) = rest.split_at_checked(bits.div_ceil(8))?;
        let exact = number.len() * 8 - number.first()?.leading_zeros() as usize;
        if bits != exact && bits != number.len() * 8 {
            return None;
        }
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        numbers.push(&number[zeros..]);
        bytes = rest;
    }
    Some(numbers)
}

/// The content of literal data (RFC 9580 section 5.9): format, file name, date, content.
fn read_literal(body: &[u8], signature: &Signature) -> Result<Vec<u8>, SignatureError> {
    let read = || {
        let (format, rest) = body.split_first()?;
        let (length, rest) = rest.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (date, content) = rest.split_first_chunk::<4>()?;
        Some((*format, name, u32::from_be_bytes(*date), content))
    };
    let (format, name, date, content) = read().ok_or(SignatureError::Form)?;
    // Go's openpgp marks as text what it signs as binary.
    let formats: &[u8] = match signature.typ() {
        Some(SignatureType::Text) => b"tu",
        _ => b"btu",
    };
    let created = signature.created().map_or(0, |created| created.as_secs());
    let age = i64::from(created) - i64::from(date);
    let plausible = date == 0 || AGES.contains(&age);
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b" ._-+=:@/".contains(byte);
    if !formats.contains(&format) || !name.iter().all(named) || !plausible {
        return Err(SignatureError::Loose);
    }
    Ok(content.to_vec())
}
