/*!
What the operators choose: where repositories go, which tags may move, which platforms travel.
*/

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use serde_json::Value;
use tests::{
    images::{Format, Image, Layer},
    needs,
};

use super::{build, named, real, stocked, tags, text};
use crate::desk::Desk;

#[test]
fn repositories_go_where_they_are_sent() -> Result<()> {
    let (desk, (source, set)) = (Desk::new()?, stocked(Settings::default())?);
    let bundle = build(&desk, "bundle.tar", &named(&set, &source.host()))?;
    let target = FakeRegistry::start(Settings {
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
        FakeRegistry::start(Settings::default())?,
        FakeRegistry::start(Settings::default())?,
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
    let target = FakeRegistry::start(Settings::default())?;
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
    let target = FakeRegistry::start(Settings {
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
