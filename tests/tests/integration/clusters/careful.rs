/*! Commands that would do less than was meant, or more, and must say so instead. */

use std::{fs, time::Duration};

use anyhow::Result;
use fakes::{Action, FakeFleet, Fault, Faults};
use serde_json::Value;

use super::{Site, map, map_at, shown, small_site};
use crate::outcome::told;

/// The others are not kept waiting until a cluster that hangs is given up.
#[test]
fn the_others_are_done_before_a_hanging_one_is_given_up() -> Result<()> {
    let (site, _) = small_site()?;
    let hangs = Fault::of(Action::hang()).clusters([1]);
    let fleet = FakeFleet::start(4, Faults::default().with(hangs))?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let limit = Duration::from_secs(8);
    site.applied(&["c0", "c1", "c2", "c3"], &["--request-timeout", "8s"], 40)?;
    for (cluster, span) in fleet.summary().spans {
        let early = span.last < limit - Duration::from_secs(2);
        assert_eq!(
            early,
            cluster != 1,
            "c{cluster} was last heard of after {:?}",
            span.last
        );
    }
    Ok(())
}

/// Who names clusters means them.
#[test]
fn clusters_that_are_named_in_vain_are_told() -> Result<()> {
    let (site, fleet) = small_site()?;
    let kubeconfig = shown(&site.desk.at("kubeconfig"));
    for flags in [
        &["--context", "c0", "--kubeconfig", &kubeconfig][..],
        &["--overwrite"],
        &["--report", "report.json"],
    ] {
        let import = site.desk.import("import", &site.bundle)?;
        let import = import
            .args(["--plain-http", "--to", "127.0.0.1:1"])
            .args(flags);
        told(&import.run()?, 2, &[flags[0], "--apply-config"]);
    }
    assert_eq!(fleet.summary().connections, 0);
    Ok(())
}

/// What a dry run found right was not done.
#[test]
fn the_account_of_a_dry_run_is_nothing_to_go_on_from() -> Result<()> {
    let (site, fleet) = small_site()?;
    let report = shown(&site.desk.at("report.json"));
    site.applied(&["c0"], &["--dry-run=server", "--report", &report], 0)?;
    let retry = site.to(&["c0"], &["--retry-failed", &report])?;
    told(&retry.run()?, 2, &["--retry-failed", "dry run"]);
    assert_eq!(fleet.get(0, &map_at("default", "a")), None);
    Ok(())
}

/// A cluster that is left, and is not among those that are named, is not passed over.
#[test]
fn a_cluster_of_the_account_that_is_not_named_is_told() -> Result<()> {
    let (site, _standin) = small_site()?;
    let report = site.desk.at("report.json");
    site.applied(&["c0", "c1"], &["--report", &shown(&report)], 0)?;
    let mut account: Value = serde_json::from_slice(&fs::read(&report)?)?;
    account["clusters"][1]["state"] = "failed".into();
    fs::write(&report, account.to_string())?;
    let retry = site.to(&["c0"], &["--retry-failed", &shown(&report)])?;
    told(&retry.run()?, 2, &["--retry-failed", "c1"]);
    Ok(())
}

/// Two files that each want another content of one object would be applied against each other for ever.
#[test]
fn an_object_that_is_there_twice_is_told() -> Result<()> {
    let (_, fleet) = small_site()?;
    let twice = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "a", "2")),
    ]);
    // Either program may be the one that refuses.
    let Ok(site) = twice else { return Ok(()) };
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    told(
        &site.to(&["c0"], &[])?.run()?,
        2,
        &["config/a.yaml", "config/b.yaml", "twice"],
    );
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}
