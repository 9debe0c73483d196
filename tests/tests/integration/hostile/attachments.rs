/*! Sources that refuse to be asked for signatures and referrers, or name some that they do not give. */

use anyhow::{Context, Result, ensure};
use fakes::{Action, Fault, registry::Settings};
use serde_json::Value;
use tests::{
    images::{Format, Image, Layer},
    process::Output,
};

use crate::{
    desk::Desk,
    outcome::{fails_with, json, within},
};

/// What is attached to the first image of a bundle.
fn attached(desk: &Desk, name: &str) -> Result<Vec<Value>> {
    let inspect = desk.import("inspect", &desk.at(name))?;
    let shown = json(&inspect.args(["--format", "json"]).run()?.expect_code(0)?)?;
    let attached = shown["index"]["images"][0]["attached"].as_array();
    attached.cloned().context("no image")
}

fn warnings(output: &Output, word: &str) -> usize {
    let lines = output.stderr.lines();
    lines
        .filter(|line| line.contains("WARN") && line.contains(word))
        .count()
}

fn answer(status: u16) -> Action {
    Action::status(status)
}

/// Harbor up to 2.7 answers 401 for the path of the referrers API, caches answer 429 or an error of theirs for a tag that
/// does not exist, portals answer a page: the image is there all the same, and has none.
#[test]
fn refusing_to_be_asked_costs_no_image() -> Result<()> {
    let desk = Desk::new()?;
    let images = [
        desk.image("shop/app", "v1", 1, 1000)?,
        desk.image("shop/app", "v2", 2, 1000)?,
    ];
    let host = desk.source.host();
    let build = |flags: &[&str]| {
        let references = images.each_ref().map(|image| image.reference(&host));
        let flags = flags.iter().map(ToString::to_string);
        let references = references
            .into_iter()
            .map(|image| format!("--image={image}"));
        let output = format!("-o={}", desk.at("x.tar").display());
        desk.build()?
            .args(
                references
                    .chain(flags)
                    .chain(["--retries=0".to_owned(), output]),
            )
            .run()
    };
    for (action, said) in [
        (answer(401), "401"),
        (answer(403), "403"),
        (answer(429), "429"),
        (answer(500), "500"),
        (answer(503), "503"),
        (Action::Html, "html"),
        (Action::Unauthorized, "cannot log in"),
        // Firewalls hang up on paths that they do not know, or lead to a host that is not there.
        (Action::Redirect("http://127.0.0.1:1/x"), "cannot reach"),
    ] {
        // With the list of tags there would be nothing to ask for by name.
        for path in ["/tags/list", "/referrers/", ".sig", "/manifests/sha256-"] {
            desk.source.fault(Fault::any(path).does(action.clone()));
        }
        let built = build(&[])?;
        ensure!(built.code == Some(0), "{said}: {}", built.stderr);
        ensure!(attached(&desk, "x.tar")?.is_empty(), "{said}");
        // Once for each way to ask, not once for each image.
        assert_eq!(
            warnings(&built, "/v2/shop/app/referrers/sha256:"),
            1,
            "{}",
            built.stderr
        );
        assert_eq!(warnings(&built, ".sig: "), 1, "{}", built.stderr);
        ensure!(
            built.stderr.matches("WARN").count() == 5,
            "{said}: {}",
            built.stderr
        );
        if said != "html" {
            assert!(built.stderr.contains(said), "{}", built.stderr);
        }
        let required = build(&["--require-referrers"])?;
        fails_with(&required, 20, &["shop/app:v", "--skip-referrers"]);
        let before = desk.source.requests().len();
        let skipped = build(&["--skip-referrers"])?.expect_code(0)?;
        assert_eq!(warnings(&skipped, "shop/app"), 0, "{}", skipped.stderr);
        let asked = &desk.source.requests()[before..];
        ensure!(!asked.iter().any(|request| request.path.contains("sha256-")));
        desk.source.heal();
    }
    Ok(())
}

/// A server error may pass: it is waited for, but not as long as for the image itself.
#[test]
fn a_lookup_that_fails_for_a_moment_is_tried_again() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    image.signature()?.place(&desk.source)?;
    desk.source
        .fault(Fault::any("/manifests/sha256-").does(answer(503)).times(1));
    let built = desk.build_image(&image, "x.tar")?.run()?.expect_code(0)?;
    assert_eq!(warnings(&built, ""), 0, "{}", built.stderr);
    assert_eq!(attached(&desk, "x.tar")?.len(), 1);
    Ok(())
}

#[test]
fn a_registry_that_refuses_the_api_may_have_the_list() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    let referrer = image.referrer("application/vnd.example.report", b"no findings");
    let list = image.fallback_index(std::slice::from_ref(&referrer))?;
    for one in [&referrer, &list] {
        one.place(&desk.source)?;
    }
    desk.source
        .fault(Fault::get("/referrers/").does(answer(401)));
    desk.build_image(&image, "x.tar")?.run()?.expect_code(0)?;
    let found = attached(&desk, "x.tar")?;
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0]["digest"],
        referrer.root.digest.to_string().as_str()
    );
    Ok(())
}

