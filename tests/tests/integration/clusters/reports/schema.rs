/*! The JSON Schema of reports describes what real runs write, and each report says what it is about. */

use std::{fs, sync::OnceLock};

use anyhow::{Context as _, Result, ensure};
use jsonschema::Validator;
use schema::Digest;
use serde_json::{Value, json};
use tests::{needs, process::Program};

use crate::{
    clusters::{Site, map, real, shown, small_site},
    outcome::says,
};

const IMAGE: &str = "registry.example:5000/ocp/openshift/release-images@sha256:\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Refuses a report that is not as `importer/report.schema.json` says.
pub(in crate::clusters) fn check(report: &Value) -> Result<()> {
    static VALIDATOR: OnceLock<Option<Validator>> = OnceLock::new();
    let validator = VALIDATOR
        .get_or_init(|| jsonschema::validator_for(importer::json_schema().as_value()).ok());
    let validator = validator.as_ref().context("the schema is no schema")?;
    let wrong = validator.iter_errors(report);
    let wrong: Vec<String> = wrong.map(|error| error.to_string()).collect();
    ensure!(wrong.is_empty(), "{wrong:?}\n{report:#}");
    Ok(())
}

/// The id of a bundle, from the file itself: `bundle.json` is the first entry of the tarball.
fn id(site: &Site) -> Result<String> {
    let mut archive = tar::Archive::new(fs::File::open(&site.bundle)?);
    let mut first = archive.entries()?.next().context("an empty bundle")??;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut first, &mut bytes)?;
    Ok(Digest::of(&bytes).to_string())
}

#[test]
fn reports_of_apply_upgrade_and_rollback_are_as_their_schema_says() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, clusters) = real(&["east"])?;
    site.contexts(clusters.iter().map(|cluster| cluster.admin()))?;
    let (report, backup) = (site.desk.at("report.json"), shown(&site.desk.at("backup")));
    let kubeconfig = shown(&site.desk.at("kubeconfig"));
    let to = ["--context", "east", "--kubeconfig", &kubeconfig];
    let written = |program: Program| -> Result<Value> {
        let program = program
            .args(to)
            .args(["--report".as_ref(), report.as_path()]);
        program.run()?.expect_code(0)?;
        let report = serde_json::from_slice(&fs::read(&report)?)?;
        check(&report)?;
        Ok(report)
    };
    let applied = written(site.apply(&["--backup", &backup])?)?;
    assert_eq!(applied["format"], "offline-bundle-apply/v1");
    assert_eq!(applied["bundle"], id(&site)?);
    assert_eq!(applied["program_version"], env!("CARGO_PKG_VERSION"));
    let upgrade = ["upgrade", "--to-image", IMAGE, "--dry-run"];
    let upgraded = written(Program::importer()?.args(upgrade))?;
    assert_eq!(upgraded["format"], "offline-bundle-upgrade/v1");
    assert_eq!(upgraded["bundle"], Value::Null);
    let back = written(Program::importer()?.args(["rollback", &backup]))?;
    assert_eq!(back["format"], "offline-bundle-rollback/v1");
    assert_eq!(back["clusters"][0]["objects"][0]["action"], "deleted");
    // It can say no: otherwise it would describe nothing.
    for (pointer, wrong) in [
        ("/format", json!("offline-bundle-apply/v2")),
        ("/bundle", json!("sha512:00")),
        ("/clusters/0/state", json!("fine")),
        ("/clusters/0/wave", json!(-1)),
        ("/clusters/0/objects/0/action", json!("restored")),
        ("/counts/done", json!("1")),
    ] {
        let mut other = applied.clone();
        *other.pointer_mut(pointer).context(pointer)? = wrong;
        assert!(check(&other).is_err(), "{pointer} may be anything");
    }
    Ok(())
}

/// What failed with one bundle is tried again with the mended one.
#[test]
fn a_retry_with_another_bundle_goes_on_and_names_both() -> Result<()> {
    let (site, fleet) = small_site()?;
    let report = shown(&site.desk.at("report.json"));
    let bad = Site::new(&[("a.yaml", &map("nowhere", "a", "1"))])?;
    fleet.kubeconfig(&bad.desk.at("kubeconfig"))?;
    let (first, second) = (["--report", &report], ["--retry-failed", &report]);
    bad.to(&["c0"], &first)?.run()?.expect_code(41)?;
    let same = bad.to(&["c0"], &second)?.run()?.expect_code(41)?;
    assert!(!same.stderr.contains("earlier run"), "{}", same.stderr);
    let mended = site.to(&["c0"], &second)?.run()?.expect_code(0)?;
    says(&mended.stderr, &["earlier run", &id(&bad)?, &id(&site)?]);
    Ok(())
}
