/*! What of a bundle is applied, how far a dry run goes, and what is written for those who roll out by Git. */

use std::fs;

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fakes::{FakeFleet, Faults};
use serde_json::{Value, json};
use tests::needs;

use super::{Report, Site, map, map_at, real, says};

fn site() -> Result<Site> {
    Site::new(&[
        ("eu/a.yaml", &map("default", "a", "1")),
        ("us/b.yaml", &map("default", "b", "1")),
        ("us/c.yaml", &map("kube-system", "c", "1")),
        (
            "d.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: d, namespace: default}\nstringData: {x: hidden}\n",
        ),
    ])
}

#[test]
fn a_dry_run_of_the_client_asks_nobody() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    for flag in ["--dry-run", "--dry-run=client"] {
        let listed = site.applied(&["c0", "c1"], &[flag], 0)?.0;
        let objects = listed["objects"].as_array().context("no objects")?;
        let names: Vec<&str> = objects
            .iter()
            .filter_map(|object| object["name"].as_str())
            .collect();
        assert_eq!(names, ["d", "a", "b", "c"]);
        assert_eq!(listed["clusters"], json!(["c0", "c1"]));
    }
    // It needs no cluster at all.
    let text = site.apply(&["--dry-run"])?.run()?.expect_code(0)?.text();
    assert!(text.contains("config/eu/a.yaml"), "{text}");
    let summary = fleet.summary();
    assert_eq!((summary.requests, summary.connections), (0, 0));
    Ok(())
}

#[test]
fn a_dry_run_of_the_server_changes_nothing() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    east.apply(&map("default", "b", "1"))?;
    let mark = east.mark()?;
    let outcome = site.applied(&["east"], &["--dry-run=server"], 0)?;
    // `b` has the right content, but this manager does not hold it yet.
    assert_eq!(
        outcome.actions("east")?,
        ["a created", "b configured", "c created", "d created"]
    );
    assert_eq!(outcome.0["dry_run"], true);
    assert_eq!(east.writes(mark)?, []);
    assert_eq!(east.get(&map_at("default", "a"))?, None);
    Ok(())
}

#[test]
fn only_what_is_meant_is_applied() -> Result<()> {
    let site = site()?;
    for (flags, expected) in [
        (&["--only", "path=config/us/**"][..], "b c"),
        (
            &["--only", "kind=Secret", "--only", "path=config/eu/a.yaml"],
            "",
        ),
        (&["--only", "kind=secret"], "d"),
        (&["--only", "namespace=kube-system"], "c"),
        (&["--exclude", "namespace=default"], "c"),
        (
            &["--only", "kind=ConfigMap", "--exclude", "path=config/eu/*"],
            "b c",
        ),
    ] {
        let fleet = FakeFleet::start(1, Faults::default())?;
        fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
        let code = if expected.is_empty() { 2 } else { 0 };
        let output = site.to(&["c0"], flags)?.run()?.expect_code(code)?;
        let there = |name: &str| {
            let places = [
                map_at("default", name),
                map_at("kube-system", name),
                "/api/v1/namespaces/default/secrets/d".to_owned(),
            ];
            places
                .iter()
                .filter_map(|place| fleet.get(0, place))
                .any(|object| object["metadata"]["name"] == name)
        };
        let found: Vec<&str> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|name| there(name))
            .collect();
        assert_eq!(found.join(" "), expected, "{flags:?}");
        if code == 0 {
            assert_eq!(
                Report::of(&output)?.actions("c0")?.len(),
                found.len(),
                "{flags:?}"
            );
        }
    }
    Ok(())
}

