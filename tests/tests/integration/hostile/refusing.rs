/*! Targets that take images and refuse what is about them: the images are there, tagged, and the rest is told. */

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use schema::{Digest, MediaType, Repository, Tag};
use serde_json::{Value, json as value};
use tests::{
    images::{Image, Layer},
    process::Output,
};

use crate::{desk::Desk, outcome::json};

/// Two images, of which one has a signature and a referrer.
struct Shop {
    desk: Desk,
    bundle: PathBuf,
    app: Image,
    other: Image,
    signature: Image,
    report: Image,
}

impl Shop {
    fn new() -> Result<Self> {
        let desk = Desk::new()?;
        let app = desk.image("shop/app", "v1", 1, 1000)?;
        let other = desk.image("shop/other", "v1", 2, 1000)?;
        let (signature, report) = (
            app.signature()?,
            app.referrer("application/vnd.example.report", b"no findings"),
        );
        for one in [&signature, &report] {
            one.place(&desk.source)?;
        }
        let images = [&app, &other].map(|image| image.reference(&desk.source.host()));
        let bundle = desk.at("a.tar");
        let flags = images.iter().map(|image| format!("--image={image}"));
        desk.build()?
            .args(flags.chain([format!("-o={}", bundle.display())]))
            .run()?
            .expect_code(0)?;
        Ok(Self {
            desk,
            bundle,
            app,
            other,
            signature,
            report,
        })
    }

    fn push(&self, target: &FakeRegistry, pipe: bool, flags: &[&str]) -> Result<Output> {
        let push = match pipe {
            true => self
                .desk
                .push(Path::new("-"), &target.host())?
                .stdin_file(&self.bundle)?,
            false => self.desk.push(&self.bundle, &target.host())?,
        };
        push.args(["--format", "json"]).args(flags).run()
    }

    fn list(&self) -> Result<Tag> {
        Ok(format!("sha256-{}", self.app.root.digest.hex()).parse()?)
    }
}

/// The line of a report about a tag.
fn change<'r>(report: &'r Value, tag: &str) -> Option<&'r Value> {
    let mut tags = report["tags"].as_array().into_iter().flatten();
    tags.find(|change| change["tag"] == tag)
}

fn tagged(target: &FakeRegistry, image: &Image) -> Result<bool> {
    let tag = image.tag.as_ref().context("no tag")?;
    Ok(target.tags(&image.repository).get(tag) == Some(&image.root.digest))
}

/// One refused referrer once left a whole bundle untagged: older registries know no `subject`, and refuse lists of what
/// they do not have.
#[test]
fn what_is_refused_of_attachments_keeps_no_tag_from_the_rest() -> Result<()> {
    let shop = Shop::new()?;
    let plain = || Settings {
        referrers: false,
        ..Settings::default()
    };
    let no_subjects = Settings {
        subjects: false,
        ..plain()
    };
    let no_lists = Settings {
        lists: false,
        ..plain()
    };
    let refused = Action::status(400);
    let by_digest = format!("/manifests/{}", shop.signature.root.digest);
    let name = shop.signature.tag.clone().context("a tag")?.to_string();
    let list = shop.list()?;
    let cases = [
        (
            no_subjects,
            None,
            shop.report.root.digest.to_string(),
            [true, false, false],
        ),
        (no_lists, None, list.to_string(), [true, true, false]),
        (
            plain(),
            Some(Fault::on("PUT", &by_digest)),
            name.clone(),
            [false, true, true],
        ),
        (
            plain(),
            Some(Fault::on("PUT", ".sig")),
            name.clone(),
            [false, true, true],
        ),
        // What is there under the tag cannot be seen, so it is not moved.
        (
            plain(),
            Some(Fault::on("HEAD", ".sig")),
            name,
            [false, true, true],
        ),
    ];
    for (settings, fault, named, [signed, reported, listed]) in cases {
        for pipe in [false, true] {
            let target = FakeRegistry::start(settings.clone())?;
            if let Some(fault) = &fault {
                target.fault(fault.clone().does(refused.clone()));
            }
            if fault
                .as_ref()
                .is_some_and(|fault| format!("{fault:?}").contains("HEAD"))
            {
                target.fault(Fault::get(".sig").does(refused.clone()));
            }
            let pushed = shop.push(&target, pipe, &[])?;
            ensure!(pushed.code == Some(30), "{named}: {}", pushed.stderr);
            ensure!(pushed.stderr.contains(&named), "{named}: {}", pushed.stderr);
            for image in [&shop.app, &shop.other] {
                ensure!(tagged(&target, image)?, "{named}: {}", pushed.stderr);
            }
            let report = json(&pushed)?;
            let failures = report["failures"].to_string();
            ensure!(failures.contains(&named), "{named}: {report}");
            assert_eq!(
                tagged(&target, &shop.signature)?,
                signed,
                "{named}: {report}"
            );
            let there = target.manifest(&shop.app.repository, shop.report.root.digest);
            assert_eq!(there.is_some(), reported, "{named}");
            assert_eq!(
                target.has_tag(&shop.app.repository, &list),
                listed,
                "{named}"
            );
            if listed {
                target.check_complete(&shop.app.repository, &list)?;
            }
        }
    }
    Ok(())
}

