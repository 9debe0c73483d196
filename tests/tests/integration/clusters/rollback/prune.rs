/*! What a later bundle of a series no longer has, and what somebody changed by hand, on a real API server. */

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::needs;

use super::{
    super::{Report, Site, map, map_at, real, says, shown},
    SECRET_AT, bare, rollback, secret,
};
use crate::outcome::fails_with;

#[test]
fn prune_removes_exactly_what_was_dropped() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let all = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
        ("c.yaml", &map("default", "c", "1")),
        (
            "d.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
        ),
    ])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    all.contexts([east.admin()])?;
    let flags = ["--series", "shop"];
    all.applied(&["east"], &flags, 0)?;
    let object = east.get(&map_at("default", "a"))?.context("a")?;
    assert_eq!(
        object["metadata"]["labels"]["offline-bundle/series"],
        "shop"
    );
    assert!(
        east.get(&map_at("default", "offline-bundle-inventory-shop"))?
            .is_some()
    );
    // A second run writes nothing.
    let mark = east.mark()?;
    all.applied(&["east"], &flags, 0)?;
    let meant = |mark| {
        let writes = east.writes(mark)?;
        Ok::<_, anyhow::Error>(writes.iter().filter(|write| !write.is_dry_run()).count())
    };
    assert_eq!(meant(mark)?, 0);

    // Somebody changes what is dropped next.
    east.merge(&map_at("default", "c"), &json!({"data": {"b": "mine"}}))?;
    let fewer = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    fewer.contexts([east.admin()])?;
    let listed = fewer.applied(&["east"], &flags, 0)?;
    let kept = ["a unchanged", "b kept", "c kept", "shop kept"];
    assert_eq!(listed.actions("east")?, kept);
    // Who approves waves has not approved that anything is removed, and nobody is there to ask.
    let unasked = ["--series", "shop", "--prune", "--auto-approve"];
    let refused = fewer.to(&["east"], &unasked)?.unattended().run()?;
    fails_with(&refused, 2, &["--prune", "terminal", "--auto-prune"]);
    assert!(east.get(&map_at("default", "b"))?.is_some());
    let flags = ["--series", "shop", "--prune", "--auto-prune"];
    let pruned = fewer.applied(&["east"], &flags, 0)?;
    let expected = ["a unchanged", "b pruned", "c kept", "shop kept"];
    assert_eq!(pruned.actions("east")?, expected);
    says(pruned.why("east", "c")?, &["manages fields of it too"]);
    assert_eq!(east.get(&map_at("default", "b"))?, None);
    for there in [map_at("default", "a"), map_at("default", "c")] {
        assert!(east.get(&there)?.is_some(), "{there}");
    }
    // It is off the list, and nothing is left to do.
    let mark = east.mark()?;
    let again = fewer.applied(&["east"], &flags, 0)?;
    assert_eq!(
        again.actions("east")?,
        ["a unchanged", "c kept", "shop kept"]
    );
    assert_eq!(meant(mark)?, 0);
    Ok(())
}

const LIST: &str = "offline-bundle-inventory-shop";

