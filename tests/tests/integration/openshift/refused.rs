/*! Releases that must not be taken, each with one sentence that says why, before anything large is moved. */

use std::fs;

use anyhow::{Context, Result};
use fakes::{Action, Fault};
use tests::{
    openshift::{Behaviour, Oddity, ReleaseSpec, SignatureStore, Signer, StoreServer},
    process::{Output, Program},
};

use super::Outside;
use crate::outcome::says;

/// The one line that a failed build says; no layer of a component was asked for.
fn refused(outside: &Outside, build: Program, code: i32) -> Result<String> {
    let bundle = outside.desk.at("refused.tar");
    let before = outside.registry.requests().len();
    let output = build
        .args(["-o".as_ref(), bundle.as_os_str()])
        .run()?
        .expect_code(code)?;
    assert!(!bundle.exists(), "a bundle was made all the same");
    let requests = outside.registry.requests().split_off(before);
    let blobs = requests
        .iter()
        .filter(|request| request.path.contains("/ocp-v4.0-art-dev/blobs/"));
    // Configs are read to know the platforms of images; layers are what is large.
    let large = blobs.filter(|request| request.method == "GET").count();
    assert!(
        large <= outside.release.components.len(),
        "{large} blobs of components were fetched"
    );
    Ok(error_of(&output))
}

fn error_of(output: &Output) -> String {
    let errors: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("error"))
        .collect();
    assert_eq!(errors.len(), 1, "{}", output.stderr);
    errors[0].to_owned()
}

#[test]
fn payloads_that_no_cluster_would_run() -> Result<()> {
    for (oddity, expected) in [
        (
            Oddity::Missing("cli".into()),
            &[
                "component \"cli\" of release 4.3.0",
                "ocp-v4.0-art-dev@sha256:",
            ][..],
        ),
        (
            Oddity::ByTag("cli".into()),
            &["component \"cli\"", "not named by digest"],
        ),
        (
            Oddity::NoReferences,
            &[
                "ocp-release:4.3.0-x86_64",
                "no layer holds release-manifests/image-references",
            ],
        ),
        (
            Oddity::MalformedReferences,
            &["ocp-release:4.3.0-x86_64", "image-references"],
        ),
        (
            Oddity::HugeReferences(5 << 20),
            &["image-references has", "more than 4194304"],
        ),
    ] {
        let outside = Outside::new(|spec| spec.with(oddity.clone()))?;
        says(&refused(&outside, outside.build()?, 20)?, expected);
    }
    Ok(())
}

#[test]
fn an_image_that_is_no_release() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let (_, digest) = outside
        .release
        .components
        .iter()
        .next()
        .context("no components")?;
    let component = format!(
        "{}/{}@{digest}",
        outside.release.host, outside.release.component_repository
    );
    let build = outside
        .desk
        .build()?
        .args(["--release", &component, "--release-key"])
        .args([outside.key()]);
    says(
        &refused(&outside, build, 20)?,
        &[
            "it is no OpenShift release",
            "take another image with --image",
        ],
    );
    Ok(())
}

#[test]
fn stores_that_misbehave_are_named() -> Result<()> {
    for (behaviour, reason) in [
        (Behaviour::Html, "web page"),
        (Behaviour::Error500, "500"),
        (Behaviour::Garbage, "50 KiB"),
        (Behaviour::NotFound, ""),
    ] {
        let outside = Outside::new(|spec| spec)?;
        let server = StoreServer::start(&outside.store, behaviour)?;
        let build = outside.desk.build()?.args([
            "--release",
            &outside.release.reference(),
            "--signature-store",
            &server.url(),
        ]);
        let build = build.args(["--release-key".as_ref(), outside.key().as_os_str()]);
        let told = refused(&outside, build, 10)?;
        says(
            &told,
            &["not verified", &server.url(), "release.asc", reason],
        );
    }
    Ok(())
}

#[test]
fn a_store_that_hangs_delays_nobody_who_has_the_signature() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let hanging = StoreServer::start(&outside.store, Behaviour::Hangs)?;
    let bundle = outside.desk.at("bundle.tar");
    let build = outside
        .build()?
        .args(["--signature-store", &hanging.url(), "-o"])
        .args([&bundle]);
    build.run()?.expect_code(0)?;
    // Alone, it is given up and named.
    let build = outside.desk.build()?.args([
        "--release",
        &outside.release.reference(),
        "--signature-store",
        &hanging.url(),
    ]);
    let build = build.args(["--release-key".as_ref(), outside.key().as_os_str()]);
    says(
        &refused(&outside, build, 10)?,
        &["not verified", &hanging.url(), "15 seconds"],
    );
    assert!(hanging.requests() > 0, "the store that hangs was not asked");
    Ok(())
}

