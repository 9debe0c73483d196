/*! Images that are gone at their source: all of them named at once, and with `--skip-missing` a bundle that says what it lacks. */

use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use tests::images::{Format, Image, Layer};

use crate::{
    desk::{CONFIG_MAP, Desk},
    outcome::{fails_with, json},
};

/// Two images that are there, and references to three that are not: no repository, no tag, no digest.
fn site() -> Result<(Desk, Vec<String>, Vec<String>)> {
    let desk = Desk::new()?;
    let host = desk.source.host();
    let there = [
        desk.image("team/app", "v1", 1, 1000)?,
        desk.image("team/web", "v1", 2, 1000)?,
    ];
    let there = there.iter().map(|image| image.reference(&host)).collect();
    let gone = [
        "team/gone:v1",
        "team/app:v9",
        &format!("team/web@sha256:{}", "0".repeat(64)),
    ]
    .map(|name| format!("{host}/{name}"));
    Ok((desk, there, gone.to_vec()))
}

fn flags(references: &[String]) -> Vec<&str> {
    references
        .iter()
        .flat_map(|one| ["--image", one.as_str()])
        .collect()
}

#[test]
fn every_image_that_cannot_be_had_is_named_at_once() -> Result<()> {
    let (desk, there, gone) = site()?;
    let all = [there.as_slice(), &gone].concat();
    let words: Vec<&str> = gone.iter().map(String::as_str).collect();
    let run = desk
        .build()?
        .args(flags(&all))
        .args(["-o".as_ref(), desk.at("x.tar").as_os_str()])
        .run()?;
    fails_with(
        &run,
        20,
        &[
            &words[..],
            &["3 of 5 images", "not found", "--skip-missing"],
        ]
        .concat(),
    );
    ensure!(!desk.at("x.tar").exists());
    // One that is refused is no image that is gone: nothing is left out on its report.
    let forbidden = Action::status(403);
    desk.source
        .fault(Fault::any("/v2/team/web/manifests/v1").does(forbidden));
    let run = desk
        .build()?
        .args(flags(&all))
        .args(["--skip-missing", "--dry-run"])
        .run()?;
    fails_with(
        &run,
        20,
        &[&words[..], &["4 of 5 images", "team/web:v1: access denied"]].concat(),
    );
    ensure!(!run.stderr.contains("build the rest"), "{}", run.stderr);
    Ok(())
}

#[test]
fn a_registry_that_does_not_answer_is_not_asked_for_every_image() -> Result<()> {
    let desk = Desk::new()?;
    let names: Vec<String> = (0..9)
        .map(|number| format!("127.0.0.1:1/team/app{number}:v1"))
        .collect();
    let run = desk
        .build()?
        .args(flags(&names))
        .args(["--dry-run", "--concurrency", "1"])
        .run()?;
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    fails_with(
        &run,
        20,
        &[&words[..], &["9 of 9 images", "not asked for"]].concat(),
    );
    Ok(())
}

