/*! Who decides: the operator, and what the payload's own keyrings add to that. */

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schema::{Digest, bundle::Release};
use serde_json::{Value, json};

use super::{
    Outcome,
    asking::{LONG, at, operator, release, store, verify},
    forge::{Made, Party},
};
use crate::release::{
    openpgp::Keyring,
    same_release,
    trust::{OperatorTrust, PayloadTrust, TrustError},
};

#[tokio::test]
async fn one_valid_signature_by_the_operators_key_decides() -> Outcome {
    let (party, other) = (Party::new(1)?, Party::new(2)?);
    let good = party.claims(&release(), "example.com/release:1")?;
    let server = store(vec![
        b"garbage".to_vec(),
        other.claims(&release(), "x")?,
        party.claims(&Digest::of(b"another release"), "x")?,
        good.clone(),
        party.claims(&release(), "never asked for")?,
    ])?;
    let verdict = verify(LONG, &operator(&party, &[&at(&server)])?, None).await?;
    assert!(verdict.is_verified() && verdict.cluster.is_none());
    assert_eq!(verdict.signatures, [good]);
    assert_eq!(verdict.signers, BTreeSet::from([party.fingerprint()]));
    assert_eq!(
        verdict.references,
        BTreeSet::from(["example.com/release:1".to_owned()])
    );
    let reasons = [
        "not an OpenPGP message",
        "not among these keys",
        "another release",
    ];
    for (line, reason) in verdict.tried.iter().zip(reasons) {
        assert!(line.contains(reason), "{line}");
    }
    assert_eq!(verdict.tried.len(), 3);
    Ok(())
}

/// By the clusters' rule each keyring needs a signature.
#[tokio::test]
async fn the_payloads_keyrings_are_all_needed_and_decide_nothing() -> Outcome {
    let (ours, theirs, third) = (Party::new(1)?, Party::new(2)?, Party::new(3)?);
    let our = ours.claims(&release(), "ours")?;
    let their = theirs.claims(&release(), "theirs")?;
    let server = store(vec![our.clone(), their.clone()])?;
    let stores = [at(&server)];
    let stores: Vec<&str> = stores.iter().map(String::as_str).collect();
    // Whose host the operator names, the payload may name too.
    let beside = format!("{}/other", server.url());
    let operator = operator(&ours, &[&beside])?;

    let both = payload(&[("a", &ours), ("b", &theirs)], &stores)?;
    let verdict = verify(LONG, &operator, Some(&both)).await?;
    assert_eq!(verdict.signatures, [our.clone(), their.clone()]);
    assert_eq!(verdict.references, BTreeSet::from(["ours".to_owned()]));
    assert_eq!(verdict.cluster, None);

    let more = payload(&[("a", &theirs), ("b", &third)], &stores)?;
    let verdict = verify(LONG, &operator, Some(&more)).await?;
    assert!(verdict.is_verified());
    let reason = verdict.cluster.unwrap_or_default();
    assert!(
        reason.contains("verifier-public-key-b") && !reason.contains("key-a"),
        "{reason}"
    );

    // A payload that brings its own key along convinces nobody.
    let circular = payload(&[("a", &theirs)], &stores)?;
    let operator = OperatorTrust {
        keyrings: vec![(
            "release.asc".into(),
            Keyring::from_bytes(&third.certificate()?)?,
        )],
        stores: vec![beside.parse()?],
        no_payload_stores: false,
    };
    let verdict = verify(LONG, &operator, Some(&circular)).await?;
    assert!(!verdict.is_verified());
    let refusal = verdict.refusal("r");
    assert!(
        refusal.contains("only the payload's own keys accept it"),
        "{refusal}"
    );
    assert_eq!((verdict.signatures, verdict.cluster), (vec![their], None));
    Ok(())
}

/// Whoever makes a payload could otherwise have services of this network asked, or the cloud's own.
#[tokio::test]
async fn a_payload_leads_nowhere_into_this_network() -> Outcome {
    let party = Party::new(1)?;
    let server = store(vec![party.claims(&release(), "a")?])?;
    let files = tempfile::tempdir()?;
    let secure = at(&server).replace("http://", "https://");
    let (plain, file) = (at(&server), format!("file://{}", files.path().display()));
    let stores = [
        plain.as_str(),
        &file,
        &secure,
        "https://[::ffff:10.0.0.1]/a",
    ];
    let payload = payload(&[("a", &party)], &stores)?;
    let verdict = verify(LONG, &operator(&party, &[])?, Some(&payload)).await?;
    assert!(!verdict.is_verified());
    let tried = verdict.tried.join("\n");
    for (store, reason) in [
        (plain.as_str(), "not asked"),
        (files.path().to_str().unwrap_or_default(), "not asked"),
        (&secure, "signature-1: is at an address that is not public"),
        (
            "https://[::ffff:a00:1]/a",
            "signature-1: is at an address that is not public",
        ),
    ] {
        assert!(
            tried.contains(&format!("{store}: {reason}")),
            "{store} in {tried}"
        );
    }
    // The operator's word about one store is one about its host.
    let beside = format!("{}/other", server.url());
    let named = verify(LONG, &operator(&party, &[&beside])?, Some(&payload)).await?;
    assert!(named.is_verified(), "{named:?}");
    let none = OperatorTrust {
        no_payload_stores: true,
        ..operator(&party, &[&beside])?
    };
    let verdict = verify(LONG, &none, Some(&payload)).await?;
    assert!(!verdict.is_verified());
    assert!(verdict.tried.join("\n").contains("--no-payload-stores"));
    Ok(())
}