/// GitLab finds an image under `sha256-<hex>` of its digest. Of an index, all children once counted as its referrers.
#[test]
fn a_list_that_is_the_subject_is_none() -> Result<()> {
    let desk = Desk::with_source(Settings {
        referrers: false,
        digest_tags: true,
        ..Settings::default()
    })?;
    let machines = [
        ("amd64", vec![Layer::new(1, 1000)?]),
        ("arm64", vec![Layer::new(2, 1000)?]),
    ];
    let image = Image::multi("shop/app", "v1", Format::Oci, &machines)?;
    image.place(&desk.source)?;
    let built = desk
        .build_image(&image, "x.tar")?
        .args(["--require-referrers"])
        .run()?
        .expect_code(0)?;
    assert_eq!(warnings(&built, ""), 0, "{}", built.stderr);
    assert_eq!(attached(&desk, "x.tar")?, Vec::<Value>::new());
    Ok(())
}

/// What is named and not given is left out, said, and costs neither the image nor what else is about it. Its blobs count:
/// found missing only when they are fetched, they would end the build.
#[test]
fn what_is_named_and_not_given_is_left_out() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    let (signature, report) = (
        image.signature()?,
        image.referrer("application/vnd.example.report", b"no findings"),
    );
    let large = image.referrer("application/vnd.example.sbom", &[b'x'; 100_000]);
    for one in [&signature, &report, &large] {
        one.place(&desk.source)?;
    }
    let manifest = format!("/manifests/{}", report.root.digest);
    let blob = |of: &Image| format!("/blobs/{}", of.blobs[1].digest);
    for (path, action, lost) in [
        (&manifest, answer(404), &report),
        (&manifest, answer(403), &report),
        (&manifest, Action::Flip { at: 5 }, &report),
        (&blob(&report), answer(404), &report),
        (&blob(&report), Action::Flip { at: 0 }, &report),
        (&blob(&signature), answer(403), &signature),
        (&blob(&large), answer(404), &large),
    ] {
        desk.source.fault(Fault::get(path).does(action.clone()));
        let build = || desk.build_image(&image, "x.tar");
        let built = build()?.run()?;
        ensure!(built.code == Some(0), "{path}: {}", built.stderr);
        let name = lost.tag.as_ref().map_or_else(
            || lost.root.digest.to_string(),
            |tag| tag.as_str().to_owned(),
        );
        assert_eq!(warnings(&built, &name), 1, "{}", built.stderr);
        let found = attached(&desk, "x.tar")?;
        let kept = |one: &Image| {
            let digest = one.root.digest.to_string();
            found.iter().any(|other| other["digest"] == digest.as_str())
        };
        for one in [&signature, &report, &large] {
            assert_eq!(kept(one), !std::ptr::eq(one, lost), "{path} {action:?}");
        }
        let required = build()?.args(["--require-referrers"]).run()?;
        fails_with(&required, 20, &["shop/app", &name, "--skip-referrers"]);
        desk.source.heal();
    }
    Ok(())
}

/// A cluster verifies the index that a tag names. With one platform taken out of it, its signature is about nothing.
#[test]
fn signatures_of_an_index_that_stays_behind_are_named() -> Result<()> {
    let desk = Desk::new()?;
    let machines = [
        ("amd64", vec![Layer::new(1, 1000)?]),
        ("arm64", vec![Layer::new(2, 1000)?]),
    ];
    let image = Image::multi("shop/app", "v1", Format::Oci, &machines)?;
    let (signature, report) = (
        image.signature()?,
        image.referrer("application/vnd.example.report", b"no findings"),
    );
    for one in [&image, &signature, &report] {
        one.place(&desk.source)?;
    }
    let build = |flags: &[&str]| {
        let build = desk.build_image(&image, "x.tar")?;
        build.args(["--platform", "linux/amd64"]).args(flags).run()
    };
    let built = build(&[])?.expect_code(0)?;
    let tag = signature.tag.as_ref().context("a tag")?.as_str();
    for word in [tag, &report.root.digest.to_string(), "--sparse-index"] {
        assert_eq!(warnings(&built, word), 1, "{word}: {}", built.stderr);
    }
    fails_with(&build(&["--require-referrers"])?, 2, &[tag]);
    let skipped = build(&["--skip-referrers"])?.expect_code(0)?;
    assert_eq!(warnings(&skipped, ""), 0, "{}", skipped.stderr);
    let whole = build(&["--sparse-index"])?.expect_code(0)?;
    assert_eq!(warnings(&whole, tag), 0, "{}", whole.stderr);
    assert_eq!(attached(&desk, "x.tar")?.len(), 2);
    Ok(())
}

/// A registry that has an endless supply of large manifests must not fill the memory.
#[test]
fn manifests_without_end_are_refused_in_bounded_memory() -> Result<()> {
    let desk = Desk::new()?;
    let repository = "shop/app".parse()?;
    let mut entries = Vec::new();
    for number in 0..40 {
        let filler = "x".repeat(4_000_000);
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"n":"{number}","x":"{filler}"}}}}"#
        );
        let media_type = schema::MediaType::OciIndex;
        let size = text.len();
        let digest = desk
            .source
            .put_manifest(&repository, None, media_type, text);
        entries.push(serde_json::json!({"mediaType": media_type, "digest": digest, "size": size}));
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
    desk.source.put_manifest(
        &repository,
        Some(&"v1".parse()?),
        schema::MediaType::OciIndex,
        index,
    );
    let reference = format!("--image={}/shop/app:v1", desk.source.host());
    let output = format!("-o={}", desk.at("x.tar").display());
    let built = desk
        .build()?
        .args([reference, output, "--concurrency=16".to_owned()])
        .run()?;
    fails_with(&built, 20, &["shop/app:v1", "64 MiB"]);
    within(&built, 256)
}
