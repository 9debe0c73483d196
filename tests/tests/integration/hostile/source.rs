/*! A source registry that lies, floods, redirects and breaks off. */

use std::{ffi::OsStr, fs, time::Duration};

use anyhow::{Result, ensure};
use fakes::{Action, Fault, registry::Auth, registry::Login, registry::Settings, registry::Tokens};
use schema::MediaType;
use tests::{
    images::Image,
    process::{Output, Program},
};

use crate::{
    desk::Desk,
    outcome::{fails_with, within},
};

/// Builds against faults, in each form of output, and expects refusal without a trace.
fn refused(desk: &Desk, image: &Image, faults: &[Fault], words: &[&str]) -> Result<()> {
    for (flag, name) in [("-o", "x.tar"), ("-o", "x.tar.zst"), ("--to-dir", "x")] {
        faults
            .iter()
            .for_each(|fault| desk.source.fault(fault.clone()));
        let (reference, output) = (image.reference(&desk.source.host()), desk.at(name));
        let built = desk
            .build()?
            .args(["--image", &reference, flag, &output.to_string_lossy()])
            .run()?;
        desk.source.heal();
        fails_with(&built, 20, words);
        within(&built, 64)?;
        ensure!(!output.exists(), "{name} has its final name");
        assert_eq!(built.text(), "", "data of a build that failed");
    }
    Ok(())
}

#[test]
fn lies_about_content_are_refused_and_name_the_image() -> Result<()> {
    let desk = Desk::new()?;
    // Large enough to be cut.
    let image = desk.image("shop/app", "v1", 1, 9 << 20)?;
    let host = desk.source.host();
    let manifest = Fault::get("/manifests/");
    let blob = || Fault::get("/blobs/");
    let cases: [(Fault, &[&str]); 9] = [
        // A flip in the white space and digits of JSON: only the digest tells.
        (
            manifest.clone().does(Action::Flip { at: 30 }),
            &[&host, "shop/app:v1", "expected content sha256:", "altered"],
        ),
        (
            manifest.clone().does(Action::Html),
            &[&host, "shop/app", "web page"],
        ),
        (
            manifest.does(Action::Endless),
            &["shop/app:v1", "more than 4194304 bytes"],
        ),
        (
            blob().does(Action::Flip { at: 1000 }),
            &["shop/app", "digest", "check the source or a proxy"],
        ),
        (
            blob().does(Action::Html),
            &["shop/app@sha256:", "web page", "is it a registry?"],
        ),
        (
            blob().does(Action::Endless),
            &["shop/app@sha256:", "more bytes than it has"],
        ),
        (blob().does(Action::ClaimLength(7)), &["shop/app@sha256:"]),
        (
            blob().does(Action::ContentRange("bytes 5-9/10".to_owned())),
            &["shop/app@sha256:", "answers the range", "bytes 5-9/10"],
        ),
        (
            blob().does(Action::ContentRange("nonsense".to_owned())),
            &["shop/app@sha256:", "\"nonsense\""],
        ),
    ];
    for (fault, words) in cases {
        refused(&desk, &image, &[fault], words)?;
    }
    Ok(())
}

#[test]
fn a_manifest_by_digest_must_have_that_digest() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 5000)?;
    let by_digest = Image {
        tag: None,
        ..image.clone()
    };
    let flipped = Fault::get("/manifests/sha256:").does(Action::Flip { at: 5 });
    let digest = image.root.digest.to_string();
    refused(
        &desk,
        &by_digest,
        &[flipped],
        &[&digest, "the registry gave sha256:"],
    )
}

#[test]
fn a_manifest_that_is_too_large_ambiguous_or_mistyped_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let tag = "v1".parse()?;
    let giant = format!(
        "{{\"schemaVersion\": 2, \"pad\": {:?}}}",
        "x".repeat(5 << 20)
    );
    let both = br#"{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}"#;
    let other = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let sha512 = format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":2,\"digest\":\"sha512:{}\"}},\"layers\":[]}}",
        "ab".repeat(64)
    );
    let cases: [(&str, &[u8], &[&str]); 4] = [
        (
            "bad/giant",
            giant.as_bytes(),
            &["bad/giant:v1", "more than 4194304 bytes"],
        ),
        ("bad/both", both, &["bad/both"]),
        ("bad/other", other, &["bad/other", "calls itself"]),
        (
            "bad/sha512",
            sha512.as_bytes(),
            &["bad/sha512", "sha512", "sha256"],
        ),
    ];
    for (repository, bytes, words) in cases {
        let repository = repository.parse()?;
        desk.source.put_manifest(
            &repository,
            Some(&tag),
            MediaType::OciManifest,
            bytes.to_vec(),
        );
        let reference = format!("{}/{repository}:v1", desk.source.host());
        let built = desk
            .build()?
            .args([
                "--image",
                &reference,
                "-o",
                &desk.at("x.tar").to_string_lossy(),
            ])
            .run()?;
        fails_with(&built, 20, words);
        within(&built, 64)?;
        assert!(!desk.at("x.tar").exists());
    }
    Ok(())
}

