/*! `drift --watch`: what is changed by hand is told, once, and the last state is the exit code. */

use std::{cell::Cell, fs};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::needs;

use crate::clusters::{Site, map, map_at, real, shown};

#[test]
fn what_is_changed_by_hand_is_told_once_and_so_is_what_is_right_again() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let site = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
    ])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    site.to(&["east"], &[])?.run()?.expect_code(0)?;

    let said = site.desk.at("said");
    let lines = || {
        fs::read_to_string(&said)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let at = map_at("default", "a");
    let set = |value: &str| east.merge(&at, &json!({"data": {"a": value}}));
    let mend = || {
        let apply = site.to(&["east"], &["--overwrite"])?;
        apply.run()?.expect_code(0).map(|_| ())
    };
    set("2")?;
    let done = Cell::new(Ok(()));
    // Each line that is said is followed by the next change; the third ends it.
    let told = Cell::new(0);
    let next = || {
        let count = lines();
        if count == told.get() {
            return false;
        }
        told.set(count);
        let changed = match count {
            1 => mend(),
            2 => set("3"),
            _ => return true,
        };
        let failed = changed.is_err();
        done.set(changed);
        failed
    };
    let kubeconfig = shown(&site.desk.at("kubeconfig"));
    let drift = site.desk.import("drift", &site.bundle)?;
    let drift = drift.args(["--watch=50ms", "--format", "json"]);
    let drift = drift.args(["--context", "east", "--kubeconfig", &kubeconfig]);
    let drift = drift.stdout_file(&said)?;
    drift.interrupt_when(next)?.expect_code(42)?;
    done.into_inner()?;

    let said = fs::read_to_string(&said)?;
    let said = said.lines().map(serde_json::from_str::<Value>);
    let said: Vec<Value> = said.collect::<Result<_, _>>()?;
    let actions: Vec<_> = said.iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["conflict", "unchanged", "conflict"], "{said:#?}");
    for line in &said {
        assert_eq!([&line["cluster"], &line["name"]], ["east", "a"]);
    }
    assert_eq!(said[0]["before"], "unchanged");
    Ok(())
}
