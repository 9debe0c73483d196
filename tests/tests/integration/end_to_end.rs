/*!
The main job: images and manifests leave one registry in a bundle and arrive in another, whole and unchanged.

What arrives is judged by others: Debian's docker-registry took it, skopeo pulled it, `sha256sum` counted it.
*/

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use schema::{Digest, Repository};
use serde_json::Value;
use tests::{
    block_on,
    images::{Format, Image, Layer, Remote, Set},
    needs,
    process::Program,
    real::{DockerRegistry, Options},
    registry::{Embedded, Settings},
};

use crate::support::Desk;

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
fn stocked(settings: Settings) -> Result<(Embedded, Set)> {
    let (registry, set) = (Embedded::start(settings)?, Set::varied()?);
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
fn arrived(registry: &Embedded, set: &Set, prefix: &str) -> Result<()> {
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
fn from_one_real_registry_into_another() -> Result<()> {
    needs!("docker-registry");
    let skopeo = needs!("skopeo");
    let desk = Desk::new()?;
    let (outside, inside) = (real(&desk, "outside")?, real(&desk, "inside")?);
    let mut set = Set::varied()?;
    // This registry keeps no list of referrers: whoever pushes one there keeps it, under the fallback tag.
    let (app, report) = (set.images[0].clone(), set.images[6].clone());
    set.images
        .push(app.fallback_index(std::slice::from_ref(&report))?);
    let by_digest = Image {
        tag: None,
        ..Image::single("shop/untagged", "x", Format::Oci, &[Layer::new(9, 500)?])?
    };
    let remote = Remote::new(&outside.url())?;
    block_on(async {
        set.push(&remote).await?;
        by_digest.push(&remote).await
    })??;
    let mut flags = named(&set, &outside.host());
    flags.extend(["--image".to_owned(), by_digest.reference(&outside.host())]);
    flags.extend([
        "--config".to_owned(),
        desk.config_map("one")?.display().to_string(),
    ]);
    let bundle = build(&desk, "bundle.tar", &flags)?;
    let said = desk
        .import("verify", &bundle)?
        .run()?
        .expect_code(0)?
        .text();
    assert!(
        said.contains("VERIFIED") && said.contains("6 images, 1 objects"),
        "{said}"
    );
    let inspected = desk
        .import("inspect", &bundle)?
        .args(["--format", "json"])
        .run()?
        .expect_code(0)?;
    let inspected: Value = serde_json::from_slice(&inspected.stdout)?;
    assert_eq!(text(&inspected, "/signature"), "VERIFIED");
    let images = inspected
        .pointer("/index/images")
        .and_then(Value::as_array)
        .context("no images")?;
    let seen: BTreeSet<(&str, &str)> = images
        .iter()
        .map(|image| (text(image, "/repository"), text(image, "/digest")))
        .collect();
    let sources = set.images.iter().take(NAMED).chain([&by_digest]);
    let expected: Vec<(String, String)> = sources
        .clone()
        .map(|image| (image.repository.to_string(), image.root.digest.to_string()))
        .collect();
    assert_eq!(
        seen,
        expected
            .iter()
            .map(|(repository, digest)| (repository.as_str(), digest.as_str()))
            .collect()
    );

    let to = format!("{}/mirror", inside.host());
    let first = desk.pushed(&bundle, &to, &[])?;
    assert_eq!(first["failures"], serde_json::json!([]));
    assert_eq!(
        first["referrers_lists"], 1,
        "the fallback list of the referrer"
    );
    for image in set.images.iter().chain([&by_digest]) {
        let reference = match &image.tag {
            // The list itself is made anew, for what is there; its entry is looked at below.
            Some(tag) if tag.as_str() == format!("sha256-{}", app.root.digest.hex()) => continue,
            Some(tag) => format!("{to}/{}:{tag}", image.repository),
            None => format!("{to}/{}@{}", image.repository, image.root.digest),
        };
        pulled(&skopeo, &desk, image, &reference)?;
    }
    let list = format!("docker://{to}/shop/app:sha256-{}", app.root.digest.hex());
    let list = Program::at(&skopeo)?
        .args(["inspect", "--raw", "--tls-verify=false", &list])
        .run()?
        .expect_code(0)?;
    let list: Value = serde_json::from_slice(&list.stdout)?;
    assert_eq!(
        text(&list, "/manifests/0/digest"),
        report.root.digest.to_string()
    );
    assert_eq!(
        text(&list, "/manifests/0/artifactType"),
        "application/vnd.example.report"
    );
    // An image without a tag would be collected there: it has got one.
    let added = format!(
        "mirror/shop/untagged:digest-{}",
        &by_digest.root.digest.hex()[..16]
    );
    assert!(tags(&first, "created").contains(&added), "{first}");
    pulled(
        &skopeo,
        &desk,
        &by_digest,
        &format!("{}/{added}", inside.host()),
    )?;

    let second = desk.pushed(&bundle, &to, &[])?;
    let sent = [
        "blobs_uploaded",
        "bytes_uploaded",
        "blobs_mounted",
        "manifests_pushed",
        "referrers_lists",
    ];
    for what in sent {
        assert_eq!(second[what], 0, "{what} of the second push");
    }
    assert_eq!(
        tags(&second, "unchanged").len(),
        first["tags"].as_array().map_or(0, Vec::len)
    );
    Ok(())
}

#[test]
fn a_second_push_only_asks() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let bundle = build(&desk, "bundle.tar", &named(&set, &source.host()))?;
    let target = Embedded::start(Settings::default())?;
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
    let target = Embedded::start(Settings::default())?;
    let scratch = desk.at("scratch");
    fs::create_dir(&scratch)?;
    let build = desk
        .build()?
        .args(named(&set, &source.host()))
        .args(["-o", "-"])
        .env("TMPDIR", &scratch);
    let push = desk
        .push(Path::new("-"), &target.host())?
        .env("TMPDIR", &scratch);
    let homes = [build.home().to_owned(), push.home().to_owned()];
    let (built, pushed) = build.pipe_into(push)?;
    (built.expect_code(0)?, pushed.expect_code(0)?);
    arrived(&target, &set, "")?;
    assert_eq!(
        fs::read_dir(&scratch)?.count(),
        0,
        "something was left in TMPDIR"
    );
    assert!(
        homes.iter().all(|home| !home.exists()),
        "a home outlived its program"
    );
    Ok(())
}

#[test]
fn repositories_go_where_they_are_sent() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let bundle = build(&desk, "bundle.tar", &named(&set, &source.host()))?;
    let target = Embedded::start(Settings {
        max_components: Some(3),
        ..Settings::default()
    })?;
    let flags = [
        "--map",
        "shop=store",
        "--map",
        "shop/chart=charts/one",
        "--max-nested-paths",
        "3",
    ];
    let to = format!("{}/site", target.host());
    let plan = desk.pushed(&bundle, &to, &[&flags[..], &["--dry-run"]].concat())?;
    assert!(target.repositories().is_empty(), "a dry run pushed");
    let report = desk.pushed(&bundle, &to, &flags)?;
    assert_eq!(tags(&plan, "created"), tags(&report, "created"));
    let found: Vec<String> = target
        .repositories()
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "site/charts/one",
        "site/library/base",
        "site/store/app",
        "site/store/list",
        "site/store/nested-deep-multi",
    ];
    assert_eq!(found, expected);
    let multi = &set.images[1];
    target.check_complete(
        &"site/store/nested-deep-multi".parse()?,
        multi.tag.as_ref().context("a tag")?,
    )?;
    Ok(())
}

