/*! Signatures that Red Hat made: of 2024 (version 4) and of 2019 (version 3), both ZIP-compressed. */

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use jiff::Timestamp;
use registry::web::Web;
use serde_json::Value;

use super::{Outcome, forge::Party};
use crate::release::{
    claim::Claim,
    openpgp::Keyring,
    openpgp::SignatureError,
    trust::{OperatorTrust, PayloadTrust},
    verifier,
};

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
        let key = sample!(key);
        let keyring = Keyring::from_bytes(&key)?;
        assert_eq!(keyring.fingerprints(), [RELEASE_KEY_2]);
        for (name, digest) in SAMPLES {
            let message = sample!(name);
            let signed = keyring.verify(&message, Timestamp::now())?;
            assert_eq!(signed.fingerprint, RELEASE_KEY_2);
            assert_eq!(Claim::parse(&signed.body)?.digest.to_string(), digest);
        }
    }
    Ok(())
}

#[test]
fn no_altered_bit_of_the_version_4_signature_goes_unnoticed() -> Outcome {
    flip(SAMPLES[0].0, 66)
}

#[test]
fn no_altered_bit_of_the_version_3_signature_goes_unnoticed() -> Outcome {
    flip(SAMPLES[1].0, 78)
}

/// Flips every bit. The literal's file name (`_rpmsig-req-xsP8sm.bin`) is signed by nobody and could be any other name, so
/// `free` bits of it may still give the same body; nothing else may.
fn flip(name: &str, free: usize) -> Outcome {
    let (key, message) = (sample!(KEYS[0]), sample!(name));
    let keyring = Keyring::from_bytes(&key)?;
    let now = Timestamp::now();
    let signed = keyring.verify(&message, now)?;
    let plain = inflate(&message)?;
    let mut still = 0;
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut altered = message.clone();
            altered[at] ^= 1 << bit;
            let Ok(found) = keyring.verify(&altered, now) else {
                continue;
            };
            assert_eq!(found, signed, "byte {at}, bit {bit}");
            let places = inflate(&altered)?.into_iter().zip(&plain);
            let differ = places.enumerate().filter(|(_, (a, b))| a != *b);
            let differ: Vec<usize> = differ.map(|(at, _)| at).collect();
            assert!(!differ.is_empty(), "byte {at}, bit {bit} means nothing");
            assert!(differ.iter().all(|at| (20..42).contains(at)), "{differ:?}");
            still += 1;
        }
    }
    assert!(still <= free, "{still} bits are free");
    Ok(())
}

/// A packet of open length, ZIP.
fn inflate(message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    DeflateDecoder::new(&message[2..]).read_to_end(&mut plain)?;
    Ok(plain)
}

#[test]
fn another_key_does_not_verify() -> Outcome {
    let message = sample!(SAMPLES[0].0);
    let other = Keyring::from_bytes(&Party::new(1)?.certificate()?)?;
    let found = other.verify(&message, Timestamp::now());
    assert!(matches!(found, Err(SignatureError::Stranger(id)) if id == RELEASE_KEY_2[24..]));
    Ok(())
}

/// The keyring of a real payload holds two keys, and names two stores.
#[tokio::test]
async fn the_payloads_keyring_verifies_both_for_their_own_digests() -> Outcome {
    let yaml = sample!("0000_90_cluster-update-keys_configmap.yaml");
    let object: Value = serde_yaml::from_slice(&yaml)?;
    let mut payload = PayloadTrust::from_config_map(&object)?;
    let stores: Vec<String> = payload
        .stores
        .iter()
        .map(|(_, store)| store.to_string())
        .collect();
    assert_eq!(
        stores,
        [
            "https://storage.googleapis.com/openshift-release/official/signatures/openshift/release",
            "https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release",
        ]
    );
    // No test asks them.
    payload.stores.clear();
    let [(name, keyring)] = payload.keyrings.as_slice() else {
        return Err("expected one keyring".into());
    };
    assert_eq!(name, "verifier-public-key-redhat");
    assert_eq!(keyring.fingerprints().len(), 2);
    let operator = OperatorTrust {
        keyrings: vec![("keys.asc".into(), keyring.clone())],
        stores: Vec::new(),
        no_payload_stores: false,
    };
    let web = Web::new(None)?;
    for (name, digest) in SAMPLES {
        let message = sample!(name);
        let at_hand = vec![(name.to_owned(), message.clone())];
        let digest = digest.parse()?;
        let verdict = verifier::verify(&digest, &operator, Some(&payload), at_hand, &web).await;
        assert!(
            verdict.is_verified() && verdict.cluster.is_none(),
            "{verdict:?}"
        );
        assert_eq!(verdict.signatures, [message]);
    }
    let message = sample!(SAMPLES[1].0);
    let at_hand = vec![("here".to_owned(), message)];
    let digest = SAMPLES[0].1.parse()?;
    let verdict = verifier::verify(&digest, &operator, Some(&payload), at_hand, &web).await;
    assert!(!verdict.is_verified() && verdict.signatures.is_empty());
    let expected = format!("here: it is for {}, another release", SAMPLES[1].1);
    assert_eq!(verdict.tried, [expected]);
    Ok(())
}