/// Every cluster has its directory, what differs differs, and the same again gives the same bytes.
#[test]
fn what_clusters_would_get_is_written_and_nobody_asked() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    site.clusters(
        "kubeconfig: kubeconfig
clusters:
- {name: c0, labels: {region: eu}}
- {name: c1, labels: {region: us}}
overlays:
- selector: region=us
  exclude: [{path: 'config/eu/**'}]
  patch:
  - target: {kind: ConfigMap, name: b}
    merge: {data: {a: other}}
",
    )?;
    let rendered = |name: &str| -> Result<Vec<(String, Vec<u8>)>> {
        let directory = site.desk.at(name);
        site.to_all(&["--render-to-dir"])?
            .args([&directory])
            .run()?
            .expect_code(0)?;
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(&directory).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&directory)?.display().to_string();
                files.push((path, fs::read(entry.path())?));
            }
        }
        Ok(files)
    };
    let files = rendered("first")?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let eu = [
        "c0/config/d.yaml",
        "c0/config/eu/a.yaml",
        "c0/config/us/b.yaml",
        "c0/config/us/c.yaml",
    ];
    let us = [
        "c1/config/d.yaml",
        "c1/config/us/b.yaml",
        "c1/config/us/c.yaml",
    ];
    assert_eq!(names, [&["SHA256SUMS"][..], &eu, &us].concat());
    let text = |wanted: &str| -> Result<&str> {
        let found = files
            .iter()
            .find(|(name, _)| name == wanted)
            .context("not there")?;
        Ok(std::str::from_utf8(&found.1)?)
    };
    assert_eq!(
        text("c0/config/us/b.yaml")?,
        map("default", "b", "1"),
        "what is whole stays byte for byte"
    );
    assert!(text("c1/config/us/b.yaml")?.contains("a: other"));
    assert_eq!(files, rendered("second")?);
    assert_eq!(fleet.summary().connections, 0);
    // What is applied is the same.
    site.to_all(&[])?.run()?.expect_code(0)?;
    let value = |cluster| {
        fleet
            .get(cluster, &map_at("default", "b"))
            .map(|map| map["data"]["a"].clone())
    };
    assert_eq!(
        (value(0), value(1)),
        (Some(Value::from("1")), Some("other".into()))
    );
    assert_eq!(fleet.get(1, &map_at("default", "a")), None);
    Ok(())
}

/// A file that is chosen in part is written in part.
#[test]
fn what_is_left_out_is_not_written_either() -> Result<()> {
    let both = format!(
        "{}---\n{}",
        map("default", "kept", "1"),
        map("kube-system", "left-out", "1")
    );
    let site = Site::new(&[("both.yaml", &both)])?;
    let fleet = FakeFleet::start(1, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let tree = site.desk.at("tree");
    let render = site.to(&["c0"], &["--exclude", "namespace=kube-system"])?;
    let render = render.args(["--render-to-dir".as_ref(), tree.as_path()]);
    let output = render.run()?.expect_code(0)?;
    assert_eq!(Report::of(&output)?.0["files"], 1);
    let text = fs::read_to_string(tree.join("c0/config/both.yaml"))?;
    assert!(
        text.contains("kept") && !text.contains("left-out"),
        "{text}"
    );
    Ok(())
}

/// What would change is shown as it lies there and as it would, but nothing of a Secret; whoever else looks after an object is named.
#[test]
fn changes_are_shown_before_they_are_made() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: d, namespace: default}}\nstringData: {{x: {value}}}\n"
        )
    };
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    for (value, hidden) in [("before", "first-password"), ("after", "second-password")] {
        let site = Site::new(&[
            ("a.yaml", &map("default", "a", value)),
            ("d.yaml", &secret(hidden)),
            ("e.yaml", &map("default", "e", "same")),
        ])?;
        site.contexts([east.admin()])?;
        let mark = east.mark()?;
        let show = site.apply(&[
            "--diff",
            "--dry-run=server",
            "--context",
            "east",
            "--kubeconfig",
        ])?;
        let output = show
            .args([site.desk.at("kubeconfig")])
            .run()?
            .expect_code(0)?;
        assert_eq!(east.writes(mark)?, []);
        let text = output.text();
        says(&text, &["+  a: ", value, "Secret"]);
        assert_eq!(text.contains("-  a: before"), value == "after", "{text}");
        for secret in [hidden, &STANDARD.encode(hidden)] {
            assert!(
                !format!("{text}{}", output.stderr).contains(secret),
                "{text}"
            );
        }
        site.applied(&["east"], &[], 0)?;
        if value == "before" {
            let managed = json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "web:/ConfigMap:default/a"}}});
            east.merge(&map_at("default", "a"), &managed)?;
        } else {
            says(&format!("{text}{}", output.stderr), &["Argo CD"]);
        }
    }
    Ok(())
}
