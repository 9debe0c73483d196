/*! Which keys of a file may sign, and what else people give for one. */

use jiff::Timestamp;
use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{SubpacketData, SubpacketData::KeyExpirationTime},
    types::Duration,
};

use super::{
    Outcome,
    forge::{self, Made, Party},
};
use crate::release::openpgp::Keyring;
use crate::release::openpgp::{KeyringError, SignatureError};

const BODY: &[u8] = b"body";

/// What becomes of a message by the party's primary key, or its subkey, under a certificate.
fn judged(party: &Party, subkey: bool, certificate: &[u8]) -> Made<Result<String, SignatureError>> {
    let hash = HashAlgorithm::Sha256;
    let signature = if subkey {
        forge::signature(&party.subkey, BODY, hash, Vec::new())?
    } else {
        forge::signature(&party.primary, BODY, hash, Vec::new())?
    };
    let message = forge::message(&signature, &forge::literal(b'b', "", 0, BODY))?;
    let keyring = Keyring::from_bytes(certificate)?;
    let signed = keyring.verify(&message, Timestamp::now());
    Ok(signed.map(|signed| signed.fingerprint))
}

fn reason(found: Result<String, SignatureError>) -> Option<&'static str> {
    match found {
        Err(SignatureError::Unfit(_, reason)) => Some(reason),
        _ => None,
    }
}

#[test]
fn subkeys_sign_where_both_keys_say_so() -> Outcome {
    let party = Party::new(1)?;
    let with = |more| party.certificate_with(party.about_itself(false, Vec::new())?, more);
    let bound = with(vec![party.bound_subkey(true)?])?;
    assert_eq!(judged(&party, true, &bound)?, Ok(party.fingerprint()));
    assert_eq!(
        reason(judged(&party, false, &bound)?),
        Some("is not meant for signing")
    );

    let vouch = Some("is a subkey that its primary key does not vouch for");
    let silent = with(vec![party.bound_subkey(false)?])?;
    assert_eq!(reason(judged(&party, true, &silent)?), vouch);
    // The subkey of somebody else, taken over with its binding.
    let stolen = Party::new(2)?.bound_subkey(true)?;
    let stolen = with(vec![stolen])?;
    assert_eq!(reason(judged(&Party::new(2)?, true, &stolen)?), vouch);

    let revoked = with(vec![party.bound_subkey(true)?, party.revoked_subkey()?])?;
    assert_eq!(
        reason(judged(&party, true, &revoked)?),
        Some("has been revoked")
    );
    Ok(())
}

#[test]
fn revoked_keys_do_not_count_and_expired_ones_do() -> Outcome {
    let party = Party::new(1)?;
    let plain = party.certificate()?;
    // A revocation stands between the key and its name.
    let name = plain
        .windows(2)
        .position(|window| window == [0xcd, 0xff])
        .ok_or("no name")?;
    let revoked = |revocation: &[u8]| [&plain[..name], revocation, &plain[name..]].concat();
    let subkey = party.bound_subkey(true)?;
    let by_itself = [revoked(&party.revocation()?), subkey].concat();
    for subkey in [false, true] {
        let found = judged(&party, subkey, &by_itself)?;
        assert_eq!(reason(found), Some("has been revoked"), "subkey {subkey}");
    }
    let by_another = revoked(&Party::new(2)?.revocation()?);
    assert_eq!(judged(&party, false, &by_another)?, Ok(party.fingerprint()));

    let over: Vec<SubpacketData> = vec![KeyExpirationTime(Duration::from_secs(1))];
    let expired = party.certificate_with(party.about_itself(true, over)?, Vec::new())?;
    assert_eq!(judged(&party, false, &expired)?, Ok(party.fingerprint()));
    Ok(())
}

