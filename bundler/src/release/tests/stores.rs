/*! Stores that answer, stores that misbehave, and what is concluded from them. */

use std::{collections::BTreeSet, os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schema::Digest;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    Outcome,
    forge::{Made, Party},
    server::{Reply, Server, serve, serve_slowly},
};
use crate::{
    release::{
        keyring::Keyring,
        store::Store,
        trust::{self, OperatorTrust, PayloadTrust, TrustError, Verdict},
    },
    web::{Limits, Web, WebError},
};

const SHORT: Duration = Duration::from_millis(300);
/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(600);

fn release() -> Digest {
    Digest::of(b"a release")
}

fn operator(party: &Party, stores: &[&str]) -> Made<OperatorTrust> {
    Ok(OperatorTrust {
        keyrings: vec![(
            "release.asc".into(),
            Keyring::from_bytes(&party.certificate()?)?,
        )],
        stores: stores
            .iter()
            .map(|store| store.parse())
            .collect::<Result<_, _>>()?,
    })
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

async fn judge(
    patience: Duration,
    operator: &OperatorTrust,
    payload: Option<&PayloadTrust>,
) -> Made<Verdict> {
    let web = Web::new(None)?;
    Ok(trust::verify_within(patience, &release(), operator, payload, Vec::new(), &web).await)
}

/// A store with these signatures for the release.
async fn store(signatures: Vec<Vec<u8>>) -> std::io::Result<Server> {
    serve(move |path| {
        let expected = format!("/store/sha256={}/signature-", release().hex());
        let number = path
            .strip_prefix(&expected)
            .and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| signatures.get(number - 1)) {
            Some(signature) => Reply::found(signature),
            None => Reply::missing(),
        }
    })
    .await
}

fn at(server: &Server) -> String {
    format!("{}/store", server.address)
}

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
    ])
    .await?;
    let verdict = judge(LONG, &operator(&party, &[&at(&server)])?, None).await?;
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

#[tokio::test]
async fn stores_that_misbehave_are_named_with_what_they_did() -> Outcome {
    let party = Party::new(1)?;
    let hang = serve(|_| Reply::Hang).await?;
    let page = "Content-Type: text/html; charset=utf-8\r\n".to_owned();
    let html = serve(move |_| Reply::Send("200 OK", page.clone(), b"<p>Log in".to_vec())).await?;
    let untyped = serve(|_| Reply::found(b"\n<!DOCTYPE html><p>Log in")).await?;
    let broken = serve(|_| Reply::status("500 Internal Server Error")).await?;
    let garbage = serve(|_| Reply::found(&vec![7; 10 << 20])).await?;
    let endless = serve(|_| Reply::Endless(vec![7; 4096])).await?;
    let round = serve(|_| {
        let location = "Location: /again\r\n".to_owned();
        Reply::Send("302 Found", location, Vec::new())
    })
    .await?;
    let empty = store(Vec::new()).await?;
    let nowhere = "http://127.0.0.1:1".to_owned();
    let all = "signature-1 to signature-9: ";
    let expected = [
        (
            at(&hang),
            "signature-1: no answer within 0.3 seconds".to_owned(),
        ),
        (at(&html), format!("{all}answered with a web page")),
        (at(&untyped), format!("{all}answered with a web page")),
        (at(&broken), format!("{all}answered 500")),
        (at(&garbage), format!("{all}has more than 50 KiB")),
        (at(&endless), format!("{all}has more than 50 KiB")),
        (at(&round), format!("{all}redirected more than 5 times")),
        (at(&empty), "has no signature for it".to_owned()),
        (nowhere, "signature-1: cannot be reached (".to_owned()),
    ];
    let stores: Vec<&str> = expected.iter().map(|(store, _)| store.as_str()).collect();
    let verdict = judge(SHORT, &operator(&party, &stores)?, None).await?;
    assert!(!verdict.is_verified());
    let refusal = verdict.refusal("example.com/release:1");
    for (store, what) in &expected {
        let line = format!("{store}: {what}");
        assert!(refusal.contains(&line), "{line:?} in {refusal}");
    }
    assert_eq!(verdict.tried.len(), expected.len());
    assert!(
        refusal.starts_with("example.com/release:1: not verified"),
        "{refusal}"
    );
    assert!(
        refusal.contains(&format!("release.asc ({})", party.fingerprint())),
        "{refusal}"
    );
    Ok(())
}

