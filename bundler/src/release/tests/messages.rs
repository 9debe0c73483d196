/*! What counts as a signature, by messages made on the spot. */

use std::collections::BTreeSet;

use jiff::Timestamp;
use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{Subpacket, SubpacketData},
    types::KeyDetails as _,
};
use schema::Digest;

use super::{
    Outcome,
    forge::{self, Made, Party, SIGNED},
};
use crate::release::openpgp::SignatureError;
use crate::release::openpgp::{Keyring, Signed};

const BODY: &[u8] = b"{\"critical\":{}}";

fn ring(party: &Party) -> Made<Keyring> {
    Ok(Keyring::from_bytes(&party.certificate()?)?)
}

fn check(party: &Party, message: &[u8]) -> Made<Result<Signed, SignatureError>> {
    Ok(ring(party)?.verify(message, Timestamp::now()))
}

/// A message by the party in the plainest form, and its literal.
fn plain(party: &Party) -> Made<(Vec<u8>, Vec<u8>)> {
    let signature = forge::signature(&party.primary, BODY, HashAlgorithm::Sha256, Vec::new())?;
    let literal = forge::literal(b'b', "release.json", SIGNED, BODY);
    Ok((forge::message(&signature, &literal)?, literal))
}

#[test]
fn messages_verify_in_every_form_that_signers_write() -> Outcome {
    let party = Party::new(1)?;
    let good = Ok(Signed {
        body: BODY.to_vec(),
        fingerprint: party.fingerprint(),
    });
    let (message, _) = plain(&party)?;
    assert_eq!(check(&party, &message)?, good);
    assert_eq!(check(&party, &forge::zipped(&message)?)?, good);
    assert_eq!(check(&party, &forge::zlibbed(&message)?)?, good);
    for hash in [
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha3_512,
    ] {
        let signature = forge::signature(&party.primary, BODY, hash, Vec::new())?;
        let message = forge::message(&signature, &forge::literal(b'b', "", 0, BODY))?;
        assert_eq!(check(&party, &message)?, good, "{hash}");
    }
    let old = forge::signature_v3(&party.primary, BODY)?;
    let message = forge::message(&old, &forge::literal(b'b', "", SIGNED, BODY))?;
    assert_eq!(check(&party, &message)?, good);
    // Go: marked as text, and in pieces of which the first are tiny.
    let signature = forge::signature(&party.primary, BODY, HashAlgorithm::Sha256, Vec::new())?;
    let literal = forge::literal(b't', "", 0, BODY);
    let (first, rest) = literal.split_at(2);
    let (second, rest) = rest.split_at(4);
    let pieces = [
        b"\xcb\xe1",
        first,
        b"\xe2",
        second,
        &[rest.len() as u8],
        rest,
    ]
    .concat();
    let message = [
        forge::opening(&signature)?,
        pieces,
        forge::sealed(&signature)?,
    ]
    .concat();
    assert_eq!(check(&party, &message)?, good);
    Ok(())
}

/// Go's openpgp writes the bits of a number as eight for each of its bytes.
#[test]
fn numbers_may_count_the_bits_of_their_whole_first_byte() -> Outcome {
    let party = Party::new(1)?;
    let (mut message, _) = plain(&party)?;
    let count = message.len() - 34..message.len() - 32;
    assert!(
        message[count.clone()] < *[1, 0].as_slice(),
        "a number of fewer than 256 bits"
    );
    message[count.clone()].copy_from_slice(&[1, 0]);
    assert!(check(&party, &message)?.is_ok());
    message[count].copy_from_slice(&[0, 250]);
    assert_eq!(check(&party, &message)?, Err(SignatureError::Loose));
    Ok(())
}

/// One number in 256 lacks its first byte.
#[test]
fn short_numbers_verify_too() -> Outcome {
    let party = Party::new(1)?;
    let (keyring, now) = (ring(&party)?, Timestamp::now());
    let mut lengths = BTreeSet::new();
    for n in 0..600_u32 {
        let body = n.to_be_bytes();
        let signature = forge::signature(&party.primary, &body, HashAlgorithm::Sha256, Vec::new())?;
        let message = forge::message(&signature, &forge::literal(b'b', "", 0, &body))?;
        lengths.insert(message.len());
        let signed = keyring.verify(&message, now)?;
        assert_eq!(signed.body, body);
    }
    assert!(lengths.len() > 1, "no number was short");
    Ok(())
}