#[test]
fn what_is_left_out_is_shown_ever_after() -> Result<()> {
    let (desk, there, gone) = site()?;
    let all = [there.as_slice(), &gone].concat();
    let bundle = desk.at("x.tar");
    let build = || -> Result<_> { Ok(desk.build()?.args(flags(&all)).args(["--skip-missing"])) };
    let output = ["-o".as_ref(), bundle.as_os_str()];
    let target = FakeRegistry::start(Settings::default())?;
    let import = desk
        .import("import", &bundle)?
        .args(["--plain-http", "--to", &target.host()]);
    let shown = [
        ("the plan", build()?.args(["--dry-run"]).run()?),
        ("the build", build()?.args(output).run()?),
        ("inspect", desk.import("inspect", &bundle)?.run()?),
        ("verify", desk.import("verify", &bundle)?.run()?),
        (
            "a dry push",
            desk.push(&bundle, &target.host())?
                .args(["--dry-run"])
                .run()?,
        ),
        ("a push", desk.push(&bundle, &target.host())?.run()?),
        ("an import", import.run()?),
    ];
    for (what, run) in shown {
        let text = run.expect_code(0)?.text();
        for reference in &gone {
            ensure!(
                text.contains(reference.as_str()) && text.contains("not found"),
                "{what}: {text}"
            );
        }
    }
    let inspect = desk
        .import("inspect", &bundle)?
        .args(["--format", "json"])
        .run()?;
    let inspected = json(&inspect.expect_code(0)?)?;
    let push = desk
        .push(&bundle, &target.host())?
        .args(["--format", "json"])
        .run()?;
    let pushed = json(&push.expect_code(0)?)?;
    for missing in [&inspected["index"]["missing"], &pushed["missing"]] {
        let sources: Vec<&str> = missing
            .as_array()
            .context("no list")?
            .iter()
            .filter_map(|one| one["source"].as_str())
            .collect();
        let mut sorted = gone.clone();
        // By repository, then tags.
        sorted.sort_by_key(|reference| !reference.contains("/team/app:"));
        sorted.sort_by_key(|reference| reference.contains("/team/web@"));
        assert_eq!(sources, sorted);
        assert_eq!(missing[1]["tags"], serde_json::json!(["v1"]));
    }
    for reference in &there {
        let name = reference.split_once('/').map_or("", |(_, name)| name);
        let (repository, tag) = name.split_once(':').context("no tag")?;
        target.check_complete(&repository.parse()?, &tag.parse()?)?;
    }
    Ok(())
}

#[test]
fn an_image_of_which_a_part_is_gone_is_gone_and_a_bundle_of_nothing_is_none() -> Result<()> {
    let desk = Desk::new()?;
    let machines = [
        ("amd64", vec![Layer::new(1, 1000)?]),
        ("arm64", vec![Layer::new(2, 1000)?]),
    ];
    let multi = Image::multi("shop/multi", "v1", Format::Oci, &machines)?;
    multi.place(&desk.source)?;
    let child = multi.children[1].digest.to_string();
    let absent = Action::status(404);
    desk.source.fault(Fault::any(&child).does(absent));
    let reference = multi.reference(&desk.source.host());
    let run = desk
        .build()?
        .args(["--image", &reference, "--dry-run"])
        .run()?;
    fails_with(
        &run,
        20,
        &[&reference, &child, "not found", "--skip-missing"],
    );
    let run = desk
        .build()?
        .args(["--image", &reference, "--dry-run", "--skip-missing"])
        .run()?;
    fails_with(&run, 20, &[&reference, &child]);
    // Manifests alone are something.
    let config = desk.file("config/one.yaml", CONFIG_MAP)?;
    let run = desk
        .build()?
        .args([
            "--image",
            &reference,
            "--dry-run",
            "--skip-missing",
            "--config",
        ])
        .args([config])
        .run()?;
    let text = run.expect_code(0)?.text();
    ensure!(
        text.contains(&reference) && text.contains("1 more are MISSING"),
        "{text}"
    );
    Ok(())
}

/// Found out only when the layers are fetched, and still told of all images.
#[test]
fn layers_that_are_gone_are_told_of_every_image_that_needs_one() -> Result<()> {
    let desk = Desk::new()?;
    let absent = Action::status(404);
    let mut references = Vec::new();
    for (number, name) in ["team/one", "team/two", "team/whole"].iter().enumerate() {
        let image = desk.image(name, "v1", number as u64, 1000)?;
        references.push(image.reference(&desk.source.host()));
        let layer = image.blobs.last().context("no layer")?.digest.to_string();
        if *name != "team/whole" {
            desk.source.fault(Fault::any(&layer).does(absent.clone()));
        }
    }
    let bundle = desk.at("x.tar");
    let output = ["-o".as_ref(), bundle.as_os_str()];
    let run = desk.build()?.args(flags(&references)).args(output).run()?;
    fails_with(
        &run,
        20,
        &[
            "2 of 3 images",
            &references[0],
            &references[1],
            "names blob",
        ],
    );
    ensure!(!run.stderr.contains("team/whole") && !bundle.exists());
    Ok(())
}