#[test]
fn what_breaks_and_recovers_gives_the_very_same_bundle() -> Result<()> {
    let desk = Desk::new()?;
    // Above 8 MiB, so that it comes in slices.
    let image = desk.image("shop/app", "v1", 1, 17 << 20)?;
    desk.build_image(&image, "calm.tar")?
        .run()?
        .expect_code(0)?;
    let calm = fs::read(desk.at("calm.tar"))?;
    let limited = Action::retry_after(429, 1);
    let down = Action::status(503);
    let faults = [
        Fault::get("/blobs/")
            .does(Action::Cut { after: 1_000_000 })
            .times(2),
        Fault::get("/blobs/")
            .does(Action::Cut { after: 0 })
            .times(1),
        Fault::get("/blobs/").does(Action::IgnoreRange),
        Fault::get("/blobs/").does(Action::IgnoreRange).after(2),
        // One slice in the middle of others that are cut: the whole blob came, and then some of it again.
        Fault::get("/blobs/").does(Action::IgnoreRange).nth(3),
        Fault::get("/blobs/").does(Action::IgnoreRange).nth(4),
        Fault::get("/blobs/").does(limited.clone()).nth(2),
        Fault::get("/manifests/").does(limited).nth(1),
        Fault::get("/blobs/").does(down).nth(1),
        Fault::get("/blobs/").does(Action::Unauthorized).nth(2),
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        desk.source.fault(fault);
        let before = desk.source.requests().len();
        let built = desk.build_image(&image, "x.tar")?.run()?;
        ensure!(desk.source.faults_struck() > 0, "{shown} struck nothing");
        desk.source.heal();
        // An open registry that asks for a login once is a refusal, not something to wait for.
        if shown.contains("Unauthorized") {
            fails_with(&built, 20, &[&desk.source.host(), "cannot log in"]);
            continue;
        }
        ensure!(built.code == Some(0), "{shown}: {}", built.stderr);
        ensure!(fs::read(desk.at("x.tar"))? == calm, "{shown}");
        within(&built, 64)?;
        let sent: u64 = desk.source.requests()[before..]
            .iter()
            .map(|request| request.sent)
            .sum();
        if shown.contains("Cut") {
            // Resumed by range: what had arrived was not fetched again.
            ensure!(
                sent < calm.len() as u64 + (1 << 20),
                "{shown}: {sent} bytes"
            );
        }
    }
    Ok(())
}

#[test]
fn a_registry_that_wants_a_pause_gets_it() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    let limited = Action::retry_after(429, 1);
    desk.source
        .fault(Fault::get("/manifests/").does(limited.clone()).nth(1));
    let begun = std::time::Instant::now();
    desk.build_image(&image, "x.tar")?.run()?.expect_code(0)?;
    ensure!(begun.elapsed() >= Duration::from_secs(1), "it did not wait");
    desk.source.fault(Fault::get("/manifests/").does(limited));
    let built = desk
        .build_image(&image, "y.tar")?
        .args(["--retries", "0"])
        .run()?;
    fails_with(&built, 20, &["shop/app:v1", "429"]);
    Ok(())
}

#[test]
fn tokens_that_run_out_in_the_middle_are_renewed() -> Result<()> {
    let login = Login::new("robot", "s3cr3t-pass");
    let desk = Desk::with_source(Settings {
        auth: Auth::Bearer(Tokens {
            login: Some(login.clone()),
            anonymous_pull: false,
            uses: Some(3),
            ..Tokens::default()
        }),
        ..Settings::default()
    })?;
    let image = desk.image("shop/app", "v1", 1, 20 << 20)?;
    let authfile = authfile(&desk, &login)?;
    let built = desk
        .build_image(&image, "x.tar")?
        .args([OsStr::new("--authfile"), authfile.as_os_str()])
        .args(["--concurrency", "2"])
        .run()?
        .expect_code(0)?;
    ensure!(desk.source.token_requests() > 2, "tokens were not renewed");
    silent(&built, &["s3cr3t-pass", "token-"]);
    desk.import("verify", &desk.at("x.tar"))?
        .run()?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn another_host_that_blobs_are_redirected_to_gets_no_credentials() -> Result<()> {
    let login = Login::new("robot", "s3cr3t-pass");
    let tokens = Tokens {
        login: Some(login.clone()),
        anonymous_pull: false,
        ..Tokens::default()
    };
    for auth in [Auth::Basic(login.clone()), Auth::Bearer(tokens)] {
        let desk = Desk::with_source(Settings {
            auth,
            redirect_blobs: true,
            ..Settings::default()
        })?;
        let image = desk.image("shop/app", "v1", 1, 5 << 20)?;
        let authfile = authfile(&desk, &login)?;
        desk.build_image(&image, "x.tar")?
            .args([OsStr::new("--authfile"), authfile.as_os_str()])
            .run()?
            .expect_code(0)?;
        let there = desk.source.redirect_requests();
        ensure!(there.len() >= 2, "nothing was redirected");
        ensure!(
            there.iter().all(|request| !request.authorization_present),
            "{there:#?}"
        );
        let here = desk.source.requests();
        ensure!(here.iter().any(|request| request.authorization_present));
    }
    Ok(())
}

/// Credentials for the source, as podman writes them.
fn authfile(desk: &Desk, login: &Login) -> Result<std::path::PathBuf> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let auth = BASE64_STANDARD.encode(format!("{}:{}", login.user, login.password));
    let host = desk.source.host();
    desk.file(
        "auth.json",
        serde_json::json!({"auths": {host: {"auth": auth}}}).to_string(),
    )
}

fn silent(output: &Output, secrets: &[&str]) {
    for secret in secrets {
        assert!(
            !output.stderr.contains(secret) && !output.text().contains(secret),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_pipe_is_cut_where_the_source_lies_and_its_reader_is_told() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 5 << 20)?;
    let target = fakes::FakeRegistry::start(Settings::default())?;
    desk.source
        .fault(Fault::get("/blobs/").does(Action::Flip { at: 1000 }));
    let first = desk
        .build()?
        .args(["--image", &image.reference(&desk.source.host()), "-o", "-"]);
    let second = desk.push(std::path::Path::new("-"), &target.host())?;
    let (first, second): (Output, Output) = Program::pipe_into(first, second)?;
    fails_with(&first, 20, &["digest"]);
    fails_with(&second, 11, &["shop/app"]);
    ensure!(!target.has_tags());
    Ok(())
}