/// The first store answers only when the second has been asked, so they are asked at once; and is still the one that counts.
#[tokio::test]
async fn stores_are_asked_at_once_and_the_quickest_does_not_decide_what_is_kept() -> Outcome {
    let party = Party::new(1)?;
    let first = party.claims(&release(), "first")?;
    let second = party.claims(&release(), "second")?;
    let asked = Arc::new(Notify::new());
    let (slow, quick) = (Arc::clone(&asked), asked);
    let kept = first.clone();
    let slow = serve_slowly(move |_| {
        let (slow, first) = (Arc::clone(&slow), first.clone());
        Box::pin(async move {
            slow.notified().await;
            Reply::found(&first)
        })
    })
    .await?;
    let quick = serve(move |_| {
        quick.notify_one();
        Reply::found(&second)
    })
    .await?;
    let operator = operator(&party, &[&at(&slow), &at(&quick)])?;
    let verdict = judge(LONG, &operator, None).await?;
    assert_eq!(verdict.signatures, [kept]);
    assert!(verdict.tried.is_empty(), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn a_store_that_hangs_hinders_no_other() -> Outcome {
    let party = Party::new(1)?;
    let hang = serve(|_| Reply::Hang).await?;
    let good = store(vec![party.claims(&release(), "a")?]).await?;
    let patient = operator(&party, &[&at(&good), &at(&hang)])?;
    assert!(judge(LONG, &patient, None).await?.is_verified());
    let impatient = operator(&party, &[&at(&hang), &at(&good)])?;
    let verdict = judge(SHORT, &impatient, None).await?;
    assert!(verdict.is_verified());
    assert_eq!(verdict.tried.len(), 1, "{verdict:?}");
    Ok(())
}

/// By the clusters' rule each keyring needs a signature.
#[tokio::test]
async fn the_payloads_keyrings_are_all_needed_and_decide_nothing() -> Outcome {
    let (ours, theirs, third) = (Party::new(1)?, Party::new(2)?, Party::new(3)?);
    let our = ours.claims(&release(), "ours")?;
    let their = theirs.claims(&release(), "theirs")?;
    let server = store(vec![our.clone(), their.clone()]).await?;
    let stores = [at(&server)];
    let stores: Vec<&str> = stores.iter().map(String::as_str).collect();
    let operator = operator(&ours, &[])?;

    let both = payload(&[("a", &ours), ("b", &theirs)], &stores)?;
    let verdict = judge(LONG, &operator, Some(&both)).await?;
    assert_eq!(verdict.signatures, [our.clone(), their.clone()]);
    assert_eq!(verdict.references, BTreeSet::from(["ours".to_owned()]));
    assert_eq!(verdict.cluster, None);

    let more = payload(&[("a", &theirs), ("b", &third)], &stores)?;
    let verdict = judge(LONG, &operator, Some(&more)).await?;
    assert!(verdict.is_verified());
    let told = verdict.cluster.unwrap_or_default();
    assert!(
        told.contains("verifier-public-key-b") && !told.contains("key-a"),
        "{told}"
    );

    // A payload that brings its own key along convinces nobody.
    let circular = payload(&[("a", &theirs)], &stores)?;
    let operator = OperatorTrust {
        keyrings: vec![(
            "release.asc".into(),
            Keyring::from_bytes(&third.certificate()?)?,
        )],
        stores: Vec::new(),
    };
    let verdict = judge(LONG, &operator, Some(&circular)).await?;
    assert!(!verdict.is_verified());
    assert_eq!((verdict.signatures, verdict.cluster), (vec![their], None));
    Ok(())
}

#[tokio::test]
async fn without_a_key_or_a_store_the_refusal_says_what_to_give() -> Outcome {
    let none = OperatorTrust::default();
    let verdict = judge(LONG, &none, None).await?;
    assert!(!verdict.is_verified());
    let refusal = verdict.refusal("r");
    assert!(refusal.contains("--release-key") && refusal.contains("RPM-GPG-KEY-redhat-release"));
    let party = Party::new(1)?;
    let refusal = judge(LONG, &operator(&party, &[])?, None)
        .await?
        .refusal("r");
    assert!(refusal.contains("--signature-store"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_directory_is_a_store_and_links_in_it_are_not_followed() -> Outcome {
    let party = Party::new(1)?;
    let signature = party.claims(&release(), "a")?;
    let root = tempfile::tempdir()?;
    let place = |name: &str| {
        root.path()
            .join(name)
            .join(format!("sha256={}", release().hex()))
    };
    for name in ["good", "linked", "pipe", "large", "empty"] {
        std::fs::create_dir_all(place(name))?;
    }
    std::fs::write(place("good").join("signature-1"), &signature)?;
    symlink(
        place("good").join("signature-1"),
        place("linked").join("signature-1"),
    )?;
    std::fs::create_dir(root.path().join("directory"))?;
    symlink(place("good"), place("directory"))?;
    let pipe = place("pipe").join("signature-1");
    let made = std::process::Command::new("mkfifo").arg(pipe).status()?;
    assert!(made.success());
    std::fs::write(place("large").join("signature-1"), vec![0; (50 << 10) + 1])?;
    let ask = async |name: &str| {
        let store = root.path().join(name).display().to_string();
        judge(LONG, &operator(&party, &[&store])?, None).await
    };
    let url = format!("file://{}", root.path().join("good").display());
    assert!(
        judge(LONG, &operator(&party, &[&url])?, None)
            .await?
            .is_verified()
    );
    assert_eq!(ask("good").await?.signatures, [signature]);
    for (name, reason) in [
        ("linked", "links are not followed"),
        ("directory", "links are not followed"),
        ("pipe", "not a regular file"),
        ("large", "has more than 50 KiB"),
        ("empty", "has no signature for it"),
        ("absent", "the store cannot be opened"),
    ] {
        let verdict = ask(name).await?;
        assert!(!verdict.is_verified());
        let [line] = verdict.tried.as_slice() else {
            return Err(format!("{name}: {verdict:?}").into());
        };
        assert!(line.contains(reason), "{line}");
    }
    Ok(())
}

#[test]
fn stores_are_addresses_without_a_login() {
    let parsed = |text: &str| text.parse::<Store>().map(|store| store.to_string());
    assert_eq!(
        parsed("https://example.com/a/"),
        Ok("https://example.com/a".to_owned())
    );
    assert_eq!(
        parsed("file:///var/lib/sigstore"),
        Ok("/var/lib/sigstore".to_owned())
    );
    assert_eq!(parsed("/var/a"), Ok("/var/a".to_owned()));
    for bad in [
        "ftp://example.com",
        "example.com/a",
        "a/b",
        "",
        "https://example.com/?a=b",
        "file://host/a",
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
    let told = parsed("https://me:secret@example.com/a").map_err(|error| error.to_string());
    let told = told.err().unwrap_or_default();
    assert!(
        told.contains("example.com") && !told.contains("secret"),
        "{told}"
    );
}

#[test]
fn a_config_map_without_keys_or_stores_is_refused() -> Outcome {
    let key = STANDARD.encode(Party::new(1)?.certificate()?);
    let read = |data, binary| PayloadTrust::from_config_map(&config_map(data, binary)).err();
    let store = json!({"store-a": "https://example.com", "other": "x"});
    let keys = json!({"verifier-public-key-a": key});
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
    assert_eq!(
        PayloadTrust::from_config_map(&json!({})).err(),
        Some(TrustError::NoConfigMap)
    );
    Ok(())
}

#[tokio::test]
async fn downloads_stop_at_their_limit_and_carry_no_login() -> Outcome {
    let server = serve(|path| match path {
        "/moved" => Reply::Send("302 Found", "Location: /file\r\n".to_owned(), Vec::new()),
        "/login" => {
            let location = "Location: http://me:secret@127.0.0.1/\r\n".to_owned();
            Reply::Send("302 Found", location, Vec::new())
        }
        "/file" => Reply::found(b"1234"),
        _ => Reply::missing(),
    })
    .await?;
    let web = Web::new(None)?;
    let get = async |path: &str, bytes| {
        let limits = Limits {
            bytes,
            idle: LONG,
            whole: None,
        };
        web.get(&format!("{}{path}", server.address).parse()?, &limits)
            .await
            .map_err(Into::into)
    };
    let found: Made<_> = get("/moved", 4).await;
    assert_eq!(found?, Some(b"1234".to_vec()));
    let missing: Made<_> = get("/none", 4).await;
    assert_eq!(missing?, None);
    let refused = async |path: &str, bytes| -> Option<String> {
        let found: Made<_> = get(path, bytes).await;
        found.err().map(|error| error.to_string())
    };
    assert_eq!(
        refused("/file", 3).await,
        Some(WebError::TooLarge(3).to_string())
    );
    let login = refused("/login", 4).await.unwrap_or_default();
    assert!(
        login.contains("redirected to an address with a password"),
        "{login}"
    );
    let absent = Web::new(Some(Path::new("/absent.pem")))
        .err()
        .map(|error| error.to_string());
    assert!(absent.is_some_and(|told| told.contains("/absent.pem")));
    Ok(())
}
