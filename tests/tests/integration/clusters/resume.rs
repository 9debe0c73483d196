/*! The file that a run leaves for the next one, and runs that find nothing left to do. */

use std::fs;

use anyhow::Result;
use fakes::{Action, FakeFleet, FakeRegistry, Fault, Faults, registry::Settings};
use serde_json::Value;
use tests::process::Program;

use super::{Report, Site, map, map_at, says, shown, small_site};
use crate::outcome::fails_with;

fn site() -> Result<Site> {
    Site::new(&[("a.yaml", &map("default", "a", "1"))])
}

#[test]
fn when_nothing_is_left_nobody_is_asked() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let report = shown(&site.desk.at("report.json"));
    site.applied(&["c0", "c1"], &["--report", &report], 0)?;
    fleet.forget();
    let output = site
        .to(&["c0", "c1"], &["--retry-failed", &report])?
        .run()?
        .expect_code(0)?;
    assert_eq!(fleet.summary().requests, 0);
    assert_eq!(Report::of(&output)?.0["clusters"], Value::Array(Vec::new()));
    Ok(())
}

/// A cluster of the report that is not named any more is not forgotten silently.
#[test]
fn what_is_left_stays_left_in_the_report() -> Result<()> {
    let site = site()?;
    let refuse = Fault::of(Action::status(403))
        .clusters([0, 1])
        .resource("configmaps");
    let fleet = FakeFleet::start(3, Faults::default().with(refuse))?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let report = shown(&site.desk.at("report.json"));
    let all = ["c0", "c1", "c2"];
    let flags = ["--report", &report];
    site.applied(&all, &flags, 40)?;
    // Once more while one of both still refuses: that one is left, and only that one is asked the third time.
    fleet.set_faults(
        Faults::default().with(
            Fault::of(Action::status(403))
                .clusters([1])
                .resource("configmaps"),
        ),
    );
    let retry = ["--retry-failed", &report, "--report", &report];
    site.applied(&all, &retry, 40)?;
    fleet.set_faults(Faults::default());
    fleet.forget();
    site.applied(&all, &retry, 0)?;
    assert_eq!(fleet.summary().spans.keys().collect::<Vec<_>>(), [&1]);
    Ok(())
}

/// A bundle on a pipe reaches registry and clusters in one go, and what is cut reaches neither.
#[test]
fn a_bundle_on_a_pipe_is_applied_after_its_last_byte() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(1, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let inside = FakeRegistry::start(Settings::default())?;
    let whole = fs::read(&site.bundle)?;
    let cut = site.desk.at("cut.tar");
    fs::write(&cut, &whole[..whole.len() - 512])?;
    let kubeconfig = site.desk.at("kubeconfig");
    let run = |verb: &str, bundle: &std::path::Path| -> Result<(i32, String)> {
        let program = site.desk.import(verb, "-".as_ref())?.stdin_file(bundle)?;
        let program = program
            .args(["--context", "c0", "--kubeconfig"])
            .args([&kubeconfig]);
        let program = match verb {
            "import" => program.args(["--apply-config", "--plain-http", "--to", &inside.host()]),
            _ => program,
        };
        let output = program.run()?;
        Ok((output.code.unwrap_or_default(), output.stderr))
    };
    for verb in ["apply", "import"] {
        let (code, said) = run(verb, &cut)?;
        assert_eq!(code, 11, "{said}");
    }
    assert_eq!(fleet.summary().connections, 0);
    for verb in ["import", "apply"] {
        let (code, said) = run(verb, &site.bundle)?;
        assert_eq!(code, 0, "{said}");
        assert!(fleet.get(0, &map_at("default", "a")).is_some());
    }
    let dry = site.desk.import("import", &site.bundle)?;
    let dry = dry.args([
        "--apply-config",
        "--plain-http",
        "--to",
        &inside.host(),
        "--dry-run=server",
        "--context",
        "c0",
        "--kubeconfig",
    ]);
    fleet.forget();
    says(
        &dry.args([&kubeconfig]).run()?.expect_code(0)?.text(),
        &["c0", "dry run"],
    );
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}

#[test]
fn an_unsigned_or_altered_bundle_reaches_no_cluster() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(1, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let mut bytes = fs::read(&site.bundle)?;
    let at = bytes
        .windows(4)
        .rposition(|window| window == b"data")
        .unwrap_or_default();
    bytes[at + 9] ^= 1;
    let altered = site.desk.at("altered.tar");
    fs::write(&altered, bytes)?;
    let stranger = crate::desk::Desk::new()?;
    let flags = |program: Program| {
        program
            .args(["--context", "c0", "--kubeconfig"])
            .args([site.desk.at("kubeconfig")])
            .run()
    };
    fails_with(
        &flags(site.desk.import("apply", &altered)?)?,
        11,
        &["config/a.yaml"],
    );
    assert_eq!(
        flags(stranger.import("apply", &site.bundle)?)?.code,
        Some(10)
    );
    assert_eq!(fleet.summary().connections, 0);
    Ok(())
}

/// What a dry run found right was not done.
#[test]
fn the_report_of_a_dry_run_is_not_resumed() -> Result<()> {
    let (site, fleet) = small_site()?;
    let report = shown(&site.desk.at("report.json"));
    site.applied(&["c0"], &["--dry-run=server", "--report", &report], 0)?;
    let retry = site.to(&["c0"], &["--retry-failed", &report])?;
    fails_with(&retry.run()?, 2, &["--retry-failed", "dry run"]);
    assert_eq!(fleet.get(0, &map_at("default", "a")), None);
    Ok(())
}

/// A cluster that is left, and is not among those that are named, is not passed over.
#[test]
fn a_cluster_of_the_report_that_is_not_named_is_told() -> Result<()> {
    let (site, _standin) = small_site()?;
    let report = site.desk.at("report.json");
    site.applied(&["c0", "c1"], &["--report", &shown(&report)], 0)?;
    let mut outcome: Value = serde_json::from_slice(&fs::read(&report)?)?;
    outcome["clusters"][1]["state"] = "failed".into();
    fs::write(&report, outcome.to_string())?;
    let retry = site.to(&["c0"], &["--retry-failed", &shown(&report)])?;
    fails_with(&retry.run()?, 2, &["--retry-failed", "c1"]);
    Ok(())
}