#[test]
fn other_keys_and_lives_that_are_over_do_not_count() -> Outcome {
    let party = Party::new(1)?;
    let (message, _) = plain(&party)?;
    let stranger = check(&Party::new(2)?, &message)?;
    assert!(
        matches!(stranger, Err(SignatureError::Stranger(_))),
        "{stranger:?}"
    );
    let living = |seconds| {
        let lifetime = vec![forge::lifetime(seconds)?];
        let signature = forge::signature(&party.primary, BODY, HashAlgorithm::Sha256, lifetime)?;
        check(
            &party,
            &forge::message(&signature, &forge::literal(b'b', "", 0, BODY))?,
        )
    };
    assert!(matches!(living(60)?, Err(SignatureError::Expired(_))));
    assert!(living(0)?.is_ok() && living(u32::MAX)?.is_ok());
    Ok(())
}

#[test]
fn a_signature_from_the_future_does_not_count_yet() -> Outcome {
    let party = Party::new(1)?;
    let (keyring, (message, _)) = (ring(&party)?, plain(&party)?);
    let judged = |seconds: i64| -> Made<_> {
        let now = Timestamp::from_second(i64::from(SIGNED) + seconds)?;
        Ok(keyring.verify(&message, now))
    };
    assert!(
        judged(0)?.is_ok() && judged(-60)?.is_ok(),
        "clocks differ a little"
    );
    let early = judged(-3600)?;
    assert!(matches!(early, Err(SignatureError::Future(_))), "{early:?}");
    Ok(())
}

#[test]
fn what_a_signer_wants_understood_is_not_ignored() -> Outcome {
    let party = Party::new(1)?;
    let policy = || SubpacketData::PolicyURI("https://example.com/".to_owned());
    let signed = |packet| {
        let packets = vec![packet];
        let signature = forge::signature(&party.primary, BODY, HashAlgorithm::Sha256, packets)?;
        check(
            &party,
            &forge::message(&signature, &forge::literal(b'b', "", 0, BODY))?,
        )
    };
    assert!(signed(Subpacket::regular(policy())?)?.is_ok());
    assert_eq!(
        signed(Subpacket::critical(policy())?)?,
        Err(SignatureError::Unknown)
    );
    Ok(())
}