/// A repository that refuses everything costs the others nothing, though they share its blobs.
#[test]
fn a_repository_that_is_refused_costs_no_other() -> Result<()> {
    let desk = Desk::new()?;
    let layers = [Layer::new(1, 1000)?];
    let mut flags = Vec::new();
    let mut images = Vec::new();
    for name in ["shop/a", "shop/b", "shop/c"] {
        let image = Image::single(name, "v1", tests::images::Format::Oci, &layers)?;
        image.place(&desk.source)?;
        flags.push(format!("--image={}", image.reference(&desk.source.host())));
        images.push(image);
    }
    let bundle = desk.at("a.tar");
    flags.push(format!("-o={}", bundle.display()));
    desk.build()?.args(flags).run()?.expect_code(0)?;
    for lost in 0..3 {
        for pipe in [false, true] {
            let target = FakeRegistry::start(Settings::default())?;
            let path = format!("/{}/blobs/uploads/", images[lost].repository);
            target.fault(Fault::on("POST", &path).does(Action::status(403)));
            let push = match pipe {
                true => desk
                    .push(Path::new("-"), &target.host())?
                    .stdin_file(&bundle)?,
                false => desk.push(&bundle, &target.host())?,
            };
            let pushed = push.run()?.expect_code(30)?;
            for (number, image) in images.iter().enumerate() {
                assert_eq!(tagged(&target, image)?, number != lost, "{}", pushed.stderr);
            }
        }
    }
    Ok(())
}

/// Harbor up to 2.7 answers 401 for the path of the referrers API, whoever asks: it keeps no lists, so one is made.
#[test]
fn a_target_that_refuses_the_referrers_path_gets_a_list() -> Result<()> {
    let shop = Shop::new()?;
    for status in [401, 403, 500] {
        let target = FakeRegistry::start(Settings::default())?;
        target.fault(Fault::get("/referrers/").does(Action::status(status)));
        let pushed = shop.push(&target, false, &[])?;
        ensure!(pushed.code == Some(0), "{status}: {}", pushed.stderr);
        target.check_complete(&shop.app.repository, &shop.list()?)?;
    }
    // GitLab finds the image under that tag: that is no list, and no reason to do without one.
    let target = FakeRegistry::start(Settings {
        referrers: false,
        digest_tags: true,
        ..Settings::default()
    })?;
    let pushed = shop.push(&target, true, &[])?.expect_code(0)?;
    assert_eq!(json(&pushed)?["referrers_lists"], 1);
    target.check_complete(&shop.app.repository, &shop.list()?)
}

/// A list with somebody else's referrer.
fn older_list(target: &FakeRegistry, shop: &Shop) -> Result<(Repository, Digest)> {
    let repository = shop.app.repository.clone();
    let theirs = shop
        .app
        .referrer("application/vnd.example.other", b"theirs");
    theirs.place(target)?;
    let list = value!({
        "schemaVersion": 2, "mediaType": MediaType::OciIndex, "manifests": [{
            "mediaType": theirs.root.media_type, "digest": theirs.root.digest, "size": theirs.root.bytes.len(),
        }],
    });
    let list = target.put_manifest(
        &repository,
        Some(&shop.list()?),
        MediaType::OciIndex,
        list.to_string(),
    );
    Ok((repository, list))
}

