/*! The three ways of a release: to disk, through a pipe, and to a registry with its configuration on disk. */

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use fakes::{FakeRegistry, registry::Settings};
use tests::{cluster::Cluster, needs, process::Program};
use walkdir::WalkDir;

use super::Outside;

/// Every file below a directory, relative.
fn files(directory: &Path) -> Result<BTreeSet<String>> {
    let entries = WalkDir::new(directory)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let files = entries.iter().filter(|entry| !entry.file_type().is_dir());
    Ok(files
        .filter_map(|entry| {
            Some(
                entry
                    .path()
                    .strip_prefix(directory)
                    .ok()?
                    .to_string_lossy()
                    .into_owned(),
            )
        })
        .collect())
}

#[test]
fn to_disk() -> Result<()> {
    let outside = Outside::new(|spec| spec.signature_tags())?;
    let tree = outside.desk.at("tree");
    let said = outside
        .build()?
        .args(["--to-dir".as_ref(), tree.as_os_str()])
        .run()?
        .expect_code(0)?
        .text();
    let (place, digest) = (tree.display(), outside.release.digest());
    for line in [
        format!(
            "Configmap {place}/config/signature/sha256/{}.yaml created",
            &digest.hex()[..16]
        ),
        format!(
            "oc image mirror --from-dir={place} 'file://openshift/release:4.3.0-x86_64*' REGISTRY/openshift/release"
        ),
        format!(
            "oc image mirror --from-dir={place} 'file://openshift/release:sha256-*' REGISTRY/openshift/release"
        ),
        format!("oc apply -Rf {place}/config"),
        format!(
            "oc adm upgrade --allow-explicit-upgrade --to-image REGISTRY/openshift/release@{digest}"
        ),
    ] {
        assert!(said.contains(&line), "{line:?} is not in:\n{said}");
    }
    // What oc would have written, byte for byte, and the signatures that it leaves behind.
    let oc = outside.desk.at("oc");
    outside.release.write_mirror_dir(&oc, &[], &[])?;
    let (ours, theirs) = (files(&tree.join("v2"))?, files(&oc.join("v2"))?);
    for path in &theirs {
        assert!(ours.contains(path), "{path} is missing");
        let (ours, theirs) = (tree.join("v2").join(path), oc.join("v2").join(path));
        assert!(fs::read(ours)? == fs::read(theirs)?, "{path} differs");
    }
    let tags = |files: &BTreeSet<String>| {
        files
            .iter()
            .filter(|path| path.contains("/manifests/") && !path.contains("sha256:"))
            .count()
    };
    assert_eq!(tags(&ours), tags(&theirs) + 6, "a signature for each image");
    // It is taken back in as it is.
    let again = outside.desk.at("again.tar");
    let build = outside.desk.build()?.args([
        "--from-dir".as_ref(),
        tree.as_os_str(),
        "--release-key".as_ref(),
        outside.key().as_os_str(),
    ]);
    build
        .args(["-o".as_ref(), again.as_os_str()])
        .run()?
        .expect_code(0)?;
    assert_eq!(outside.index(&again)?.releases[0].digest, digest);
    Ok(())
}

#[test]
fn to_disk_with_manifests_apart() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let (tree, config) = (outside.desk.at("tree"), outside.desk.at("config dir"));
    let build = outside.build()?.args([
        "--to-dir".as_ref(),
        tree.as_os_str(),
        "--config-to-dir".as_ref(),
        config.as_os_str(),
    ]);
    let said = build.run()?.expect_code(0)?.text();
    let short = &outside.release.digest().hex()[..16];
    assert_eq!(
        files(&config)?,
        BTreeSet::from([
            "SHA256SUMS".to_owned(),
            format!("signature/sha256/{short}.yaml")
        ])
    );
    assert!(!tree.join("config").exists());
    assert!(
        said.contains(&format!("oc apply -Rf '{}'", config.display())),
        "{said}"
    );
    Ok(())
}

