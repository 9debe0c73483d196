/*! What people get wrong about clusters, and the one sentence that each mistake is told in. */

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Site, map, says, shown, small_site};
use crate::outcome::fails_with;

/// A context that is merely current is never meant.
#[test]
fn clusters_must_be_named() -> Result<()> {
    let (site, fleet) = small_site()?;
    let kubeconfig: fakes::kubeconfig::Kubeconfig = [fleet.access(0)].into_iter().collect();
    let current = site.desk.at("current");
    kubeconfig.current("c0").write(&current)?;
    let nobody = site.apply(&[])?.env("KUBECONFIG", &current).run()?;
    fails_with(&nobody, 2, &["--context", "--clusters", "c0"]);
    let home = site.apply(&[])?;
    std::fs::create_dir(home.home().join(".kube"))?;
    std::fs::copy(&current, home.home().join(".kube/config"))?;
    fails_with(&home.run()?, 2, &["--context", "--clusters"]);
    fails_with(&site.apply(&[])?.run()?, 2, &["kubeconfig"]);
    let other = site
        .apply(&["--context", "c00"])?
        .env("KUBECONFIG", &current)
        .run()?;
    fails_with(&other, 2, &["\"c00\"", "did you mean \"c0\"", "c0"]);
    let twice = site.to(&["c1", "c1"], &[])?.run()?;
    fails_with(&twice, 2, &["c1", "twice"]);
    let missing = site
        .apply(&["--context", "c0", "--kubeconfig", "/nowhere/kubeconfig"])?
        .run()?;
    fails_with(&missing, 2, &["/nowhere/kubeconfig"]);
    // A push that is sure to be followed by a mistake is not begun either.
    let import = site.desk.import("import", &site.bundle)?;
    let import = import.args(["--plain-http", "--to", "127.0.0.1:1", "--apply-config"]);
    fails_with(
        &import.env("KUBECONFIG", &current).run()?,
        2,
        &["--context"],
    );
    assert_eq!(fleet.summary().connections, 0);
    Ok(())
}

#[test]
fn mistakes_in_the_list_of_clusters_have_a_line_and_a_column() -> Result<()> {
    let (site, fleet) = small_site()?;
    let path = site.desk.at("CLUSTERS.yaml");
    let place = |line, column| format!("{} (line {line}, column {column})", path.display());
    for (text, at, words) in [
        (
            "clusters:\n- name: c0\n  labls: {a: b}\n",
            (3, 3),
            &["labls", "labels"][..],
        ),
        ("clusters:\n- name: c0\n  context: c7\n", (3, 12), &["c7"]),
        ("clusters:\n- name: c0\n- name: c0\n", (3, 9), &["c0"]),
        (
            "clusters:\n- name: c0\nwaves:\n- clusters: [c4]\n",
            (4, 14),
            &["c4"],
        ),
        (
            "clusters:\n- name: c0\nwaves:\n- clusters: [c0]\n  pause: soon\n",
            (5, 10),
            &["10m", "approval"],
        ),
        (
            "clusters:\n- name: c0\nwaves:\n- clusters: [c0]\n  maxConcurrent: 0\n",
            (5, 18),
            &["maxConcurrent"],
        ),
        (
            "clusters:\n- name: c0\n  clusterID: ''\n",
            (3, 14),
            &["clusterID"],
        ),
        ("clusters: []\n", (1, 11), &["no cluster"]),
    ] {
        site.clusters(&format!("{text}kubeconfig: kubeconfig\n"))?;
        let output = site.apply(&["--clusters"])?.args([&path]).run()?;
        fails_with(&output, 2, &[&[place(at.0, at.1).as_str()], words].concat());
    }
    site.clusters("clusters: [\n")?;
    fails_with(
        &site.apply(&["--clusters"])?.args([&path]).run()?,
        2,
        &["line 1, column 11"],
    );
    let both = site
        .to(&["c0"], &["--clusters", &super::shown(&path)])?
        .run()?;
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    super::says(
        &both.stderr,
        &["--context", "cannot be used with", "--clusters"],
    );
    assert_eq!(fleet.summary().connections, 0);
    Ok(())
}

#[test]
fn other_flags_are_told_too() -> Result<()> {
    let (site, fleet) = small_site()?;
    for (flags, words) in [
        (
            &["--only", "Secret"][..],
            &["--only", "Secret", "kind=KIND"][..],
        ),
        (&["--exclude", "path=["], &["path=["]),
        (&["--only", "kind=Nothing"], &["nothing to apply"]),
        (
            &["--retry-failed", "/nowhere/report.json"],
            &["--retry-failed", "/nowhere/report.json"],
        ),
    ] {
        fails_with(&site.to(&["c0"], flags)?.run()?, 2, words);
    }
    let odd = site.desk.at("odd.json");
    std::fs::write(
        &odd,
        json!({"format": "something", "dry_run": false, "clusters": []}).to_string(),
    )?;
    let retry = site.to(&["c0"], &["--retry-failed", &super::shown(&odd)])?;
    fails_with(&retry.run()?, 2, &["--report", "something"]);
    for duration in ["0s", "soon", "-1s"] {
        let output = site
            .to(&["c0"], &[&format!("--request-timeout={duration}")])?
            .run()?;
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(output.stderr.contains("30s"), "{}", output.stderr);
    }
    assert_eq!(fleet.summary().requests, 0);
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
        let output = import.run()?.expect_code(2)?;
        let (missing, usage) = output.stderr.split_once("Usage:").context("no usage")?;
        says(missing, &["not provided", "--apply-config"]);
        says(usage, &[flags[0]]);
    }
    assert_eq!(fleet.summary().connections, 0);
    Ok(())
}

/// Two files that each want another content of one object would be applied against each other for ever.
#[test]
fn an_object_that_is_there_twice_is_told() -> Result<()> {
    let (_, fleet) = small_site()?;
    let site = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "a", "2")),
    ])?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    fails_with(
        &site.to(&["c0"], &[])?.run()?,
        2,
        &["config/a.yaml", "config/b.yaml", "twice"],
    );
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}
