use jiff::{
    civil::{Weekday, time},
    tz::TimeZone,
};

use super::*;
use crate::gates::{Gates, Requirement, Which};

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: smoke, namespace: shop}\nspec: {template: {}}\n";

/// A CLUSTERS.yaml with a wave of cluster `a`, and keys of that wave.
fn wave(keys: &str) -> String {
    format!("kubeconfig: all.yaml\nclusters:\n- name: a\nwaves:\n- clusters: [a]\n{keys}")
}

fn loaded(keys: &str) -> Result<Gates, Box<dyn Error>> {
    let place = place(&["a"])?;
    fs::create_dir(place.path().join("hooks"))?;
    fs::write(place.path().join("hooks/smoke.yaml"), JOB)?;
    let file = place.path().join("CLUSTERS.yaml");
    fs::write(&file, wave(keys))?;
    Ok(Gates::clone(&Fleet::load(&file)?.waves[0].gates))
}

#[test]
fn everything_a_wave_may_ask_for() -> Done {
    let gates = loaded(
        "  require:\n    machineConfigPools: all\n    clusterOperators: [etcd, network]\n    conditions:\n    \
         - {apiVersion: example.com/v1, kind: Database, namespace: shop, name: main, type: Ready}\n    \
         - {apiVersion: v1, kind: Node, name: n, type: DiskPressure, status: False}\n    \
         window: {days: [Sat, Sun], from: 22:00, to: \"04:30\", zone: Europe/Berlin, wait: 90m}\n  \
         hooks:\n    before: [hooks/smoke.yaml]\n    after:\n    - hooks/smoke.yaml\n    \
         - {apiVersion: batch/v1, kind: Job, metadata: {name: other}, spec: {template: {}}}\n",
    )?;
    let condition =
        |api_version: &str, kind: &str, namespace: Option<&str>, name: &str, what: [&str; 2]| {
            Requirement::Condition {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
                condition: what[0].to_owned(),
                status: what[1].to_owned(),
            }
        };
    let named = ["etcd", "network"].map(str::to_owned).to_vec();
    assert_eq!(
        gates.require,
        [
            Requirement::Pools(Which::All),
            Requirement::Operators(Which::Named(named)),
            condition(
                "example.com/v1",
                "Database",
                Some("shop"),
                "main",
                ["Ready", "True"]
            ),
            condition("v1", "Node", None, "n", ["DiskPressure", "False"]),
        ]
    );
    let window = gates.window.ok_or("no window")?;
    assert_eq!(window.days, [Weekday::Saturday, Weekday::Sunday]);
    assert_eq!(
        (window.from, window.to),
        (time(22, 0, 0, 0), time(4, 30, 0, 0))
    );
    assert_eq!(window.zone, TimeZone::get("Europe/Berlin")?);
    assert_eq!(window.wait, Duration::from_secs(90 * 60));
    assert_eq!((gates.before.len(), gates.after.len()), (1, 2));
    assert_eq!(gates.before[0], gates.after[0]);
    Ok(())
}

#[test]
fn every_mistake_in_gates_has_its_place_and_its_sentence() -> Done {
    let mut other = Vec::new();
    for (keys, expected) in [
        (
            "  require: {pools: all}\n",
            "FILE (line 6, column 13): unknown key \"pools\"",
        ),
        (
            "  require:\n    machineConfigPool: all\n",
            "FILE (line 7, column 5): unknown key \"machineConfigPool\" (did you mean \"machineConfigPools\"?)",
        ),
        (
            "  require:\n    machineConfigPools: some\n",
            "FILE (line 7, column 25): expected `all` or a list of names",
        ),
        (
            "  require:\n    clusterOperators: []\n",
            "FILE (line 7, column 23): expected `all` or a list of names",
        ),
        (
            "  require:\n    conditions:\n    - {apiVersion: v1, kind: Node, name: n}\n",
            "FILE (line 8, column 36): missing field `type`",
        ),
        (
            "  require:\n    conditions:\n    - {apiVersion: v1, kind: Node, name: '', type: Ready}\n",
            "FILE (line 8, column 42): expected a name, found nothing",
        ),
        (
            "  require:\n    conditions:\n    - {apiVersion: v1, kind: Node, name: n, type: Ready, status: ready}\n",
            "FILE (line 8, column 66): \"ready\" is no status of a condition",
        ),
        (
            "  require:\n    window: {from: '22:00', to: '04:00'}\n",
            "): missing field `zone`",
        ),
        (
            "  require:\n    window: {from: '22:00', to: '25:00', zone: UTC}\n",
            "FILE (line 7, column 33): \"25:00\" is no time of day",
        ),
        (
            "  require:\n    window: {from: '9:00', to: '25:00', zone: UTC}\n",
            "FILE (line 7, column 20): \"9:00\" is no time of day",
        ),
        (
            "  require:\n    window: {from: '22:00', to: '04:00', zone: Europe/Berln}\n",
            "FILE (line 7, column 48): \"Europe/Berln\" is no time zone",
        ),
        (
            "  require:\n    window: {days: [Sat, Sunday], from: '22:00', to: '04:00', zone: UTC}\n",
            "FILE (line 7, column 26): \"Sunday\" is no day; expected Mon, Tue",
        ),
        (
            "  require:\n    window: {from: '22:00', to: '04:00', zone: UTC, wait: long}\n",
            "FILE (line 7, column 59): \"long\" is no time to wait",
        ),
        (
            "  hooks: {befor: []}\n",
            "FILE (line 6, column 11): unknown key \"befor\" (did you mean \"before\"?)",
        ),
        (
            "  hooks:\n    before: [7]\n",
            "FILE (line 7, column 14): expected a Job, or the path of its manifest",
        ),
        (
            "  hooks:\n    before: [gone.yaml]\n",
            "gone.yaml: it cannot be read",
        ),
        (
            "  hooks:\n    before: [all.yaml]\n",
            "FILE (line 7, column 14): ",
        ),
        (
            "  hooks:\n    after:\n    - {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}\n",
            "FILE (line 8, column 7): a hook is a Job: expected apiVersion batch/v1 and kind Job, found v1 and Pod",
        ),
        (
            "  hooks:\n    after:\n    - {apiVersion: batch/v1, kind: Job, metadata: {generateName: p-}, spec: {}}\n",
            "FILE (line 8, column 7): a Job needs metadata.name",
        ),
        (
            "  hooks:\n    after:\n    - {apiVersion: batch/v1, kind: Job, metadata: {name: P}, spec: {}}\n",
            "FILE (line 8, column 7): \"P\" cannot be the name of a Job",
        ),
    ] {
        let refused = load(&wave(keys))?.err();
        let refused = refused.unwrap_or_else(|| "nothing is wrong".to_owned());
        if !refused.contains(expected) {
            other.push(format!("{keys}{refused}; expected {expected}"));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    Ok(())
}