#[test]
fn files_hold_one_key_or_many_armored_or_not() -> Outcome {
    let (one, two) = (Party::new(1)?, Party::new(2)?);
    let both = vec![one.fingerprint(), two.fingerprint()];
    let binary = [one.certificate()?, two.certificate()?].concat();
    assert_eq!(Keyring::from_bytes(&binary)?.fingerprints(), both);
    // GnuPG's own keyrings have trust packets in between.
    let trusted = [
        one.certificate()?,
        forge::wrapped(12, &[0, 0]),
        two.certificate()?,
    ]
    .concat();
    assert_eq!(Keyring::from_bytes(&trusted)?.fingerprints(), both);
    let armored = forge::armored(&binary);
    assert_eq!(
        Keyring::from_bytes(armored.as_bytes())?.fingerprints(),
        both
    );
    let text = format!(
        "The following key is used by nobody.\n\n{}\nAnd another:\r\n{}",
        forge::armored(&one.certificate()?),
        forge::armored(&two.certificate()?).replace('\n', "\r\n"),
    );
    assert_eq!(Keyring::from_bytes(text.as_bytes())?.fingerprints(), both);
    // A key of tomorrow beside one of today.
    let future = [forge::wrapped(6, &[9; 40]), one.certificate()?].concat();
    assert_eq!(
        Keyring::from_bytes(&future)?.fingerprints(),
        [one.fingerprint()]
    );
    assert_eq!(judged(&two, false, &binary)?, Ok(two.fingerprint()));
    Ok(())
}

#[test]
fn whatever_else_is_given_for_a_key_is_recognised() -> Outcome {
    let party = Party::new(1)?;
    let refusal = |bytes: &[u8]| Keyring::from_bytes(bytes).err();
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for empty in ["", " \n"] {
        assert_eq!(refusal(empty.as_bytes()), Some(KeyringError::Empty));
    }
    for label in [
        "PUBLIC KEY",
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        assert_eq!(refusal(pem(label).as_bytes()), Some(KeyringError::Pem));
    }
    let certificate = pem("CERTIFICATE");
    assert_eq!(
        refusal(certificate.as_bytes()),
        Some(KeyringError::Certificate)
    );
    let secret = pem("PGP PRIVATE KEY BLOCK");
    assert_eq!(refusal(secret.as_bytes()), Some(KeyringError::Secret));
    assert_eq!(
        refusal(&forge::wrapped(5, &[4; 40])),
        Some(KeyringError::Secret)
    );
    for label in ["PGP SIGNATURE", "PGP MESSAGE", "PGP SIGNED MESSAGE"] {
        assert_eq!(refusal(pem(label).as_bytes()), Some(KeyringError::Message));
    }
    let message = party.claims(&schema::Digest::of(b""), "a")?;
    assert_eq!(refusal(&message), Some(KeyringError::Message));
    assert_eq!(refusal(b"ssh-ed25519 AAAA me"), Some(KeyringError::Ssh));
    assert_eq!(
        refusal(b"\0\0\0\x20\x01\x01\0\x02KBXf\0\0"),
        Some(KeyringError::Keybox)
    );
    assert_eq!(refusal(b"<html>"), Some(KeyringError::NotOpenPgp));
    assert_eq!(
        refusal(&vec![b'x'; (1 << 20) + 1]),
        Some(KeyringError::TooLarge)
    );
    assert_eq!(
        refusal(&forge::wrapped(6, &[9; 40])),
        Some(KeyringError::Unusable)
    );
    let whole = party.certificate()?;
    let armored = forge::armored(&whole);
    for cut in [&whole[..whole.len() - 1], &armored.as_bytes()[..200]] {
        assert!(matches!(refusal(cut), Some(KeyringError::Malformed(_))));
    }
    let directory = tempfile::tempdir()?;
    assert_eq!(
        Keyring::read(directory.path()).err(),
        Some(KeyringError::Special)
    );
    Ok(())
}

/// A key file may be anything, too: no flipped bit and no cut makes it more than a refusal.
#[test]
fn damaged_keys_are_never_more_than_refused() -> Outcome {
    let party = Party::new(1)?;
    let whole = [party.certificate()?, party.bound_subkey(true)?].concat();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut altered = whole.clone();
            altered[at] ^= 1 << bit;
            if let Ok(keyring) = Keyring::from_bytes(&altered) {
                assert!(!keyring.fingerprints().is_empty());
            }
        }
        drop(Keyring::from_bytes(&whole[..at]));
    }
    Ok(())
}