#[test]
fn through_a_pipe_with_configuration_written() -> Result<()> {
    let outside = Outside::new(|spec| spec.signature_tags())?;
    let inside = FakeRegistry::start(Settings::default())?;
    let config = outside.desk.at("config");
    let to = format!("{}/mirror", inside.host());
    let build = outside.build()?.args(["-o", "-"]);
    let import = outside.desk.import("import", Path::new("-"))?.args([
        "--plain-http",
        "--to",
        &to,
        "--config-to-dir",
    ]);
    let (built, imported) = build.pipe_into(import.args([&config]))?;
    built.expect_code(0)?;
    let said = imported.expect_code(0)?.text();
    let digest = outside.release.digest();
    let upgrade = format!(
        "oc adm upgrade --allow-explicit-upgrade --to-image {to}/openshift/release-images@{digest}"
    );
    assert!(said.contains(&upgrade), "{said}");
    inside.check_complete(&"mirror/openshift/release".parse()?, &outside.release.tag)?;
    inside.check_complete(
        &"mirror/openshift/release-images".parse()?,
        &outside.release.tag,
    )?;
    configuration(&outside, &config)
}

#[test]
fn to_a_registry_with_configuration_on_disk() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let config = imported(&outside)?;
    configuration(&outside, &config)
}

/// Imports the release into a registry of its own, and says where its configuration was put.
fn imported(outside: &Outside) -> Result<PathBuf> {
    let inside = FakeRegistry::start(Settings::default())?;
    let config = outside.desk.at("config");
    let import = outside.desk.import("import", &outside.bundle()?)?.args([
        "--plain-http",
        "--to",
        &inside.host(),
        "--config-to-dir",
    ]);
    import.args([&config]).run()?.expect_code(0)?;
    Ok(config)
}

/// The ConfigMap, a mirror set for each of both sources, the text for an installation, and checksums of all of it.
fn configuration(outside: &Outside, directory: &Path) -> Result<()> {
    let found = files(directory)?;
    let short = &outside.release.digest().hex()[..16];
    assert!(
        found.contains(&format!("signature/sha256/{short}.yaml")),
        "{found:?}"
    );
    assert!(
        found.contains("install-config.txt") && found.contains("SHA256SUMS"),
        "{found:?}"
    );
    let sets: Vec<&String> = found
        .iter()
        .filter(|path| path.starts_with("mirror/"))
        .collect();
    assert_eq!(sets.len(), 2, "{found:?}");
    let mut sources = BTreeSet::new();
    for set in sets {
        let text = fs::read_to_string(directory.join(set))?;
        assert!(text.contains("kind: ImageDigestMirrorSet"), "{text}");
        sources.extend(text.lines().filter_map(|line| {
            Some(
                line.trim()
                    .trim_start_matches("- ")
                    .strip_prefix("source: ")?
                    .trim_matches('\'')
                    .to_owned(),
            )
        }));
    }
    let source = |name: &str| format!("{}/openshift-release-dev/{name}", outside.registry.host());
    assert_eq!(
        sources,
        BTreeSet::from([source("ocp-release"), source("ocp-v4.0-art-dev")])
    );
    let script = format!(
        "cd '{}' && sha256sum --check --strict --quiet SHA256SUMS",
        directory.display()
    );
    Program::at(Path::new("/bin/sh"))?
        .args(["-c", &script])
        .run()?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn what_a_cluster_needs_is_taken_by_a_real_one() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let outside = Outside::new(|spec| spec)?;
    let config = imported(&outside)?;
    let cluster = Cluster::openshift("inside", "4.16.3")?;
    let apply = cluster.kubectl()?.args(["apply", "-Rf"]);
    let said = apply.args([&config]).run()?.expect_code(0)?.text();
    let created = said.lines().filter(|line| line.ends_with(" created"));
    assert_eq!(created.count(), 3, "{said}");
    Ok(())
}
