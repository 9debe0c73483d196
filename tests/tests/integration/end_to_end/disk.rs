/*!
The same images by way of directories: as a source, as what a bundle is unpacked into, and as the bundle itself.
*/

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use schema::Digest;
use tests::{images::Set, needs, process::Program};

use super::{arrived, build, named, stocked};
use crate::desk::Desk;

#[test]
fn directories_are_sources_too() -> Result<()> {
    let skopeo = needs!("skopeo");
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    // Referrers are found through an API, which a mirror directory does not have: the rest of the set.
    let on_disk = Set {
        images: set.images[..6].to_vec(),
    };
    let (mirror, layout, foreign) = (desk.at("mirror"), desk.at("layout"), desk.at("foreign"));
    on_disk.write_mirror(&mirror)?;
    set.write_oci_layout(&layout)?;
    for (name, directory, expected) in [
        ("mirror.tar", &mirror, &on_disk),
        ("layout.tar", &layout, &set),
    ] {
        let bundle = build(&desk, name, &["--from-dir".as_ref(), directory.as_os_str()])?;
        let target = FakeRegistry::start(Settings::default())?;
        desk.pushed(&bundle, &target.host(), &[])?;
        arrived(&target, expected, "").with_context(|| name.to_owned())?;
    }
    let app = &set.images[0];
    let (from, to) = (
        format!("docker://{}", app.reference(&source.host())),
        format!("oci:{}:v1", foreign.display()),
    );
    let copy = Program::at(&skopeo)?.args([
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
        &from,
        &to,
    ]);
    copy.run()?.expect_code(0)?;
    let renamed = format!("oci:{}:v1=other/app:v2", foreign.display());
    for (name, flags, place, tag) in [
        (
            "foreign.tar",
            ["--from-dir".to_owned(), foreign.display().to_string()],
            "foreign",
            "v1",
        ),
        (
            "renamed.tar",
            ["--image".to_owned(), renamed],
            "other/app",
            "v2",
        ),
    ] {
        let target = FakeRegistry::start(Settings::default())?;
        desk.pushed(&build(&desk, name, &flags)?, &target.host(), &[])?;
        target.check_complete(&place.parse()?, &tag.parse()?)?;
        assert_eq!(
            target.tags(&place.parse()?).get(tag),
            Some(&app.root.digest)
        );
    }
    Ok(())
}

/// Looks at a tree as anybody can: every name, and what is behind it.
fn check_tree(tree: &Path, set: &Set) -> Result<()> {
    for image in &set.images {
        let repository = tree.join("v2").join(image.repository.as_str());
        for made in image.manifests() {
            let name = made.digest.to_string();
            let (blob, manifest) = (
                repository.join("blobs").join(&name),
                repository.join("manifests").join(&name),
            );
            ensure!(
                fs::read(&manifest)? == made.bytes,
                "{} differs",
                manifest.display()
            );
            ensure!(
                blob.metadata()?.ino() == manifest.metadata()?.ino(),
                "{} is no hard link",
                manifest.display()
            );
        }
        for blob in &image.blobs {
            let path = repository.join("blobs").join(blob.digest.to_string());
            ensure!(
                Digest::of(&fs::read(&path)?) == blob.digest,
                "{} differs",
                path.display()
            );
        }
        if let Some(tag) = &image.tag {
            let link = fs::read_link(repository.join("manifests").join(tag.as_str()))?;
            ensure!(
                link.as_os_str() == image.root.digest.to_string().as_str(),
                "{tag} leads to {}",
                link.display()
            );
        }
    }
    Ok(())
}

