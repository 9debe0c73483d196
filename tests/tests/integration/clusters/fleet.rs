/*! Many clusters: in waves, at once, with faults on the way, and one that hangs. */

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeFleet, Fault, Faults, kubeconfig::Kubeconfig};
use serde_json::{Value, json};

use super::{Report, Site, map, map_at, says, small_site};
use crate::outcome::fails_with;

fn site() -> Result<Site> {
    Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
    ])
}

/// Stand-ins as `CLUSTERS.yaml` lists them, in three parts.
fn listed(site: &Site, count: usize, faults: Faults, more: Value) -> Result<FakeFleet> {
    let fleet = FakeFleet::start(count, faults)?;
    let kubeconfig = site.desk.at("kubeconfig");
    fleet.kubeconfig(&kubeconfig)?;
    fleet.clusters_yaml(&site.desk.at("CLUSTERS.yaml"), &kubeconfig, 3, more)?;
    Ok(fleet)
}

#[test]
fn a_canary_that_fails_stops_the_rest() -> Result<()> {
    let site = site()?;
    let refusing = Faults::default().with(
        Fault::of(Action::Forbid)
            .clusters([0])
            .resource("configmaps"),
    );
    let waves =
        json!({"waves": [{"clusters": ["c0"]}, {"selector": "part in (1,2)", "maxConcurrent": 2}]});
    let fleet = listed(&site, 6, refusing, waves)?;
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(41)?)?;
    assert_eq!(outcome.state("c0")?, "failed");
    for name in ["c1", "c2", "c3", "c4", "c5"] {
        assert_eq!(outcome.state(name)?, "stopped");
        says(outcome.reason(name)?, &["c0"]);
    }
    assert_eq!(fleet.summary().writes, 0, "what is forbidden is not tried");
    assert_eq!(fleet.get(3, &map_at("default", "a")), None);
    // Mended, the waves follow one another.
    fleet.set_faults(Faults::default());
    fleet.forget();
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(0)?)?;
    let waves = ["c0", "c1", "c2", "c3"]
        .map(|name| outcome.cluster(name).map(|cluster| cluster["wave"].clone()));
    let waves = waves.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(
        waves,
        [json!(1), json!(2), json!(2), json!(3)],
        "what is in no wave comes last"
    );
    let wrote = fleet
        .requests()
        .into_iter()
        .filter(|request| request.is_write());
    let mut order: Vec<usize> = wrote.map(|request| request.cluster).collect();
    order.dedup();
    assert_eq!(order.first(), Some(&0));
    assert_eq!(order.last(), Some(&3));
    Ok(())
}

/// What changes nothing waits for nothing, and a canary that would fail hides nothing.
#[test]
fn a_dry_run_knows_no_pauses() -> Result<()> {
    let site = site()?;
    let refusing = Faults::default().with(
        Fault::of(Action::Forbid)
            .clusters([0])
            .resource("configmaps"),
    );
    let waves = json!({"waves": [{"clusters": ["c0"], "pause": "10h"}, {"clusters": ["c1"]}]});
    let fleet = listed(&site, 2, refusing, waves)?;
    let dry = site.to_all(&["--dry-run=server"])?.run()?.expect_code(40)?;
    let outcome = Report::of(&dry)?;
    assert_eq!(
        [outcome.state("c0")?, outcome.state("c1")?],
        ["failed", "done"]
    );
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}

#[test]
fn a_wave_that_waits_for_approval_needs_somebody_or_a_flag() -> Result<()> {
    let site = site()?;
    let waves = json!({"waves": [{"clusters": ["c0"], "pause": "approval"}, {"clusters": ["c1"]}]});
    let fleet = listed(&site, 2, Faults::default(), waves)?;
    let alone = site.to_all(&[])?.unattended().run()?;
    fails_with(&alone, 2, &["wave 1", "approval", "--auto-approve"]);
    assert_eq!(fleet.summary().requests, 0);
    site.to_all(&["--auto-approve"])?.run()?.expect_code(0)?;
    Ok(())
}

#[test]
fn passing_faults_are_tried_again_and_the_second_run_writes_nothing() -> Result<()> {
    let site = site()?;
    let mut faults = Faults::default().latency(Duration::from_millis(2));
    for action in [
        Action::status(500),
        Action::retry_after(429, 1),
        Action::Break,
        Action::BreakAfter,
    ] {
        faults = faults.with(Fault::of(action).share(0.02));
    }
    let fleet = listed(&site, 40, faults, json!({}))?;
    let first = site
        .to_all(&["--max-parallel", "8"])?
        .run()?
        .expect_code(0)?;
    let outcome = Report::of(&first)?;
    for cluster in 0..40 {
        let actions = outcome.actions(&format!("c{cluster}"))?;
        assert_eq!(
            actions,
            ["a created", "b created"],
            "though the answer to an earlier attempt was lost"
        );
    }
    let summary = fleet.summary();
    ensure!(
        summary
            .statuses
            .keys()
            .any(|status| *status == 500 || *status == 0),
        "no fault struck: {summary:?}"
    );
    ensure!(summary.peak <= 8 * 8, "{} requests at a time", summary.peak);
    fleet.forget();
    let again = Report::of(&site.to_all(&[])?.run()?.expect_code(0)?)?;
    assert_eq!(again.actions("c17")?, ["a unchanged", "b unchanged"]);
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}