/// What is removed is saved before, and comes back with the list as it was; a Secret that is not saved is not removed.
#[test]
fn what_was_pruned_comes_back_and_so_does_the_list() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let first = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
        ("secret.yaml", &secret("one")),
    ])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    first.contexts([east.admin()])?;
    first.applied(&["east"], &["--series", "shop"], 0)?;
    let places = ["a", "b", LIST].map(|name| map_at("default", name));
    let places: Vec<String> = places.into_iter().chain([SECRET_AT.to_owned()]).collect();
    let all = || {
        places
            .iter()
            .map(|place| bare(east, place))
            .collect::<Result<Vec<_>>>()
    };
    let before = all()?;

    let second = Site::new(&[
        ("a.yaml", &map("default", "a", "2")),
        ("c.yaml", &map("default", "c", "1")),
    ])?;
    second.contexts([east.admin()])?;
    let prune = ["--series", "shop", "--prune", "--auto-prune", "--backup"];
    let without = second.desk.at("without");
    let pruned = second.applied(&["east"], &[&prune[..], &[&shown(&without)]].concat(), 0)?;
    let expected = ["a configured", "b pruned", "c created", "login kept"];
    assert_eq!(pruned.actions("east")?, expected);
    says(
        pruned.why("east", "login")?,
        &["Secret", "--backup-secrets"],
    );
    let with = second.desk.at("with");
    let place = shown(&with);
    let flags = [&prune[..], &[&place, "--backup-secrets"]].concat();
    let pruned = second.applied(&["east"], &flags, 0)?;
    assert_eq!(
        pruned.actions("east")?,
        ["a unchanged", "c unchanged", "login pruned"]
    );

    // One after the other, the last first.
    let account = rollback(&second, &with, &[], 0)?;
    let list = format!("{LIST} restored");
    assert_eq!(account.actions("east")?, ["login restored", &list]);
    let account = rollback(&second, &without, &[], 0)?;
    let expected = ["a restored", "b restored", "c deleted", &list];
    assert_eq!(account.actions("east")?, expected);
    assert_eq!(all()?, before);
    assert_eq!(east.get(&map_at("default", "c"))?, None);
    Ok(())
}

/// The question names what is to go; only yes removes it, and it is asked once for all clusters.
#[test]
fn somebody_at_the_terminal_decides_what_is_removed() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl", "script");
    let both = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
    ])?;
    let (_turn, clusters) = real(&["east", "west"])?;
    let names = ["east", "west"];
    let fewer = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    for site in [&both, &fewer] {
        site.contexts(clusters.iter().map(tests::cluster::Cluster::admin))?;
    }
    both.applied(&names, &["--series", "shop"], 0)?;
    let report = fewer.desk.at("report.json");
    let report_shown = shown(&report);
    let flags = [
        "--series",
        "shop",
        "--prune",
        "--max-parallel",
        "1",
        "--report",
        &report_shown,
    ];
    let question = "the bundle no longer has these objects";
    for (answer, action, asked) in [("no\nno\n", "kept", 2), ("yes\n", "pruned", 1)] {
        let run = fewer.to(&names, &flags)?;
        let shown = run.at_terminal(answer)?.run()?.expect_code(0)?.text();
        says(&shown, &[question, "ConfigMap b default", "[yes/no]"]);
        assert_eq!(shown.matches(question).count(), asked, "{shown}");
        let account = Report(serde_json::from_slice(&fs::read(&report)?)?);
        for (name, cluster) in names.iter().zip(&clusters) {
            assert_eq!(
                account.actions(name)?,
                ["a unchanged", &format!("b {action}")]
            );
            let there = cluster.get(&map_at("default", "b"))?.is_some();
            assert_eq!(there, action == "kept", "{name}");
        }
    }
    Ok(())
}

/// A list that was not there before is gone afterwards.
#[test]
fn a_series_that_was_not_there_before_leaves_no_list() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    let directory = site.desk.at("backup");
    site.applied(
        &["east"],
        &["--series", "shop", "--backup", &shown(&directory)],
        0,
    )?;
    assert!(east.get(&map_at("default", LIST))?.is_some());
    let account = rollback(&site, &directory, &[], 0)?;
    let list = format!("{LIST} deleted");
    assert_eq!(account.actions("east")?, ["a deleted", &list]);
    assert_eq!(east.get(&map_at("default", LIST))?, None);
    Ok(())
}

#[test]
fn what_was_changed_by_hand_is_found() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    site.applied(&["east"], &[], 0)?;
    let drift = |code| {
        let program = site.desk.import("drift", &site.bundle)?;
        let program = program.args(["--format", "json", "--context", "east", "--kubeconfig"]);
        let output = program.args([site.desk.at("kubeconfig")]).run()?;
        Report::of(&output.expect_code(code)?)
    };
    drift(0)?;
    east.merge(&map_at("default", "a"), &json!({"data": {"a": "9"}}))?;
    let mark = east.mark()?;
    let account = drift(42)?;
    assert_eq!(account.actions("east")?, ["a conflict"]);
    let writes = east.writes(mark)?;
    assert!(writes.iter().all(|write| write.is_dry_run()));
    Ok(())
}
