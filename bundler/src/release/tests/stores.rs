/*! Stores that answer, and stores that misbehave. */

use std::os::unix::fs::symlink;

use fakes::{Gate, Reply, ScriptedServer};

use super::{
    Outcome,
    asking::{LONG, SHORT, at, operator, release, store, verify},
    forge::Party,
};
use crate::release::store::{Store, StoreError};

#[tokio::test]
async fn stores_that_misbehave_are_named_with_what_they_did() -> Outcome {
    let party = Party::new(1)?;
    let hang = ScriptedServer::start(|_, _| Reply::Silence)?;
    let page = ("Content-Type", "text/html; charset=utf-8");
    let html = ScriptedServer::start(move |_, _| Reply::status(200, &[page], b"<p>Log in"))?;
    let untyped = ScriptedServer::start(|_, _| Reply::ok(b"\n<!DOCTYPE html><p>Log in"))?;
    let broken = ScriptedServer::start(|_, _| Reply::status(500, &[], b""))?;
    let garbage = ScriptedServer::start(|_, _| Reply::ok(&vec![7; 10 << 20]))?;
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let endless = ScriptedServer::start(|_, _| Reply::Endless(head.into(), vec![7; 4096]))?;
    let again = ("Location", "/again");
    let round = ScriptedServer::start(move |_, _| Reply::status(302, &[again], b""))?;
    let empty = store(Vec::new())?;
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
    let verdict = verify(SHORT, &operator(&party, &stores)?, None).await?;
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
    let asked = Gate::new();
    let answer = Reply::After(asked.clone(), Reply::ok(&first).into());
    let slow = ScriptedServer::start(move |_, _| answer.clone())?;
    let quick = ScriptedServer::start(move |_, _| {
        asked.open();
        Reply::ok(&second)
    })?;
    let operator = operator(&party, &[&at(&slow), &at(&quick)])?;
    let verdict = verify(LONG, &operator, None).await?;
    assert_eq!(verdict.signatures, [first]);
    assert!(verdict.tried.is_empty(), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn a_store_that_hangs_hinders_no_other() -> Outcome {
    let party = Party::new(1)?;
    let hang = ScriptedServer::start(|_, _| Reply::Silence)?;
    let good = store(vec![party.claims(&release(), "a")?])?;
    let patient = operator(&party, &[&at(&good), &at(&hang)])?;
    assert!(verify(LONG, &patient, None).await?.is_verified());
    let impatient = operator(&party, &[&at(&hang), &at(&good)])?;
    let verdict = verify(SHORT, &impatient, None).await?;
    assert!(verdict.is_verified());
    assert_eq!(verdict.tried.len(), 1, "{verdict:?}");
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
        verify(LONG, &operator(&party, &[&store])?, None).await
    };
    let url = format!("file://{}", root.path().join("good").display());
    assert!(
        verify(LONG, &operator(&party, &[&url])?, None)
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
        "file:///a%1b[31m",
    ] {
        let refused = parsed(bad);
        assert!(
            matches!(refused, Err(StoreError::Malformed(_))),
            "{bad}: {refused:?}"
        );
    }
    let reason = parsed("https://me:secret@example.com/a").map_err(|error| error.to_string());
    let reason = reason.err().unwrap_or_default();
    assert!(
        reason.contains("example.com") && !reason.contains("secret"),
        "{reason}"
    );
}