#[test]
fn tags_move_in_the_open_or_not_at_all() -> Result<()> {
    let desk = Desk::new()?;
    let (source, target) = (
        Embedded::start(Settings::default())?,
        Embedded::start(Settings::default())?,
    );
    let image = |seed| Image::single("shop/app", "stable", Format::Oci, &[Layer::new(seed, 200)?]);
    let (old, new) = (image(1)?, image(2)?);
    old.place(&target)?;
    new.place(&source)?;
    let bundle = build(
        &desk,
        "new.tar",
        &["--image".to_owned(), new.reference(&source.host())],
    )?;
    let (repository, tag) = (&old.repository, old.tag.as_ref().context("a tag")?);
    let line = format!(
        "moved      shop/app:stable {} -> {}",
        old.root.digest, new.root.digest
    );

    let kept = desk
        .push(&bundle, &target.host())?
        .args(["--keep-tags"])
        .run()?
        .expect_code(50)?;
    assert!(
        kept.stderr.contains("--keep-tags") && kept.stderr.contains("shop/app:stable"),
        "{}",
        kept.stderr
    );
    assert_eq!(target.tags(repository).get(tag), Some(&old.root.digest));
    assert!(
        target.manifest(repository, new.root.digest).is_none(),
        "something was pushed all the same"
    );
    let dry = desk
        .push(&bundle, &target.host())?
        .args(["--dry-run"])
        .run()?
        .expect_code(0)?
        .text();
    assert!(dry.contains(&line), "{dry}");
    assert_eq!(target.tags(repository).get(tag), Some(&old.root.digest));
    let said = desk
        .push(&bundle, &target.host())?
        .run()?
        .expect_code(0)?
        .text();
    assert!(said.contains(&line), "{said}");
    assert_eq!(target.tags(repository).get(tag), Some(&new.root.digest));
    // What is right already is nothing to refuse.
    desk.push(&bundle, &target.host())?
        .args(["--keep-tags"])
        .run()?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn one_platform_is_an_image_of_its_own() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let (multi, child) = (&set.images[1], &set.images[1].children[1]);
    let flags = [
        "--image".to_owned(),
        multi.reference(&source.host()),
        "--platform".to_owned(),
        "linux/arm64".to_owned(),
    ];
    let bundle = build(&desk, "arm.tar", &flags)?;
    let inspected = desk
        .import("inspect", &bundle)?
        .args(["--format", "json"])
        .run()?
        .expect_code(0)?;
    let inspected: Value = serde_json::from_slice(&inspected.stdout)?;
    let image = &inspected["index"]["images"][0];
    assert_eq!(text(image, "/digest"), child.digest.to_string());
    assert_eq!(text(image, "/selected_from"), multi.root.digest.to_string());
    assert_eq!(text(image, "/platforms/0"), "linux/arm64");
    let target = Embedded::start(Settings::default())?;
    desk.pushed(&bundle, &target.host(), &[])?;
    assert_eq!(
        target
            .tags(&multi.repository)
            .into_values()
            .collect::<Vec<_>>(),
        [child.digest]
    );
    target.check_complete(&multi.repository, multi.tag.as_ref().context("a tag")?)
}