/// Every bit of a message is flipped, and it is cut at every byte: only letters of the file name and the date are free.
#[test]
fn no_altered_bit_goes_unnoticed() -> Outcome {
    let party = Party::new(1)?;
    let (keyring, now) = (ring(&party)?, Timestamp::now());
    let (message, literal) = plain(&party)?;
    let at = message
        .windows(literal.len())
        .position(|window| window == literal);
    let at = at.ok_or("no literal")?;
    let free = at + 2..at + 2 + "release.json".len() + 4;
    let body = at + literal.len() - BODY.len()..at + literal.len();
    for at in 0..message.len() {
        let cut = keyring.verify(&message[..at], now);
        assert!(
            matches!(cut, Err(SignatureError::Form | SignatureError::NotOpenPgp)),
            "cut at {at}: {cut:?}"
        );
        for bit in 0..8 {
            let mut altered = message.clone();
            altered[at] ^= 1 << bit;
            match keyring.verify(&altered, now) {
                Ok(signed) => {
                    assert!(free.contains(&at), "bit {bit} of byte {at} means nothing");
                    assert_eq!(signed.body, BODY);
                }
                Err(SignatureError::Wrong(_)) => {}
                Err(other) => assert!(!body.contains(&at), "bit {bit} of byte {at}: {other}"),
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_may_be_added_or_hidden() -> Outcome {
    let party = Party::new(1)?;
    let (message, literal) = plain(&party)?;
    let zip = forge::zipped(&message)?;
    let refused = |message: &[u8]| Made::Ok(check(&party, message)?.err());
    let marker = forge::wrapped(10, b"PGP");
    for (first, second) in [
        (&message, &marker),
        (&marker, &message),
        (&message, &message),
    ] {
        let both = [first.as_slice(), second].concat();
        assert_eq!(refused(&both)?, Some(SignatureError::Form));
    }
    assert_eq!(
        refused(&forge::wrapped(11, &literal))?,
        Some(SignatureError::Form)
    );
    assert_eq!(refused(b"")?, Some(SignatureError::Form));
    assert_eq!(
        refused(&[zip.as_slice(), b"\0"].concat())?,
        Some(SignatureError::Loose)
    );
    assert_eq!(refused(&forge::zipped(&zip)?)?, Some(SignatureError::Form));
    let bomb = forge::zipped(&vec![0; 50 << 20])?;
    assert_eq!(
        refused(&bomb[..bomb.len().min(50 << 10)])?,
        Some(SignatureError::Bomb)
    );
    assert_eq!(
        refused(&vec![0; (50 << 10) + 1])?,
        Some(SignatureError::TooLarge)
    );
    assert_eq!(refused(&[0xa3, 3, b'B'])?, Some(SignatureError::Bzip2));
    assert_eq!(
        refused(b"-----BEGIN PGP MESSAGE-----\n")?,
        Some(SignatureError::Armored)
    );
    assert_eq!(refused(b"<html>")?, Some(SignatureError::NotOpenPgp));

    // Hashes for which collisions are known, whatever the key.
    for weak in [1, 2, 3] {
        let mut weakened = message.clone();
        let opening = forge::wrapped(4, &[0; 13]).len();
        let sealed = opening + forge::wrapped(11, &literal).len();
        for place in [6 + 2, sealed + 6 + 3] {
            assert_eq!(weakened[place], 8);
            weakened[place] = weak;
        }
        let found = refused(&weakened)?;
        assert!(matches!(found, Some(SignatureError::Hash(_))), "{found:?}");
    }

    // What is outside of the signature's reach has to fit.
    let signature = forge::signature(&party.primary, BODY, HashAlgorithm::Sha256, Vec::new())?;
    for (format, name, date) in [
        (b'l', "", 0),
        (b'b', "a\nb", 0),
        (b'b', "", SIGNED + 100),
        (b'b', "", SIGNED - 4000),
    ] {
        let message = forge::message(&signature, &forge::literal(format, name, date, BODY))?;
        assert_eq!(
            refused(&message)?,
            Some(SignatureError::Loose),
            "{name:?} {date}"
        );
    }
    let mut other = signature.clone();
    let fingerprint = Party::new(2)?.primary.fingerprint();
    let issuer = SubpacketData::IssuerFingerprint(fingerprint);
    other.unhashed_subpacket_push(Subpacket::regular(issuer)?)?;
    let message = forge::message(&other, &forge::literal(b'b', "", 0, BODY))?;
    assert!(matches!(refused(&message)?, Some(SignatureError::Wrong(_))));
    let mut more = signature.clone();
    let note = SubpacketData::Other(77, b"x".as_slice().into());
    more.unhashed_subpacket_push(Subpacket::regular(note)?)?;
    let message = forge::message(&more, &forge::literal(b'b', "", 0, BODY))?;
    assert_eq!(refused(&message)?, Some(SignatureError::Loose));
    Ok(())
}

#[test]
fn a_refusal_names_the_key_in_the_words_of_gpg() -> Outcome {
    let (message, _) = plain(&Party::new(1)?)?;
    let reason = check(&Party::new(2)?, &message)?
        .err()
        .map(|error| error.to_string());
    let id = Party::new(1)?.fingerprint().split_off(24);
    let expected = format!("it is signed by key {id}, which is not among these keys");
    assert_eq!(reason, Some(expected));
    let digest = Digest::of(b"");
    let mut altered = Party::new(1)?.claims(&digest, "a")?;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let reason = check(&Party::new(1)?, &altered)?
        .err()
        .map(|error| error.to_string());
    assert_eq!(
        reason,
        Some(format!("it is not what key {id} signed: it was altered"))
    );
    Ok(())
}