#[tokio::test]
async fn without_a_key_or_a_store_the_refusal_says_what_to_give() -> Outcome {
    let none = OperatorTrust::default();
    let verdict = verify(LONG, &none, None).await?;
    assert!(!verdict.is_verified());
    let refusal = verdict.refusal("r");
    assert!(refusal.contains("--release-key") && refusal.contains("RPM-GPG-KEY-redhat-release"));
    let party = Party::new(1)?;
    let refusal = verify(LONG, &operator(&party, &[])?, None)
        .await?
        .refusal("r");
    assert!(refusal.contains("--signature-store"), "{refusal}");
    Ok(())
}

#[test]
fn a_config_map_without_keys_or_stores_is_refused() -> Outcome {
    let key = STANDARD.encode(Party::new(1)?.certificate()?);
    let read = |data, binary| PayloadTrust::from_config_map(&config_map(data, binary)).err();
    let store = json!({"store-a": "https://example.com", "other": "x"});
    let keys = json!({"verifier-public-key-a": key.clone()});
    assert_eq!(read(store.clone(), keys.clone()), None);
    assert_eq!(read(store.clone(), json!({})), Some(TrustError::NoKeys));
    assert_eq!(read(json!({}), keys), Some(TrustError::NoStores));
    let broken = json!({"verifier-public-key-a": "-----BEGIN PUBLIC KEY-----"});
    assert!(matches!(
        read(broken, json!({})),
        Some(TrustError::Key { .. })
    ));
    let text = json!({"verifier-public-key-a": "no base64!"});
    assert!(matches!(read(store, text), Some(TrustError::Value(_))));
    let ftp = json!({"store-a": "ftp://example.com"});
    assert!(matches!(
        read(ftp, json!({})),
        Some(TrustError::Store { .. })
    ));
    let stores = (0..100).map(|at| (format!("store-{at}"), json!("https://example.com")));
    let many = Value::Object(stores.collect());
    assert_eq!(
        read(many, json!({"verifier-public-key-a": key})),
        Some(TrustError::TooMany(101)),
        "a payload has no hundred stores asked"
    );
    assert_eq!(
        PayloadTrust::from_config_map(&json!({})).err(),
        Some(TrustError::NoConfigMap)
    );
    Ok(())
}

fn payload(parties: &[(&str, &Party)], stores: &[&str]) -> Made<PayloadTrust> {
    let (mut data, mut binary) = (json!({}), json!({}));
    for (name, party) in parties {
        let key = STANDARD.encode(party.certificate()?);
        binary[format!("verifier-public-key-{name}")] = Value::from(key);
    }
    for (at, store) in stores.iter().enumerate() {
        data[format!("store-{at}")] = Value::from(*store);
    }
    Ok(PayloadTrust::from_config_map(&config_map(data, binary))?)
}

fn config_map(data: Value, binary: Value) -> Value {
    let annotations = json!({"release.openshift.io/verification-config-map": ""});
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": annotations},
        "data": data, "binaryData": binary,
    })
}

#[test]
fn what_is_found_twice_is_as_verified_as_it_ever_was() -> Outcome {
    let unverified = Release {
        repository: "openshift/release".parse()?,
        tag: "4.3.0-x86_64".parse()?,
        digest: Digest::of(b"a"),
        version: "4.3.0".to_owned(),
        verified_by: Vec::new(),
        previous: Vec::new(),
    };
    let verified = Release {
        verified_by: vec!["A".repeat(40)],
        previous: vec!["4.2.9".to_owned()],
        ..unverified.clone()
    };
    let other = Release {
        digest: Digest::of(b"b"),
        ..unverified.clone()
    };
    let mut records = vec![other.clone(), verified.clone(), unverified];
    records.sort();
    records.dedup_by(same_release);
    records.sort_by_key(|release| release.verified_by.len());
    assert_eq!(records, [other, verified]);
    Ok(())
}
