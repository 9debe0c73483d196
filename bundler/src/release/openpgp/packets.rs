/*!
Cuts bytes into OpenPGP packets (RFC 9580 section 4.2; RFC 4880 has the same framing).

The packets' contents are rPGP's to read. The cutting is ours, since here it has to be exact: every byte belongs to a packet,
and signers in the field write partial lengths that rPGP refuses (Go's openpgp opens with chunks of less than 512 bytes).
*/

use std::borrow::Cow;

/// Packet types by their numbers in RFC 9580 section 5.
pub(super) mod tag {
    pub const SIGNATURE: u8 = 2;
    pub const ONE_PASS_SIGNATURE: u8 = 4;
    pub const SECRET_KEY: u8 = 5;
    pub const PUBLIC_KEY: u8 = 6;
    pub const COMPRESSED: u8 = 8;
    pub const MARKER: u8 = 10;
    pub const LITERAL: u8 = 11;
    pub const TRUST: u8 = 12;
    pub const USER_ID: u8 = 13;
    pub const PUBLIC_SUBKEY: u8 = 14;
    pub const PADDING: u8 = 21;
}

/// One packet, its partial lengths joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// The packet type.
    pub tag: u8,
    /// Everything after the header.
    pub body: Cow<'a, [u8]>,
}

/// All packets of `bytes`, which must end where the last packet ends. `None` where they are no such sequence.
pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        packets.push(next(&mut bytes)?);
    }
    Some(packets)
}

fn next<'a>(bytes: &mut &'a [u8]) -> Option<Packet<'a>> {
    let [first] = *take(bytes, 1)? else {
        return None;
    };
    match first >> 6 {
        0b10 => old(first, bytes),
        0b11 => new(first & 0x3f, bytes),
        _ => None,
    }
}

/// The header of RFC 1991, which GnuPG still writes.
fn old<'a>(first: u8, bytes: &mut &'a [u8]) -> Option<Packet<'a>> {
    let tag = (first >> 2) & 0x0f;
    let length = match first & 0b11 {
        0 => number(take(bytes, 1)?),
        1 => number(take(bytes, 2)?),
        2 => number(take(bytes, 4)?),
        _ if streams(tag) => bytes.len(),
        _ => return None,
    };
    let body = Cow::Borrowed(take(bytes, length)?);
    Some(Packet { tag, body })
}

fn new<'a>(tag: u8, bytes: &mut &'a [u8]) -> Option<Packet<'a>> {
    let mut parts: Vec<&'a [u8]> = Vec::new();
    loop {
        let first = number(take(bytes, 1)?);
        let (length, last) = match first {
            0..=191 => (first, true),
            192..=223 => (((first - 192) << 8) + 192 + number(take(bytes, 1)?), true),
            255 => (number(take(bytes, 4)?), true),
            _ if streams(tag) => (1 << (first & 0x1f), false),
            _ => return None,
        };
        parts.push(take(bytes, length)?);
        if last {
            break;
        }
    }
    let body = match parts.as_slice() {
        [whole] => Cow::Borrowed(*whole),
        parts => Cow::Owned(parts.concat()),
    };
    Some(Packet { tag, body })
}

/// Only data packets may leave their length open.
fn streams(tag: u8) -> bool {
    matches!(tag, tag::COMPRESSED | tag::LITERAL)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
        let packets = split(bytes)?.into_iter();
        Some(
            packets
                .map(|packet| (packet.tag, packet.body.into_owned()))
                .collect(),
        )
    }

    #[test]
    fn every_form_of_length_is_read() {
        let one = |body: &[u8]| Some(vec![(tag::LITERAL, body.to_vec())]);
        assert_eq!(bodies(b"\xac\x02ab"), one(b"ab"));
        assert_eq!(bodies(b"\xad\x00\x02ab"), one(b"ab"));
        assert_eq!(bodies(b"\xae\x00\x00\x00\x02ab"), one(b"ab"));
        assert_eq!(bodies(b"\xafab"), one(b"ab"));
        assert_eq!(bodies(b"\xcb\x02ab"), one(b"ab"));
        assert_eq!(bodies(b"\xcb\xff\x00\x00\x00\x02ab"), one(b"ab"));
        let long = [b"\xcb\xc0\x08".as_slice(), &[7; 200]].concat();
        assert_eq!(bodies(&long), one(&[7; 200]));
        // Two bytes, one byte, and none to end with.
        assert_eq!(bodies(b"\xcb\xe1ab\xe0c\x00"), one(b"abc"));
        assert_eq!(bodies(b"\xcb\x01a\xc2\x01b").map(|all| all.len()), Some(2));
        assert_eq!(bodies(b""), Some(Vec::new()));
    }

    #[test]
    fn no_byte_may_be_left_over_or_missing() {
        for bad in [
            b"\xac\x03ab".as_slice(),
            b"\xac\x01ab",
            b"\xac",
            b"\xcb\xe1ab",
            b"\xcb\xff\x00\x00",
            b"\xff\xff\xff\xff\xff\xff",
            b"hello",
        ] {
            assert_eq!(bodies(bad), None, "{bad:?}");
        }
        // A signature or key whose length is open.
        assert_eq!(bodies(b"\x8bab"), None);
        assert_eq!(bodies(b"\xc2\xe0a\x00"), None);
    }
}
