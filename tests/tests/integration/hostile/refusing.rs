/*! Targets that take images and refuse what is about them: the images are there, tagged, and the rest is told. */

use super::{Shop, tagged};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use tests::images::{Image, Layer};

use crate::{desk::Desk, outcome::json};

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