#[test]
fn unpacked_it_is_a_mirror_directory_and_still_a_bundle() -> Result<()> {
    needs!("zstd");
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let config = desk.config_map("one")?;
    let mut flags = named(&set, &source.host());
    flags.extend(["--config".to_owned(), config.display().to_string()]);
    for name in ["bundle.tar", "bundle.tar.zst"] {
        let bundle = build(&desk, name, &flags)?;
        let tree = desk.at(&format!("{name}.d"));
        let extract = desk
            .import("extract", &bundle)?
            .args(["--to-dir".as_ref(), tree.as_os_str()]);
        extract.run()?.expect_code(0)?;
        check_tree(&tree, &set)?;
        assert_eq!(fs::read(tree.join("config/one.yaml"))?, fs::read(&config)?);
        let sums = Program::at(Path::new("/bin/sh"))?.args([
            "-c",
            "cd \"$0\" && sha256sum --check --strict --quiet SHA256SUMS",
        ]);
        sums.args([&tree]).run()?.expect_code(0)?;
        desk.import("verify", &tree)?.run()?.expect_code(0)?;
        let target = FakeRegistry::start(Settings::default())?;
        desk.pushed(&tree, &target.host(), &[])?;
        arrived(&target, &set, "")?;
        // And a source for the next bundle; what `tar` unpacks is the same.
        let again = build(
            &desk,
            &format!("again-{name}"),
            &["--from-dir".as_ref(), tree.as_os_str()],
        )?;
        desk.import("verify", &again)?.run()?.expect_code(0)?;
    }
    let (plain, packed) = (desk.at("bundle.tar"), desk.at("bundle.tar.zst"));
    let decoded = Program::at(Path::new("/bin/sh"))?.args(["-c", "zstd -dc \"$1\" | cmp - \"$0\""]);
    decoded.args([&plain, &packed]).run()?.expect_code(0)?;
    Ok(())
}

#[test]
fn manifests_may_take_another_way() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let (tree, config) = (desk.at("tree"), desk.at("manifests"));
    let mut flags = named(&set, &source.host());
    flags.extend([
        "--config".to_owned(),
        desk.config_map("one")?.display().to_string(),
    ]);
    let both = [
        "--to-dir".as_ref(),
        tree.as_os_str(),
        "--config-to-dir".as_ref(),
        config.as_os_str(),
    ];
    desk.build()?
        .args(&flags)
        .args(both)
        .run()?
        .expect_code(0)?;
    check_tree(&tree, &set)?;
    assert!(
        !tree.join("config").exists(),
        "the manifests are in both places"
    );
    let mut names: Vec<_> = fs::read_dir(&config)?
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect();
    names.sort();
    assert_eq!(names, ["SHA256SUMS", "one.yaml"]);
    let sums = Program::at(Path::new("/bin/sh"))?
        .args(["-c", "cd \"$0\" && sha256sum --check --strict SHA256SUMS"]);
    sums.args([&config]).run()?.expect_code(0)?;
    let said = desk.import("verify", &tree)?.run()?.expect_code(0)?.text();
    assert!(said.contains("5 images, 0 objects"), "{said}");
    let target = FakeRegistry::start(Settings::default())?;
    desk.pushed(&tree, &target.host(), &[])?;
    arrived(&target, &set, "")
}

#[test]
fn images_alone_and_manifests_alone() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let images = build(&desk, "images.tar", &named(&set, &source.host()))?;
    let manifests = build(
        &desk,
        "manifests.tar",
        &["--config".as_ref(), desk.config_map("one")?.as_os_str()],
    )?;
    for (bundle, expected) in [
        (&images, "5 images, 0 objects"),
        (&manifests, "0 images, 1 object"),
    ] {
        let said = desk.import("verify", bundle)?.run()?.expect_code(0)?.text();
        assert!(said.contains(expected), "{said}");
    }
    let target = FakeRegistry::start(Settings::default())?;
    let report = desk.pushed(&manifests, &target.host(), &[])?;
    assert_eq!(
        (&report["blobs"], &report["tags"]),
        (&serde_json::json!(0), &serde_json::json!([]))
    );
    assert!(target.repositories().is_empty());
    Ok(())
}
