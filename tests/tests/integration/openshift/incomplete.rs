/*! A release of which a component is gone at its source: refused, unless somebody asks for it by name; then it is never called whole. */

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use serde_json::Value;
use tests::openshift::Oddity;

use super::Outside;

#[test]
fn a_release_without_a_component_must_be_asked_for_and_is_never_proposed() -> Result<()> {
    let outside = Outside::new(|spec| spec.with(Oddity::Missing("cli".into())))?;
    let bundle = outside.desk.at("incomplete.tar");
    let output = ["-o".as_ref(), bundle.as_os_str()];
    for flags in [&[][..], &["--skip-missing"]] {
        let run = outside
            .build()?
            .args(output)
            .args(flags)
            .run()?
            .expect_code(20)?;
        let said = &run.stderr;
        ensure!(
            said.contains("component \"cli\" of release 4.3.0")
                && said.contains("--allow-incomplete-release"),
            "{said}"
        );
        ensure!(!bundle.exists());
    }
    let flags = ["--skip-missing", "--allow-incomplete-release"];
    // Never out of some profile.
    let profile = outside
        .build()?
        .env("BUNDLER_ALLOW_INCOMPLETE_RELEASE", "1")
        .args(["--skip-missing"]);
    profile.args(output).run()?.expect_code(20)?;
    let built = outside
        .build()?
        .args(output)
        .args(flags)
        .run()?
        .expect_code(0)?
        .text();
    ensure!(
        built.contains("1 MISSING") && !built.contains("oc adm upgrade"),
        "{built}"
    );
    let index = outside.index(&bundle)?;
    let [missing] = index.missing.as_slice() else {
        anyhow::bail!("{:?}", index.missing);
    };
    let release = index.releases.first().context("no release")?;
    assert_eq!(missing.releases, std::slice::from_ref(&release.tag));
    ensure!(
        missing
            .tags
            .iter()
            .any(|tag| tag.as_str() == format!("{}-cli", release.tag))
    );
    let inspected = outside
        .desk
        .import("inspect", &bundle)?
        .run()?
        .expect_code(0)?
        .text();
    ensure!(
        inspected.contains("release 4.3.0 is NOT WHOLE"),
        "{inspected}"
    );
    let target = FakeRegistry::start(Settings::default())?;
    let push = outside
        .desk
        .push(&bundle, &target.host())?
        .args(["--format", "json"]);
    let report: Value = serde_json::from_slice(&push.run()?.expect_code(0)?.stdout)?;
    assert_eq!(report["releases"][0]["published"], false);
    assert_eq!(report["next_commands"], serde_json::json!([]));
    ensure!(
        report["warnings"].to_string().contains("NOT WHOLE"),
        "{report}"
    );
    ensure!(target.tags(&"openshift/release-images".parse()?).is_empty());
    ensure!(target.has_tag(&"openshift/release".parse()?, &release.tag));
    Ok(())
}