#[test]
fn a_sparse_index_keeps_its_digest_where_the_registry_allows() -> Result<()> {
    needs!("docker-registry");
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let multi = &set.images[1];
    let flags = [
        "--image".to_owned(),
        multi.reference(&source.host()),
        "--platform=linux/arm64".to_owned(),
        "--sparse-index".to_owned(),
    ];
    let bundle = build(&desk, "sparse.tar", &flags)?;
    let target = Embedded::start(Settings {
        sparse: true,
        ..Settings::default()
    })?;
    desk.pushed(&bundle, &target.host(), &[])?;
    assert_eq!(
        target
            .tags(&multi.repository)
            .into_values()
            .collect::<Vec<_>>(),
        [multi.root.digest]
    );
    assert!(
        target
            .manifest(&multi.repository, multi.children[1].digest)
            .is_some()
    );
    assert!(
        target
            .manifest(&multi.repository, multi.children[0].digest)
            .is_none()
    );
    // Debian's registry wants all of it, and says so; nothing is tagged there.
    let strict = real(&desk, "strict")?;
    let refused = desk.push(&bundle, &strict.host())?.run()?.expect_code(30)?;
    assert!(
        refused
            .stderr
            .contains("nothing that needs them was tagged"),
        "{}",
        refused.stderr
    );
    Ok(())
}

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
        let target = Embedded::start(Settings::default())?;
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
        let target = Embedded::start(Settings::default())?;
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
        let target = Embedded::start(Settings::default())?;
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
    let target = Embedded::start(Settings::default())?;
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
        (&manifests, "0 images, 1 objects"),
    ] {
        let said = desk.import("verify", bundle)?.run()?.expect_code(0)?.text();
        assert!(said.contains(expected), "{said}");
    }
    let target = Embedded::start(Settings::default())?;
    let report = desk.pushed(&manifests, &target.host(), &[])?;
    assert_eq!(
        (&report["blobs"], &report["tags"]),
        (&serde_json::json!(0), &serde_json::json!([]))
    );
    assert!(target.repositories().is_empty());
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
            "--skip-attached".to_owned(),
        ],
    )?;
    let fallback = format!("sha256-{}", app.root.digest.hex()).parse()?;
    for referrers in [true, false] {
        let target = Embedded::start(Settings {
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
    let target = Embedded::start(Settings::default())?;
    desk.pushed(&bare, &target.host(), &[])?;
    assert_eq!(
        target.tags(&app.repository).len(),
        1,
        "--skip-attached left something on"
    );
    assert!(
        target
            .manifest(&app.repository, report.root.digest)
            .is_none()
    );
    Ok(())
}
