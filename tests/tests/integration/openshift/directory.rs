/*! A directory that `oc adm release mirror --to-dir` wrote, on any system and in any state. */

use std::fs;

use anyhow::{Context, Result};
use tests::{
    openshift::{Quirk, ReleaseSpec, Signer},
    process::Program,
};

use super::index;
use crate::desk::Desk;

/// A desk with the mirror directory of a signed release.
struct Carried {
    desk: Desk,
    release: tests::openshift::Release,
}

impl Carried {
    fn new(quirks: &[Quirk]) -> Result<(Self, Vec<std::path::PathBuf>)> {
        let (desk, signer) = (Desk::new()?, Signer::new(3)?);
        let spec = ReleaseSpec::new("4.3.0")
            .signature_tags()
            .key("harness", &signer.public_armored()?);
        let release = spec
            .store("official", "http://127.0.0.1:1/signatures")
            .make()?;
        fs::write(desk.at("release.asc"), signer.public_armored()?)?;
        let signature = release.sign(&signer)?;
        let changed = release.write_mirror_dir(&desk.at("mirror"), &[signature], quirks)?;
        Ok((Self { desk, release }, changed))
    }

    /// A build from the directory into `bundle.tar`.
    fn build(&self) -> Result<Program> {
        let mirror = self.desk.at("mirror");
        let build = self
            .desk
            .build()?
            .args(["-o".as_ref(), self.desk.at("bundle.tar").as_os_str()]);
        Ok(build.args(["--from-dir".as_ref(), mirror.as_os_str()]))
    }

    /// The same with the key that signed the release.
    fn verified(&self) -> Result<Program> {
        Ok(self.build()?.args([
            "--release-key".as_ref(),
            self.desk.at("release.asc").as_os_str(),
        ]))
    }
}

#[test]
fn it_counts_as_plain_images_unless_it_verifies() -> Result<()> {
    let (carried, _) = Carried::new(&[])?;
    let said = carried.build()?.run()?.expect_code(0)?;
    assert!(
        said.stderr.contains("unverified") && said.stderr.contains("--release-key"),
        "{}",
        said.stderr
    );
    let plain = index(&carried.desk, &carried.desk.at("bundle.tar"))?;
    assert_eq!(plain.releases[0].verified_by, [] as [String; 0]);
    assert_eq!(plain.releases[0].tag, carried.release.tag);
    assert!(!plain.images.is_empty());
    assert!(
        plain
            .images
            .iter()
            .all(|image| image.source.starts_with("file://")),
        "{:?}",
        plain.images
    );
    // The ConfigMap that oc wrote beside it comes along.
    assert_eq!(plain.objects.len(), 1);
    assert!(
        plain.objects[0]
            .path
            .to_string()
            .starts_with("config/signature-sha256-"),
        "{:?}",
        plain.objects
    );

    fs::remove_file(carried.desk.at("bundle.tar"))?;
    carried.verified()?.run()?.expect_code(0)?;
    let verified = index(&carried.desk, &carried.desk.at("bundle.tar"))?;
    assert_eq!(verified.releases[0].verified_by.len(), 1);
    let sources: Vec<&str> = verified
        .images
        .iter()
        .map(|image| image.source.as_str())
        .collect();
    assert!(
        sources
            .iter()
            .all(|source| source.starts_with("quay.io/openshift-release-dev/")),
        "{sources:?}"
    );
    assert_eq!(verified.images.len(), plain.images.len());
    assert_eq!(
        verified.files.len(),
        plain.files.len(),
        "nothing more and nothing less"
    );
    assert_eq!(verified.objects, plain.objects, "one ConfigMap is enough");
    Ok(())
}

#[test]
fn names_of_windows_are_understood() -> Result<()> {
    let (carried, _) = Carried::new(&[Quirk::WindowsNames])?;
    carried.verified()?.run()?.expect_code(0)?;
    let index = index(&carried.desk, &carried.desk.at("bundle.tar"))?;
    assert_eq!(index.images.len(), 6);
    Ok(())
}

#[test]
fn leftovers_are_refused_by_name() -> Result<()> {
    for quirk in [
        Quirk::LeftoverDownload,
        Quirk::LeftoverTag,
        Quirk::LeftoverTemporary,
    ] {
        let (carried, changed) = Carried::new(&[quirk])?;
        let output = carried.build()?.run()?.expect_code(20)?;
        let name = changed[0].display().to_string();
        assert!(
            output.stderr.contains(&name) && output.stderr.contains("interrupted"),
            "{quirk:?}: {}",
            output.stderr
        );
    }
    Ok(())
}