/// A hanging cluster, and one where connections are taken and nothing is said, cost their own time and nothing else.
#[test]
fn a_cluster_that_hangs_delays_nobody() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(
        6,
        Faults::default().with(Fault::of(Action::hang()).clusters([1])),
    )?;
    let mut contexts: Vec<_> = (0..5).map(|cluster| fleet.access(cluster)).collect();
    contexts.push(fleet.silent(5)?);
    contexts
        .into_iter()
        .collect::<Kubeconfig>()
        .write(&site.desk.at("kubeconfig"))?;
    let names = ["c0", "c1", "c2", "c3", "c4", "c5"];
    let start = Instant::now();
    let outcome = site.applied(
        &names,
        &["--request-timeout", "6s", "--max-parallel", "3"],
        40,
    )?;
    let elapsed = start.elapsed();
    for name in ["c1", "c5"] {
        assert_eq!(outcome.state(name)?, "unreachable");
    }
    says(outcome.reason("c1")?, &["no answer within 6 s"]);
    for name in ["c0", "c2", "c3", "c4"] {
        assert_eq!(outcome.state(name)?, "done");
    }
    ensure!(
        elapsed < Duration::from_secs(12),
        "both hang at the same time, and only once: {elapsed:?}"
    );
    Ok(())
}

/// One that begins to hang in the middle has the time of a cluster, not longer.
#[test]
fn a_cluster_has_so_much_time_and_no_more() -> Result<()> {
    let site = site()?;
    let slow = Fault::of(Action::Slow(Duration::from_secs(2))).clusters([0]);
    let fleet = listed(&site, 2, Faults::default().with(slow), json!({}))?;
    let flags = ["--cluster-timeout", "3s", "--request-timeout", "3s"];
    let start = Instant::now();
    let outcome = Report::of(&site.to_all(&flags)?.run()?.expect_code(40)?)?;
    ensure!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(outcome.state("c1")?, "done");
    assert_ne!(outcome.state("c0")?, "done");
    says(outcome.reason("c0")?, &["3 s"]);
    assert_eq!(fleet.get(0, &map_at("default", "a")), None);
    Ok(())
}

#[test]
fn hundreds_of_clusters_stay_within_memory() -> Result<()> {
    let site = site()?;
    let fleet = listed(&site, 200, Faults::default(), json!({}))?;
    let output = site.to_all(&[])?.run()?.expect_code(0)?;
    crate::outcome::within(&output, 128)?;
    let outcome = Report::of(&output)?;
    assert_eq!(outcome.actions("c199")?, ["a created", "b created"]);
    let object = fleet
        .get(123, &map_at("default", "b"))
        .context("not there")?;
    assert_eq!(
        object["metadata"]["managedFields"][0]["manager"],
        super::MANAGER
    );
    Ok(())
}

/// A canary that cannot be reached is one that failed.
#[test]
fn a_canary_that_is_not_there_stops_the_rest_too() -> Result<()> {
    let site = site()?;
    let waves = json!({"waves": [{"clusters": ["c0"]}, {"clusters": ["c1", "c2"], "maxConcurrent": 1, "maxFailures": 1}]});
    let gone = Fault::of(Action::Break).clusters([0]);
    let fleet = listed(&site, 3, Faults::default().with(gone), waves)?;
    let outcome = Report::of(
        &site
            .to_all(&["--request-timeout", "2s"])?
            .run()?
            .expect_code(41)?,
    )?;
    assert_eq!(
        [
            outcome.state("c0")?,
            outcome.state("c1")?,
            outcome.state("c2")?
        ],
        ["unreachable", "stopped", "stopped"]
    );
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}

/// The others are not kept waiting until a cluster that hangs is given up.
#[test]
fn the_others_are_done_before_a_hanging_one_is_given_up() -> Result<()> {
    let (site, _) = small_site()?;
    let hangs = Fault::of(Action::hang()).clusters([1]);
    let fleet = FakeFleet::start(4, Faults::default().with(hangs))?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let limit = Duration::from_secs(8);
    site.applied(&["c0", "c1", "c2", "c3"], &["--request-timeout", "8s"], 40)?;
    let spans = fleet.summary().spans;
    assert_eq!(spans.len(), 4, "{spans:?}");
    for (cluster, span) in spans {
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
