/*!
Release images published alone: all of each, only when all else is there, and seen when a tag moves.
*/

use std::fs;

use anyhow::{Context, Result};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use schema::{
    Repository,
    bundle::{self, Release},
};
use tests::{
    block_on,
    images::Remote,
    needs,
    process::Program,
    real::{DockerRegistry, Options},
};

use super::{Site, TAG, changes, sent};
use crate::outcome::json;

#[test]
fn a_release_is_published_alone_and_a_second_run_only_asks() -> Result<()> {
    let site = Site::new()?;
    for settings in [
        Settings::default(),
        Settings {
            mounts: false,
            ..Settings::default()
        },
        Settings {
            referrers: false,
            ..Settings::default()
        },
    ] {
        let lists = u64::from(!settings.referrers) * 2;
        let (by_file, by_pipe) = (
            FakeRegistry::start(settings.clone())?,
            FakeRegistry::start(settings)?,
        );
        let first = json(
            &site
                .run("push", &site.bundle, &by_file.host())?
                .run()?
                .expect_code(0)?,
        )?;
        site.is_published(&by_file, "mirror/openshift/release-images", TAG)?;
        assert_eq!(
            sent(&first)[3],
            lists,
            "one list of referrers in each repository of the release"
        );
        let image = format!(
            "{}/mirror/openshift/release-images@{}",
            by_file.host(),
            site.release.root.digest
        );
        assert_eq!(first["releases"][0]["image"], image.as_str());
        assert_eq!(
            first["next_commands"],
            serde_json::json!([format!(
                "oc adm upgrade --allow-explicit-upgrade --to-image {image}"
            )])
        );
        let before = by_file.requests().len();
        let second = json(
            &site
                .run("push", &site.bundle, &by_file.host())?
                .run()?
                .expect_code(0)?,
        )?;
        assert_eq!(sent(&second), [0, 0, 0, 0]);
        assert_eq!(changes(&by_file, before), Vec::<String>::new());

        let piped = json(&site.piped("push", &by_pipe.host())?.expect_code(0)?)?;
        assert_eq!(
            sent(&piped),
            sent(&first),
            "a pipe needs no more than a file"
        );
        site.is_published(&by_pipe, "mirror/openshift/release-images", TAG)?;
        assert_eq!(by_file.repositories(), by_pipe.repositories());
        for repository in by_file.repositories() {
            assert_eq!(
                by_file.tags(&repository),
                by_pipe.tags(&repository),
                "{repository}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_real_registry_gets_the_release_alone_too() -> Result<()> {
    needs!("docker-registry");
    let skopeo = needs!("skopeo");
    let site = Site::new()?;
    let directory = site.desk.at("inside");
    fs::create_dir(&directory)?;
    let inside = DockerRegistry::start(&directory, &Options::default())?;
    // Something older is in the way of the signature's blobs, as after an interrupted run.
    let mut older = site.signature.clone();
    older.repository = "mirror/openshift/release-images".parse()?;
    older.tag = Some("older".parse()?);
    block_on(older.push(&Remote::new(&inside.url())?))??;
    site.run("push", &site.bundle, &inside.host())?
        .run()?
        .expect_code(0)?;
    let signature = site.signature.tag.clone().context("no tag")?;
    for (tag, image) in [(TAG, &site.release), (signature.as_str(), &site.signature)] {
        let to = tempfile::tempdir_in(site.desk.at("."))?;
        let from = format!(
            "docker://{}/mirror/openshift/release-images:{tag}",
            inside.host()
        );
        let copy = Program::at(&skopeo)?.args([
            "copy",
            "--all",
            "--quiet",
            "--insecure-policy",
            "--src-tls-verify=false",
            &from,
        ]);
        copy.args([format!("dir:{}", to.path().display())])
            .run()?
            .expect_code(0)?;
        assert_eq!(fs::read(to.path().join("manifest.json"))?, image.root.bytes);
    }
    let second = json(
        &site
            .run("push", &site.bundle, &inside.host())?
            .run()?
            .expect_code(0)?,
    )?;
    assert_eq!(sent(&second), [0, 0, 0, 0]);
    Ok(())
}

#[test]
fn release_images_go_where_the_operator_says() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let host = target.host();
    for (place, repository, tag) in [
        (format!("docker://{host}/alone/ocp"), "alone/ocp", TAG),
        (format!("{host}/alone/one:stable"), "alone/one", "stable"),
    ] {
        let push = site
            .run("push", &site.bundle, &host)?
            .args(["--to-release-image", &place]);
        push.run()?.expect_code(0)?;
        site.is_published(&target, repository, tag)?;
    }
    let mapped = site
        .run("push", &site.bundle, &host)?
        .args(["--map", "openshift/release-images=rel"]);
    mapped.run()?.expect_code(0)?;
    site.is_published(&target, "mirror/rel", TAG)?;
    assert!(
        !target
            .repositories()
            .contains(&"mirror/openshift/release-images".parse()?)
    );
    let before = target.requests().len();
    let elsewhere = site
        .run("push", &site.bundle, &host)?
        .args(["--to-release-image", "quay.io/a/b"]);
    let told = elsewhere.run()?.expect_code(2)?.stderr;
    assert!(
        told.contains(&format!("expected a repository at {host}")) && told.contains("quay.io"),
        "{told}"
    );
    assert_eq!(target.requests().len(), before);
    Ok(())
}

#[test]
fn what_lacks_a_component_is_not_offered_to_clusters() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let refused = Action::status(403);
    target.fault(
        Fault::on("PUT", &format!("/manifests/{}", site.component.root.digest)).does(refused),
    );
    let directory = site.desk.at("out");
    let import = || -> Result<Program> {
        let import = site.run("import", &site.bundle, &target.host())?;
        Ok(import.args(["--config-to-dir".as_ref(), directory.as_os_str()]))
    };
    let failed = import()?.run()?.expect_code(30)?;
    let report = json(&failed)?;
    assert_eq!(report["releases"][0]["published"], false);
    assert_eq!(
        (&report["config_written"], &report["next_commands"]),
        (&"withheld".into(), &serde_json::json!([]))
    );
    assert!(!directory.exists(), "manifests for what is not there");
    let (alone, main): (Repository, Repository) = (
        "mirror/openshift/release-images".parse()?,
        "mirror/openshift/release".parse()?,
    );
    assert!(target.tags(&alone).is_empty());
    assert!(
        target.has_tag(&main, &TAG.parse()?),
        "the release image itself is whole"
    );
    target.heal();
    let report = json(&import()?.run()?.expect_code(0)?)?;
    assert_eq!(report["config_written"], "done");
    site.is_published(&target, "mirror/openshift/release-images", TAG)?;
    assert!(directory.join("SHA256SUMS").exists());
    Ok(())
}

#[test]
fn a_copy_that_fails_leaves_no_tag_and_is_made_good() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let refused = Action::status(403);
    target.fault(Fault::on("PUT", "/openshift/release-images/manifests/").does(refused));
    let failed = site
        .run("push", &site.bundle, &target.host())?
        .run()?
        .expect_code(30)?;
    assert!(
        failed
            .stderr
            .contains("release 4.3.1 is not published in mirror/openshift/release-images"),
        "{}",
        failed.stderr
    );
    assert!(
        target
            .tags(&"mirror/openshift/release-images".parse()?)
            .is_empty()
    );
    assert!(target.has_tag(&"mirror/openshift/release".parse()?, &TAG.parse()?));
    target.heal();
    let again = json(
        &site
            .run("push", &site.bundle, &target.host())?
            .run()?
            .expect_code(0)?,
    )?;
    assert_eq!(sent(&again)[0], 0, "the blobs were there already");
    site.is_published(&target, "mirror/openshift/release-images", TAG)
}