/// Tools that add artifacts to an index write platforms that are none; a bundle with one of them once could not be opened.
#[test]
fn odd_platforms_and_build_caches_are_carried() -> Result<()> {
    let desk = Desk::new()?;
    let repository = "shop/odd".parse()?;
    let image = Image::single("shop/odd", "plain", Format::Oci, &[Layer::new(1, 1000)?])?;
    image.place(&desk.source)?;
    let (digest, size) = (image.root.digest, image.root.bytes.len());
    let kind = image.root.media_type;
    let platforms = [
        r#"{"os":"linux","architecture":""}"#,
        "{}",
        "null",
        r#"{"os":"unknown","architecture":"unknown"}"#,
        r#"{"os":"linux","architecture":"a\u001b[2J/../b"}"#,
        r#"{"os":"linux"}"#,
        r#"{"os":3,"architecture":[]}"#,
    ];
    let index = "application/vnd.oci.image.index.v1+json";
    let mut tags = vec!["cache".to_owned()];
    for (number, platform) in platforms.iter().enumerate() {
        let entry = format!(
            r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size},"platform":{platform}}}"#
        );
        let body = format!(r#"{{"schemaVersion":2,"mediaType":"{index}","manifests":[{entry}]}}"#);
        tags.push(format!("odd{number}"));
        desk.source.put_manifest(
            &repository,
            Some(&tags[number + 1].parse()?),
            schema::MediaType::OciIndex,
            body,
        );
    }
    let blob = |bytes: &'static [u8], kind: &str| {
        let digest = desk.source.put_blob(&repository, bytes);
        format!(
            r#"{{"mediaType":"{kind}","digest":"{digest}","size":{}}}"#,
            bytes.len()
        )
    };
    let cache = [
        blob(b"a layer", "application/vnd.oci.image.layer.v1.tar+gzip"),
        blob(b"{}", "application/vnd.buildkit.cacheconfig.v0"),
    ];
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{index}","manifests":[{}]}}"#,
        cache.join(",")
    );
    desk.source.put_manifest(
        &repository,
        Some(&"cache".parse()?),
        schema::MediaType::OciIndex,
        body,
    );
    let references: Vec<String> = tags
        .iter()
        .map(|tag| format!("oci://{}/shop/odd:{tag}", desk.source.host()))
        .collect();
    let bundle = desk.at("odd.tar");
    desk.build()?
        .args(flags(&references))
        .args(["-o".as_ref(), bundle.as_os_str()])
        .run()?
        .expect_code(0)?;
    desk.import("verify", &bundle)?.run()?.expect_code(0)?;
    let target = FakeRegistry::start(Settings::default())?;
    desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
    for tag in &tags {
        ensure!(target.has_tag(&repository, &tag.parse()?), "{tag}");
    }
    for bytes in [&b"a layer"[..], b"{}"] {
        ensure!(target.has_blob(&repository, &schema::Digest::of(bytes)));
    }
    Ok(())
}

#[test]
fn the_plus_of_a_chart_version_is_explained() -> Result<()> {
    let desk = Desk::new()?;
    for typed in [
        "r.example/charts/app:1.2.3+up4",
        "oci://r.example/charts/app:1.2.3+up4",
    ] {
        let run = desk.build()?.args(["--image", typed, "--dry-run"]).run()?;
        fails_with(&run, 2, &["'+'", "Helm", "r.example/charts/app:1.2.3_up4"]);
    }
    let run = desk
        .build()?
        .args(["--image", "r.example/app:1=charts/app:1+2", "--dry-run"])
        .run()?;
    fails_with(&run, 2, &["1+2", "Helm"]);
    Ok(())
}