/// Lists of referrers are tags that move: they once did so unseen, also with `--keep-tags`.
#[test]
fn a_list_of_referrers_moves_only_in_sight() -> Result<()> {
    let shop = Shop::new()?;
    for pipe in [false, true] {
        let target = FakeRegistry::start(Settings {
            referrers: false,
            ..Settings::default()
        })?;
        let (repository, old) = older_list(&target, &shop)?;
        let tag = shop.list()?;
        let dry = json(&shop.push(&target, pipe, &["--dry-run"])?.expect_code(0)?)?;
        let foreseen = change(&dry, tag.as_str()).context("not listed")?.clone();
        assert_eq!(foreseen["action"], "moved", "{dry}");
        assert_eq!(foreseen["old"], old.to_string().as_str());
        assert_eq!(dry["referrers_lists"], 1);

        let kept = shop
            .push(&target, pipe, &["--keep-tags"])?
            .expect_code(50)?;
        ensure!(kept.stderr.contains(tag.as_str()), "{}", kept.stderr);
        let dry_kept = shop.push(&target, pipe, &["--keep-tags", "--dry-run"])?;
        dry_kept.expect_code(50)?;
        assert_eq!(
            target.tags(&repository).into_iter().collect::<Vec<_>>(),
            [(tag.clone(), old)],
            "a tag was set"
        );

        let pushed = json(&shop.push(&target, pipe, &[])?.expect_code(0)?)?;
        assert_eq!(change(&pushed, tag.as_str()), Some(&foreseen), "{pushed}");
        let now = target.tags(&repository).get(&tag).copied();
        assert_eq!(
            now.map(|digest| digest.to_string()).as_deref(),
            foreseen["new"].as_str()
        );
        target.check_complete(&repository, &tag)?;

        // The second time it is as it should be.
        let again = json(&shop.push(&target, pipe, &["--keep-tags"])?.expect_code(0)?)?;
        let again = change(&again, tag.as_str()).context("not listed")?;
        assert_eq!(again["action"], "unchanged");
    }
    Ok(())
}

/// A tag that is somebody's image is no place for a list: it stays, and that is said.
#[test]
fn a_tag_that_is_taken_is_not_overwritten() -> Result<()> {
    let shop = Shop::new()?;
    let target = FakeRegistry::start(Settings {
        referrers: false,
        ..Settings::default()
    })?;
    let mut theirs = shop.other.clone();
    theirs.repository = shop.app.repository.clone();
    theirs.tag = Some(shop.list()?);
    theirs.place(&target)?;
    let pushed = shop.push(&target, false, &[])?.expect_code(0)?;
    let report = json(&pushed)?;
    let warnings = report["warnings"].to_string();
    ensure!(warnings.contains("is no list of referrers"), "{report}");
    ensure!(tagged(&target, &theirs)? && tagged(&target, &shop.app)?);
    Ok(())
}

/// An artifact whose content is a manifest that is itself in the bundle: registries keep blobs and manifests apart.
#[test]
fn a_blob_that_is_also_a_manifest_is_sent_as_both() -> Result<()> {
    let desk = Desk::new()?;
    let app = desk.image("shop/app", "v1", 1, 1000)?;
    let index = tests::images::Image::multi(
        "shop/index",
        "v1",
        tests::images::Format::Oci,
        &[
            ("amd64", vec![Layer::new(2, 1000)?]),
            ("arm64", vec![Layer::new(3, 1000)?]),
        ],
    )?;
    index.place(&desk.source)?;
    let mut flags = vec![
        app.reference(&desk.source.host()),
        index.reference(&desk.source.host()),
    ];
    let mut artifacts = Vec::new();
    for (name, image) in [("shop/one", &app), ("shop/two", &index)] {
        let artifact = Image::artifact(
            name,
            "v1",
            "application/vnd.example.copy",
            &image.root.bytes,
        )?;
        artifact.place(&desk.source)?;
        flags.push(artifact.reference(&desk.source.host()));
        artifacts.push(artifact);
    }
    let bundle = desk.at("a.tar");
    let flags = flags.into_iter().map(|image| format!("--image={image}"));
    desk.build()?
        .args(flags.chain([format!("-o={}", bundle.display())]))
        .run()?
        .expect_code(0)?;
    for pipe in [false, true] {
        let target = FakeRegistry::start(Settings::default())?;
        let push = match pipe {
            true => desk
                .push(Path::new("-"), &target.host())?
                .stdin_file(&bundle)?,
            false => desk.push(&bundle, &target.host())?,
        };
        push.run()?.expect_code(0)?;
        for image in artifacts.iter().chain([&app, &index]) {
            target.check_complete(&image.repository, &"v1".parse()?)?;
        }
    }
    Ok(())
}
