/*! Releases made to confuse: lists, sizes, names and ConfigMaps that are not what they seem. */

use std::fs;

use anyhow::{Context, Result};
use schema::{Digest, MediaType};
use serde_json::{Value, json};
use tests::{
    openshift::{ReleaseSpec, Signer, signature_config_map},
    process::Program,
};

use super::{Outside, index};
use crate::desk::Desk;

/// `bundler build --release` of what is at the registry under a tag, believed unseen.
fn unverified(outside: &Outside, tag: &str) -> Result<Program> {
    let repository = &outside.release.image.repository;
    let reference = format!("{}/{repository}:{tag}", outside.release.host);
    let flags = ["--allow-unverified-release", "--dry-run", "--release"];
    Ok(outside.desk.build()?.args(flags).args([&reference]))
}

#[test]
fn an_attestation_in_the_list_of_a_release_is_no_machine() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let (registry, repository) = (&outside.registry, &outside.release.image.repository);
    let root = &outside.release.image.root;
    let note = json!({
        "schemaVersion": 2, "mediaType": MediaType::OciManifest.as_str(), "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": registry.put_blob(repository, "{}"), "size": 2},
    });
    let note = note.to_string();
    let entry = |digest: Digest, size: usize, kind: MediaType, os: &str| -> Value {
        json!({"mediaType": kind.as_str(), "digest": digest, "size": size, "platform": {"os": os, "architecture": "amd64"}})
    };
    let about = registry.put_manifest(repository, None, MediaType::OciManifest, note.clone());
    // First of all, where a careless reader would look.
    let list = json!({
        "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(),
        "manifests": [
            entry(about, note.len(), MediaType::OciManifest, "unknown"),
            entry(root.digest, root.bytes.len(), root.media_type, "linux"),
        ],
    });
    let tag = "attested".parse()?;
    registry.put_manifest(
        repository,
        Some(&tag),
        MediaType::OciIndex,
        list.to_string(),
    );
    unverified(&outside, "attested")?.run()?.expect_code(0)?;
    Ok(())
}

#[test]
fn sizes_that_cannot_be_added_up_are_no_way_in() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let (registry, image) = (&outside.registry, &outside.release.image);
    let mut manifest: Value = serde_json::from_slice(&image.root.bytes)?;
    let layers = manifest["layers"].as_array_mut().into_iter().flatten();
    let mut layers: Vec<&mut Value> = layers.collect();
    // The top layer is as it was but for the payload, so that the next one is looked at.
    layers.pop();
    layers[0]["size"] = json!(u64::MAX);
    let layers: Vec<Value> = layers.into_iter().map(|layer| layer.clone()).collect();
    manifest["layers"] = json!(layers);
    let (tag, kind) = ("sizes".parse()?, image.root.media_type);
    registry.put_manifest(&image.repository, Some(&tag), kind, manifest.to_string());
    let output = unverified(&outside, "sizes")?.run()?.expect_code(20)?;
    assert!(
        output.stderr.contains("18446744073709551615 is beyond"),
        "{}",
        output.stderr
    );
    Ok(())
}

#[test]
fn two_releases_signed_under_one_name_stay_two() -> Result<()> {
    let (desk, signer) = (Desk::new()?, Signer::new(3)?);
    fs::write(desk.at("release.asc"), signer.public_armored()?)?;
    let mut digests = Vec::new();
    for version in ["4.3.0", "4.3.1"] {
        let release = ReleaseSpec::new(version)
            .key("harness", &signer.public_armored()?)
            .store("official", "http://127.0.0.1:1/signatures")
            .make()?;
        // Nobody compares this name with anything: clusters only ask that there is one.
        let signature = signer.sign(
            &release.digest(),
            "quay.io/openshift-release-dev/ocp-release",
        )?;
        release.write_mirror_dir(&desk.at(version), &[signature], &[])?;
        digests.push(release.digest());
    }
    for folder in [
        "config",
        "v2/openshift/release/blobs",
        "v2/openshift/release/manifests",
    ] {
        for entry in fs::read_dir(desk.at("4.3.1").join(folder))? {
            let entry = entry?;
            fs::rename(
                entry.path(),
                desk.at("4.3.0").join(folder).join(entry.file_name()),
            )?;
        }
    }
    let build = desk.build()?.args([
        "--from-dir".as_ref(),
        desk.at("4.3.0").as_os_str(),
        "--release-key".as_ref(),
        desk.at("release.asc").as_os_str(),
        "-o".as_ref(),
        desk.at("two.tar").as_os_str(),
    ]);
    build.run()?.expect_code(0)?;
    let index = index(&desk, &desk.at("two.tar"))?;
    let found: Vec<Digest> = index.releases.iter().map(|one| one.digest).collect();
    assert_eq!(found, digests);
    Ok(())
}

#[test]
fn a_config_map_that_clusters_would_not_find_is_not_enough() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let digest = outside.release.digest();
    let right = signature_config_map(&digest, &[outside.release.sign(&outside.signer)?]);
    let label = "\"release.openshift.io/verification-signatures\":\"\"";
    assert!(right.contains(label));
    let given = outside.desk.at("given.json");
    fs::write(&given, right.replace(label, ""))?;
    let build =
        outside
            .build()?
            .args(["--dry-run".as_ref(), "--config".as_ref(), given.as_os_str()]);
    let output = build.run()?.expect_code(2)?;
    for part in [
        "config/given.json",
        "without the label",
        "leave that file out",
    ] {
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
    Ok(())
}

#[test]
fn what_may_be_a_password_is_not_repeated() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    for (flag, address, code) in [
        (
            "--signature-store",
            "https://user:hunter2@store.example/s",
            2,
        ),
        (
            "--signature-store",
            "https://store.example/s?token=hunter2",
            2,
        ),
        ("--graph-data", "https://user:hunter2@graph.example/g", 2),
        ("--graph-data", "http://127.0.0.1:1/g?token=hunter2", 20),
    ] {
        let base = outside.release.reference();
        let mut build = outside.build()?.args(["--dry-run", "-v", flag, address]);
        if flag == "--graph-data" {
            build = build.args(["--graph-base-image", &base]);
        }
        let output = build.run()?.expect_code(code)?;
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
        let host = address.rsplit(['@', '/']).find(|part| part.contains('.'));
        assert!(
            host.is_some_and(|host| output.stderr.contains(host)),
            "{}",
            output.stderr
        );
    }
    Ok(())
}

#[test]
fn a_release_without_tag_or_digest_is_asked_about() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let before = outside.registry.requests().len();
    let reference = outside.release.reference();
    let (name, _) = reference.rsplit_once(':').context("no tag")?;
    let build = outside.desk.build()?.args(["--dry-run", "--release", name]);
    let output = build.run()?.expect_code(2)?;
    assert!(
        output.stderr.contains("name a tag or a digest"),
        "{}",
        output.stderr
    );
    assert_eq!(outside.registry.requests().len(), before);
    Ok(())
}