#[test]
fn only_the_operators_keys_decide() -> Result<()> {
    // The payload brings the key it was signed with, as a forged one would.
    let outside = Outside::new(|spec| spec)?;
    let other = Signer::new(99)?;
    let key = outside.desk.at("other.asc");
    fs::write(&key, other.public_armored()?)?;
    let with = |key: Option<&std::path::Path>| -> Result<Program> {
        let build = outside.desk.build()?.args([
            "--release",
            &outside.release.reference(),
            "--signature-store",
        ]);
        let build = build.args([outside.store.path()]);
        Ok(match key {
            Some(key) => build.args(["--release-key".as_ref(), key.as_os_str()]),
            None => build,
        })
    };
    says(
        &refused(&outside, with(Some(&key))?, 10)?,
        &["not verified", "other.asc"],
    );
    says(
        &refused(&outside, with(None)?, 10)?,
        &["not verified", "--release-key"],
    );
    // A signature by the right key for another digest.
    let second = ReleaseSpec::new("4.3.9")
        .host(&outside.registry.host())
        .make()?;
    let forged = SignatureStore::new(outside.desk.at("forged"))?;
    forged.add(&outside.release.digest(), &second.sign(&outside.signer)?)?;
    let build =
        outside
            .desk
            .build()?
            .args(["--release", &outside.release.reference(), "--release-key"]);
    let build = build.args([
        outside.key(),
        "--signature-store".into(),
        forged.path().to_owned(),
    ]);
    says(&refused(&outside, build, 10)?, &["not verified", "forged"]);
    Ok(())
}

#[test]
fn an_unverified_release_must_be_asked_for_and_is_called_so() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let bundle = outside.desk.at("bundle.tar");
    let build = outside.desk.build()?.args([
        "--release",
        &outside.release.reference(),
        "--allow-unverified-release",
        "-o",
    ]);
    let said = build.args([&bundle]).run()?.expect_code(0)?;
    says(&said.text(), &["UNVERIFIED"]);
    says(
        &said.stderr,
        &["not verified", "--allow-unverified-release"],
    );
    let index = outside.index(&bundle)?;
    assert_eq!(index.releases[0].verified_by, [] as [String; 0]);
    let shown = outside
        .desk
        .import("inspect", &bundle)?
        .run()?
        .expect_code(0)?
        .text();
    says(&shown, &["UNVERIFIED"]);
    Ok(())
}

#[test]
fn what_clusters_will_object_to_is_told() -> Result<()> {
    // The payload wants a second keyring, which signed nothing.
    let strict = Signer::new(55)?.public_armored()?;
    let outside = Outside::new(|spec| spec.key("strict", &strict))?;
    let bundle = outside.desk.at("bundle.tar");
    let said = outside
        .build()?
        .args(["-o".as_ref(), bundle.as_os_str()])
        .run()?
        .expect_code(0)?;
    says(&said.stderr, &["verifier-public-key-strict"]);
    Ok(())
}

#[test]
fn keys_of_the_wrong_kind_are_recognised() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let build = outside
        .desk
        .build()?
        .args(["--release", &outside.release.reference(), "--release-key"])
        .args([outside.desk.public()]);
    says(&refused(&outside, build, 2)?, &["key.pub.pem", "OpenPGP"]);
    let bundle = outside.bundle()?;
    let verify = Program::importer()?.args([
        "verify".as_ref(),
        bundle.as_os_str(),
        "--key".as_ref(),
        outside.key().as_os_str(),
    ]);
    says(&error_of(&verify.run()?.expect_code(2)?), &["OpenPGP"]);
    Ok(())
}

/// For a plain image a registry that refuses to be asked for signatures has none. A release without those of its
/// components is one that clusters with a policy refuse.
#[test]
fn a_registry_that_refuses_lookups_of_signatures_gives_no_release() -> Result<()> {
    let outside = Outside::new(|spec| spec.signature_tags())?;
    for path in [".sig", "/referrers/"] {
        outside
            .registry
            .fault(Fault::any(path).does(Action::status(403)));
        let bundle = outside.desk.at("bundle.tar");
        let build = |flags: &[&str]| {
            let build = outside.build()?.args(flags);
            build.args(["-o".as_ref(), bundle.as_os_str()]).run()
        };
        let told = build(&[])?.expect_code(20)?.stderr;
        for word in ["release 4.3.0", "403", "--skip-referrers"] {
            assert!(told.contains(word), "{told}");
        }
        assert!(!bundle.exists());
        build(&["--skip-referrers"])?.expect_code(0)?;
        std::fs::remove_file(&bundle)?;
        outside.registry.heal();
    }
    Ok(())
}