#[test]
fn a_tag_of_release_images_moves_only_in_sight() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let mut other = site.component.clone();
    other.repository = "mirror/openshift/release-images".parse()?;
    other.tag = Some(TAG.parse()?);
    other.place(&target)?;
    let kept = site
        .run("push", &site.bundle, &target.host())?
        .args(["--keep-tags"]);
    let told = kept.run()?.expect_code(50)?.stderr;
    assert!(told.contains(&format!("release-images:{TAG}")), "{told}");
    assert_eq!(changes(&target, 0), Vec::<String>::new());
    let report = json(
        &site
            .run("push", &site.bundle, &target.host())?
            .run()?
            .expect_code(0)?,
    )?;
    let moved = report["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|tag| tag["action"] == "moved");
    let moved = moved.context("nothing moved")?;
    assert_eq!(moved["repository"], "mirror/openshift/release-images");
    assert_eq!(moved["old"], other.root.digest.to_string().as_str());
    Ok(())
}

#[test]
fn each_of_several_releases_has_its_own_tag() -> Result<()> {
    // The component is an image like any other, and so can be the second release.
    let site = Site::with(|index| {
        let named = |image: &&bundle::Image| image.tags.iter().any(|tag| tag.as_str() != TAG);
        let others = index.images.iter().filter(named);
        let mut component = others.filter(|image| image.repository.as_str() == "openshift/release");
        let (Some(image), Some(first)) = (component.next(), index.releases.first().cloned()) else {
            return;
        };
        index.releases.push(Release {
            tag: image.tags.first().cloned().unwrap_or(first.tag),
            digest: image.digest,
            version: TAG.to_owned(),
            ..first
        });
    })?;
    let target = FakeRegistry::start(Settings::default())?;
    let place = format!("{}/alone", target.host());
    let push = |place: &str| -> Result<Program> {
        let push = site.run("push", &site.bundle, &target.host())?;
        Ok(push.args(["--to-release-image", place]))
    };
    let told = push(&format!("{place}:stable"))?
        .run()?
        .expect_code(2)?
        .stderr;
    assert!(told.contains("holds 2 releases"), "{told}");
    assert!(target.requests().is_empty());
    let report = json(&push(&place)?.run()?.expect_code(0)?)?;
    let upgrades = report["next_commands"].as_array().map(Vec::len);
    assert_eq!(upgrades, Some(2));
    let alone = target.tags(&"alone".parse()?);
    for image in [&site.release, &site.component] {
        let tag = image.tag.as_ref().context("no tag")?;
        assert_eq!(alone.get(tag), Some(&image.root.digest));
        target.check_complete(&"alone".parse()?, tag)?;
    }
    // Where the components are is a place too: there is nothing to copy then.
    let home = format!("{}/mirror/openshift/release", target.host());
    let report = json(&push(&home)?.run()?.expect_code(0)?)?;
    assert_eq!(sent(&report), [0, 0, 0, 0]);
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("a repository of their own"), "{warnings}");
    Ok(())
}