#[test]
fn altered_bytes_are_found_though_oc_would_not() -> Result<()> {
    for quirk in [Quirk::AlteredBlob, Quirk::AlteredManifest] {
        let (carried, changed) = Carried::new(&[quirk])?;
        let output = carried.build()?.run()?.expect_code(20)?;
        let name = changed[0]
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        assert!(
            output.stderr.contains(&name),
            "{quirk:?}: {}",
            output.stderr
        );
        assert!(!carried.desk.at("bundle.tar").exists());
    }
    Ok(())
}

#[test]
fn a_component_that_is_not_there_is_named() -> Result<()> {
    let (carried, _) = Carried::new(&[])?;
    let digest = carried.release.components["cli"];
    let base = carried.desk.at("mirror/v2/openshift/release");
    for place in ["manifests", "blobs"] {
        fs::remove_file(base.join(place).join(digest.to_string()))?;
    }
    fs::remove_file(base.join(format!("manifests/{}-cli", carried.release.tag)))?;
    let output = carried.verified()?.run()?.expect_code(20)?;
    assert!(
        output.stderr.contains("component \"cli\" of release 4.3.0"),
        "{}",
        output.stderr
    );
    Ok(())
}

#[test]
fn a_forged_release_in_it_is_refused_when_keys_are_given() -> Result<()> {
    let (carried, _) = Carried::new(&[])?;
    let other = carried.desk.at("other.asc");
    fs::write(&other, Signer::new(77)?.public_armored()?)?;
    let output = carried
        .build()?
        .args(["--release-key".as_ref(), other.as_os_str()])
        .run()?
        .expect_code(10)?;
    assert!(output.stderr.contains("not verified"), "{}", output.stderr);
    Ok(())
}

#[test]
fn one_platform_of_it_is_what_the_record_is_about() -> Result<()> {
    let desk = Desk::new()?;
    let release = ReleaseSpec::new("4.3.0")
        .architectures(&["amd64", "arm64"])
        .make()?;
    release.write_mirror_dir(&desk.at("mirror"), &[], &[])?;
    let build = desk
        .build()?
        .args(["--platform", "linux/arm64", "--from-dir"]);
    let build = build.args([desk.at("mirror"), "-o".into(), desk.at("one.tar")]);
    build.run()?.expect_code(0)?;
    let index = index(&desk, &desk.at("one.tar"))?;
    let images = index.images.iter();
    let image = images.filter(|image| image.selected_from == Some(release.digest()));
    let taken: Vec<_> = image.map(|image| image.digest).collect();
    assert_eq!(taken, [index.releases[0].digest]);
    assert_eq!(index.releases[0].verified_by, [] as [String; 0]);
    Ok(())
}

#[test]
fn a_release_under_another_tag_is_pointed_out() -> Result<()> {
    let (carried, _) = Carried::new(&[])?;
    let manifests = carried.desk.at("mirror/v2/openshift/release/manifests");
    let tag = carried.release.tag.as_str();
    fs::rename(manifests.join(tag), manifests.join("latest"))?;
    let said = carried.verified()?.run()?.expect_code(0)?;
    assert!(
        said.stderr
            .contains("latest is labelled as OpenShift release 4.3.0"),
        "{}",
        said.stderr
    );
    let index = index(&carried.desk, &carried.desk.at("bundle.tar"))?;
    assert!(index.releases.is_empty());
    Ok(())
}

#[test]
fn a_pipe_in_place_of_a_blob_stops_the_build_and_does_not_hang_it() -> Result<()> {
    let (carried, _) = Carried::new(&[])?;
    let image = &carried.release.image;
    let blobs = carried.desk.at("mirror/v2/openshift/release/blobs");
    let digest = image.blobs.iter().map(|blob| blob.digest).next_back();
    let place = blobs.join(digest.context("no blobs")?.to_string());
    fs::remove_file(&place)?;
    rustix::fs::mkfifoat(rustix::fs::CWD, &place, rustix::fs::Mode::RUSR)?;
    let said = carried.build()?.run()?.expect_code(20)?;
    assert!(said.stderr.contains("not a plain file"), "{}", said.stderr);
    Ok(())
}
