/*!
The main job: images and manifests leave one registry in a bundle and arrive in another, whole and unchanged.

What arrives is judged by others: Debian's docker-registry took it, skopeo pulled it, `sha256sum` counted it.
*/

mod choices;
mod disk;
mod real;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use schema::Repository;
use serde_json::Value;
use tests::{
    block_on,
    images::{Image, Set},
    process::Program,
    real::{DockerRegistry, Options},
};

use crate::desk::Desk;

/// The images of a set that users name; the others are signatures and referrers, which come along.
const NAMED: usize = 5;

/// `--image` for each named image.
fn named(set: &Set, host: &str) -> Vec<String> {
    let images = set.images.iter().take(NAMED);
    images
        .flat_map(|image| ["--image".to_owned(), image.reference(host)])
        .collect()
}

/// Builds a bundle of what the flags name.
fn build(desk: &Desk, name: &str, flags: &[impl AsRef<std::ffi::OsStr>]) -> Result<PathBuf> {
    let path = desk.at(name);
    let build = desk
        .build()?
        .args(flags)
        .args(["-o".as_ref(), path.as_os_str()]);
    build.run()?.expect_code(0)?;
    Ok(path)
}

/// An embedded registry that holds the varied set.
fn stocked(settings: Settings) -> Result<(FakeRegistry, Set)> {
    let (registry, set) = (FakeRegistry::start(settings)?, Set::varied()?);
    set.place(&registry)?;
    Ok((registry, set))
}

fn real(desk: &Desk, name: &str) -> Result<DockerRegistry> {
    let directory = desk.at(name);
    fs::create_dir(&directory)?;
    DockerRegistry::start(&directory, &Options::default())
}

/// Everything of an image as skopeo pulls it: the manifest it gives must be the source's, byte for byte.
fn pulled(skopeo: &Path, desk: &Desk, image: &Image, reference: &str) -> Result<()> {
    let to = tempfile::tempdir_in(desk.at("."))?;
    let source = format!("docker://{reference}");
    let flags = [
        "copy",
        "--all",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
        &source,
    ];
    let copy = Program::at(skopeo)?.args(flags);
    copy.args([format!("dir:{}", to.path().display())])
        .run()?
        .expect_code(0)?;
    ensure!(
        fs::read(to.path().join("manifest.json"))? == image.root.bytes,
        "{reference} is not what it was at its source"
    );
    let inspect = Program::at(skopeo)?.args(["inspect", "--raw", "--tls-verify=false", &source]);
    ensure!(
        inspect.run()?.expect_code(0)?.stdout == image.root.bytes,
        "{reference}: skopeo inspects something else"
    );
    Ok(())
}

/// Every tag of the set is in the registry below a prefix, with all it leads to.
fn arrived(registry: &FakeRegistry, set: &Set, prefix: &str) -> Result<()> {
    for image in &set.images {
        let repository: Repository = format!("{prefix}{}", image.repository).parse()?;
        if let Some(tag) = &image.tag {
            registry.check_complete(&repository, tag)?;
        }
        let found = registry.manifest(&repository, image.root.digest);
        let found = found.with_context(|| format!("{repository} lacks {}", image.root.digest))?;
        ensure!(
            found.bytes == image.root.bytes && found.media_type == image.root.media_type,
            "{repository} differs"
        );
    }
    Ok(())
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Tags with the given fate.
fn tags(report: &Value, action: &str) -> Vec<String> {
    let tags = report["tags"].as_array().into_iter().flatten();
    tags.filter(|tag| tag["action"] == action)
        .map(|tag| format!("{}:{}", text(tag, "/repository"), text(tag, "/tag")))
        .collect()
}

#[test]
fn a_second_push_only_asks() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let bundle = build(&desk, "bundle.tar", &named(&set, &source.host()))?;
    let target = FakeRegistry::start(Settings::default())?;
    desk.pushed(&bundle, &target.host(), &[])?;
    arrived(&target, &set, "")?;
    let before = target.requests().len();
    desk.pushed(&bundle, &target.host(), &[])?;
    let requests = target.requests().split_off(before);
    assert!(
        !requests.is_empty()
            && requests
                .iter()
                .all(|request| matches!(request.method.as_str(), "GET" | "HEAD")),
        "{requests:?}"
    );
    Ok(())
}

#[test]
fn a_pipe_needs_no_disk() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let target = FakeRegistry::start(Settings::default())?;
    // All the places that programs put things.
    let scratch = desk.at("scratch");
    fs::create_dir(&scratch)?;
    let confined = |program: Program| program.env("TMPDIR", &scratch).env("HOME", &scratch);
    let images = named(&set, &source.host());
    let build = confined(desk.build()?.args(images).args(["-o", "-"]));
    let push = confined(desk.push(Path::new("-"), &target.host())?);
    let (built, pushed) = build.pipe_into(push)?;
    built.expect_code(0)?;
    pushed.expect_code(0)?;
    arrived(&target, &set, "")?;
    assert_eq!(fs::read_dir(&scratch)?.count(), 0, "something was left");
    Ok(())
}

#[test]
fn referrers_are_found_again() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let (app, signature, report) = (&set.images[0], &set.images[5], &set.images[6]);
    let bundle = build(
        &desk,
        "app.tar",
        &["--image".to_owned(), app.reference(&source.host())],
    )?;
    let bare = build(
        &desk,
        "bare.tar",
        &[
            "--image".to_owned(),
            app.reference(&source.host()),
            "--skip-referrers".to_owned(),
        ],
    )?;
    let fallback = format!("sha256-{}", app.root.digest.hex()).parse()?;
    for referrers in [true, false] {
        let target = FakeRegistry::start(Settings {
            referrers,
            ..Settings::default()
        })?;
        let said = desk.pushed(&bundle, &target.host(), &[])?;
        // A registry that keeps the list itself gets no second one.
        assert_eq!(said["referrers_lists"], i32::from(!referrers));
        assert_eq!(target.has_tag(&app.repository, &fallback), !referrers);
        assert!(
            target
                .manifest(&app.repository, report.root.digest)
                .is_some()
        );
        assert!(target.has_tag(&app.repository, signature.tag.as_ref().context("a tag")?));
        if referrers {
            let url = format!("{}/v2/shop/app/referrers/{}", target.url(), app.root.digest);
            let body = block_on(async { reqwest::get(url).await?.text().await })??;
            assert!(body.contains(&report.root.digest.to_string()), "{body}");
        } else {
            target.check_complete(&app.repository, &fallback)?;
        }
        // From there it can be carried on.
        let next = build(
            &desk,
            &format!("next-{referrers}.tar"),
            &["--image".to_owned(), app.reference(&target.host())],
        )?;
        let inspected = desk
            .import("inspect", &next)?
            .args(["--format", "json"])
            .run()?
            .expect_code(0)?;
        let inspected: Value = serde_json::from_slice(&inspected.stdout)?;
        let attached = inspected["index"]["images"][0]["attached"].to_string();
        assert!(
            attached.contains(&report.root.digest.to_string())
                && attached.contains(&signature.root.digest.to_string()),
            "{attached}"
        );
    }
    let target = FakeRegistry::start(Settings::default())?;
    desk.pushed(&bare, &target.host(), &[])?;
    assert_eq!(
        target.tags(&app.repository).len(),
        1,
        "--skip-referrers left something on"
    );
    assert!(
        target
            .manifest(&app.repository, report.root.digest)
            .is_none()
    );
    Ok(())
}
