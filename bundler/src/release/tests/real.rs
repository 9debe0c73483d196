/*! Signatures that Red Hat made: of 2024 (version 4) and of 2019 (version 3), both ZIP-compressed. */

use jiff::Timestamp;

use super::{Outcome, sample};
use crate::release::{claim::Claim, keyring::Keyring};

const SAMPLES: [(&str, &str); 2] = [
    (
        "4.15.0/signature-1",
        "sha256:0da6316466d60a3a4535d5fed3589feb0391989982fba59d47d4c729912d6363",
    ),
    (
        "rhel7-2019/signature-1",
        "sha256:e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7",
    ),
];
const KEYS: [&str; 2] = [
    "keys/redhat-release-sha256-selfsig.asc",
    "keys/redhat-sha1-selfsig.asc",
];
const RELEASE_KEY_2: &str = "567E347AD0044ADE55BA8A5F199E2F91FD431D51";

#[test]
fn both_verify_by_either_key_file() -> Outcome {
    for key in KEYS {
        let Some(key) = sample(key)? else {
            return Ok(());
        };
        let keyring = Keyring::from_bytes(&key)?;
        assert_eq!(keyring.fingerprints(), [RELEASE_KEY_2]);
        for (name, digest) in SAMPLES {
            let message = sample(name)?.unwrap_or_default();
            let signed = keyring.verify(&message, Timestamp::now())?;
            assert_eq!(signed.fingerprint, RELEASE_KEY_2);
            assert_eq!(Claim::parse(&signed.body)?.digest.to_string(), digest);
        }
    }
    Ok(())
}

/// What a signature covers is safe by itself. Of the rest, what could be altered unnoticed is told by number.
#[test]
fn no_altered_bit_changes_what_is_signed() -> Outcome {
    for (name, _) in SAMPLES {
        let (Some(key), Some(message)) = (sample(KEYS[0])?, sample(name)?) else {
            return Ok(());
        };
        let keyring = Keyring::from_bytes(&key)?;
        let now = Timestamp::now();
        let signed = keyring.verify(&message, now)?;
        let mut still = Vec::new();
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut altered = message.clone();
                altered[at] ^= 1 << bit;
                match keyring.verify(&altered, now) {
                    Ok(same) if same == signed => still.push((at, bit)),
                    Ok(_) => {
                        return Err(format!("{name}: byte {at} bit {bit} changes the body").into());
                    }
                    Err(_) => {}
                }
            }
        }
        eprintln!(
            "{name}: {} of {}: {still:?}",
            still.len(),
            message.len() * 8
        );
    }
    Ok(())
}
