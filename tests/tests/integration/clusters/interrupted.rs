/*! Ended in the middle, gently or not: the next run finishes, and nothing becomes another than it was to be. */

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fakes::{Action, FakeFleet, Fault, Faults};
use serde_json::json;
use tests::process::Output;

use super::{Report, Site, map, map_at};

const CLUSTERS: usize = 12;
const OBJECTS: usize = 12;

/// Clusters that answer slowly enough to be interrupted.
fn start(site: &Site) -> Result<FakeFleet> {
    let fleet = FakeFleet::start(
        CLUSTERS,
        Faults::default().latency(Duration::from_millis(20)),
    )?;
    let kubeconfig = site.desk.at("kubeconfig");
    fleet.kubeconfig(&kubeconfig)?;
    fleet.clusters_yaml(&site.desk.at("CLUSTERS.yaml"), &kubeconfig, 1, json!({}))?;
    Ok(fleet)
}

fn site() -> Result<Site> {
    let files: Vec<(String, String)> = (0..OBJECTS)
        .map(|number| {
            (
                format!("{number}.yaml"),
                map("default", &format!("map-{number}"), "1"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Site::new(&files)
}

/// How many objects are there.
fn there(fleet: &FakeFleet) -> usize {
    let places =
        (0..CLUSTERS).flat_map(|cluster| (0..OBJECTS).map(move |number| (cluster, number)));
    places
        .filter(|(cluster, number)| {
            fleet
                .get(*cluster, &map_at("default", &format!("map-{number}")))
                .is_some()
        })
        .count()
}

/// Runs once more: what is left is done, what is done is not done again.
fn converges(site: &Site, fleet: &FakeFleet) -> Result<()> {
    // What the run before has sent may still be done after its end.
    fleet.wait_until_deserted()?;
    let before = there(fleet);
    fleet.forget();
    let outcome = Report::of(
        &site
            .to_all(&["--max-parallel", "3"])?
            .run()?
            .expect_code(0)?,
    )?;
    assert_eq!(there(fleet), CLUSTERS * OBJECTS);
    let mut created = 0;
    for cluster in 0..CLUSTERS {
        let actions = outcome.actions(&format!("c{cluster}"))?;
        ensure!(
            actions
                .iter()
                .all(|action| action.ends_with("created") || action.ends_with("unchanged")),
            "{actions:?}"
        );
        created += actions
            .iter()
            .filter(|action| action.ends_with("created"))
            .count();
    }
    assert_eq!(created, CLUSTERS * OBJECTS - before);
    assert_eq!(fleet.summary().writes, created as u64);
    for (cluster, number) in [(0, 0), (CLUSTERS - 1, OBJECTS - 1)] {
        let object = fleet.get(cluster, &map_at("default", &format!("map-{number}")));
        let managers =
            object.and_then(|object| Some(object["metadata"]["managedFields"].as_array()?.len()));
        assert_eq!(managers, Some(1));
    }
    Ok(())
}

#[test]
fn killed_in_the_middle() -> Result<()> {
    let site = site()?;
    for writes in [1, 30, 100] {
        let fleet = start(&site)?;
        let run = site.to_all(&["--max-parallel", "3"])?;
        let killed = run.kill_when(|| fleet.summary().writes >= writes)?;
        ensure!(killed.signal == Some(9), "{}", killed.stderr);
        ensure!(there(&fleet) < CLUSTERS * OBJECTS, "it was done before");
        converges(&site, &fleet)?;
    }
    Ok(())
}

/// Nothing was changed yet, so nothing has to end; the report is there nevertheless.
#[test]
fn interrupted_while_it_looks_it_ends_at_once() -> Result<()> {
    let site = site()?;
    let fleet = start(&site)?;
    fleet.set_faults(Faults::default().with(Fault::of(Action::hang()).clusters([1])));
    let run = site.to_all(&["--request-timeout", "9m"])?;
    let ended = run
        .interrupt_when(|| fleet.summary().requests >= 1)?
        .expect_code(41)?;
    let outcome = Report::of(&ended)?;
    for cluster in ["c0", "c1"] {
        assert_eq!(outcome.state(cluster)?, "stopped");
        super::says(outcome.reason(cluster)?, &["before anything was changed"]);
    }
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}

#[test]
fn interrupted_it_ends_what_it_began_and_says_what_is_left() -> Result<()> {
    let site = site()?;
    let fleet = start(&site)?;
    let report = site.desk.at("report.json");
    let run = site
        .to_all(&["--max-parallel", "3", "--report"])?
        .args([&report]);
    let ended: Output = run
        .interrupt_when(|| fleet.summary().writes >= 20)?
        .expect_code(40)?;
    let outcome = Report::of(&ended)?;
    let states: Vec<&str> = (0..CLUSTERS)
        .map(|cluster| outcome.state(&format!("c{cluster}")))
        .collect::<Result<_>>()?;
    let count = |state: &str| states.iter().filter(|one| **one == state).count();
    ensure!(count("done") > 0 && count("stopped") > 0, "{states:?}");
    for (cluster, state) in states.iter().enumerate() {
        let whole = (0..OBJECTS).all(|number| {
            fleet
                .get(cluster, &map_at("default", &format!("map-{number}")))
                .is_some()
        });
        ensure!(whole == (*state == "done"), "c{cluster} is {state}");
    }
    // What is left is in the report.
    fleet.forget();
    let retry = site
        .to_all(&["--retry-failed"])?
        .args([&report])
        .run()?
        .expect_code(0)?;
    assert_eq!(
        Report::of(&retry)?.0["clusters"].as_array().map(Vec::len),
        Some(count("stopped") + count("failed"))
    );
    converges(&site, &fleet)
}

/// While clusters are only looked at, there is nothing to end in order.
#[test]
fn interrupted_before_the_first_change_it_ends_at_once() -> Result<()> {
    let site = site()?;
    let fleet = start(&site)?;
    fleet.set_faults(Faults::default().with(Fault::of(Action::hang()).clusters([3])));
    let begun = Instant::now();
    let ended = site
        .to_all(&[])?
        .interrupt_when(|| fleet.summary().spans.len() == CLUSTERS)?;
    ensure!(ended.code != Some(0), "{}", ended.stderr);
    ensure!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(there(&fleet), 0);
    Ok(())
}

/// A cluster that begins to hang when it is being changed has so much time and no more, and so has an interruption.
#[test]
fn a_cluster_that_hangs_in_the_middle_holds_nobody_up() -> Result<()> {
    let site = site()?;
    let fleet = start(&site)?;
    // Reviews and dry runs are answered; the first object that is meant hangs.
    let hang = |faults: Faults| faults.with(Fault::of(Action::hang()).clusters([2]).writes());
    fleet.set_faults(hang(Faults::default()));
    let begun = Instant::now();
    let flags = ["--request-timeout", "2s", "--cluster-timeout", "6s"];
    let outcome = Report::of(&site.to_all(&flags)?.run()?.expect_code(40)?)?;
    ensure!(
        begun.elapsed() < Duration::from_secs(12),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(outcome.state("c2")?, "failed");
    assert_eq!(there(&fleet), (CLUSTERS - 1) * OBJECTS);
    let begun = Instant::now();
    let flags = [
        "--request-timeout",
        "60s",
        "--report",
        &super::shown(&site.desk.at("report.json")),
    ];
    fleet.forget();
    let ended = site
        .to_all(&flags)?
        .interrupt_when(|| fleet.summary().writes > 0)?
        .expect_code(40)?;
    ensure!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let outcome = Report::of(&ended)?;
    assert_ne!(outcome.state("c2")?, "done");
    super::says(outcome.reason("c2")?, &["interrupted"]);
    fleet.set_faults(Faults::default());
    converges(&site, &fleet)
}
