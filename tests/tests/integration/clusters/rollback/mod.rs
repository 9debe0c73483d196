/*! What `--backup` saves, and what `rollback` makes of it, on real API servers. */

mod beyond;
mod killed;
mod prune;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::MutexGuard};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{cluster::Cluster, needs};

use super::{Report, Site, map, map_at, real, says, shown};
use crate::outcome::fails_with;

const WEB_AT: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const SECRET_AT: &str = "/api/v1/namespaces/default/secrets/login";

fn web(image: &str, note: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: default, labels: {{tier: front}}, annotations: {{note: {note}}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: {image}}}]}}
"
    )
}

fn secret(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: default}}\nstringData: {{password: {value}}}\n"
    )
}

/// What a bundle changes, and what it creates.
fn site() -> Result<Site> {
    Site::new(&[
        ("old.yaml", &map("default", "old", "2")),
        ("same.yaml", &map("default", "same", "1")),
        ("web.yaml", &web("web:2", "two")),
        ("secret.yaml", &secret("two")),
        (
            "shop.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
        ),
        ("prices.yaml", &map("shop", "prices", "1")),
    ])
}

/// What is there before.
fn prepare(cluster: &Cluster) -> Result<()> {
    let old = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old, namespace: default, labels: {mine: 'yes'}}\ndata: {a: '1', b: kept}\n";
    let documents = [old.to_owned(), web("web:1", "one"), secret("one")];
    cluster.apply(&documents.join("---\n"))
}

/// The bundle, and `east`, which holds what is there before; others wait for their turn.
fn prepared() -> Result<(Site, MutexGuard<'static, ()>, Cluster)> {
    let site = site()?;
    let (turn, mut clusters) = real(&["east"])?;
    let east = clusters.pop().context("none")?;
    site.contexts([east.admin()])?;
    prepare(&east)?;
    Ok((site, turn, east))
}

/// An object without what servers set by themselves, as text: equal only if it is so to the byte.
fn bare(cluster: &Cluster, path: &str) -> Result<String> {
    let object = cluster.get(path)?.with_context(|| path.to_owned())?;
    stripped(object)
}

fn stripped(mut object: Value) -> Result<String> {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let metadata = object["metadata"].as_object_mut().context("no metadata")?;
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
        metadata.remove(field);
    }
    if let Some(Value::Array(managers)) = metadata.get_mut("managedFields") {
        for manager in managers.iter_mut().filter_map(Value::as_object_mut) {
            manager.remove("time");
        }
        managers.sort_by_cached_key(Value::to_string);
    }
    Ok(object.to_string())
}

/// `importer rollback DIR` on the context `east`.
pub(super) fn rollback(site: &Site, directory: &Path, flags: &[&str], code: i32) -> Result<Report> {
    let program = tests::process::Program::importer()?
        .args(["rollback", &shown(directory), "--format", "json"])
        .args(["--context", "east", "--kubeconfig"])
        .args([site.desk.at("kubeconfig")])
        .args(flags);
    let output = program.run()?;
    let text = output.text();
    Report::of(&output.expect_code(code).context(text)?)
}

#[test]
fn everything_is_as_it_was_and_what_was_created_is_gone() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (site, _turn, cluster) = prepared()?;
    let east = &cluster;
    let places = [
        map_at("default", "old"),
        WEB_AT.to_owned(),
        SECRET_AT.to_owned(),
    ];
    let before: Vec<String> = places
        .iter()
        .map(|place| bare(east, place))
        .collect::<Result<_>>()?;
    let directory = site.desk.at("backup");
    let flags = [
        "--overwrite",
        "--backup",
        &shown(&directory),
        "--backup-secrets",
    ];
    site.applied(&["east"], &flags, 0)?;
    for (place, before) in places.iter().zip(&before) {
        assert_ne!(&bare(east, place)?, before, "{place}");
    }
    let mode =
        |path: &Path| Ok::<_, std::io::Error>(fs::metadata(path)?.permissions().mode() & 0o777);
    assert_eq!(mode(&directory)?, 0o700);
    assert_eq!(mode(&directory.join("east"))?, 0o700);
    assert_eq!(mode(&directory.join("east/backup.json"))?, 0o600);
    let index: Value = serde_json::from_slice(&fs::read(directory.join("east/backup.json"))?)?;
    assert_eq!(index["format"], "offline-bundle-backup/v1");
    assert_eq!(index["clusterID"], Cluster::id("east"));

    // A dry run says what would be done, and does nothing.
    let mark = east.mark()?;
    let dry = rollback(&site, &directory, &["--dry-run"], 0)?;
    let expected = [
        "login restored",
        "old restored",
        "prices deleted",
        "same deleted",
        "shop kept",
        "web restored",
    ];
    assert_eq!(dry.actions("east")?, expected);
    assert_eq!(east.writes(mark)?.len(), 0);

    let account = rollback(&site, &directory, &[], 0)?;
    assert_eq!(account.0["format"], "offline-bundle-rollback/v1");
    assert_eq!(account.actions("east")?, expected);
    says(account.why("east", "shop")?, &["--delete-foundations"]);
    for (place, before) in places.iter().zip(&before) {
        assert_eq!(&bare(east, place)?, before, "{place}");
    }
    for gone in [map_at("default", "same"), map_at("shop", "prices")] {
        assert_eq!(east.get(&gone)?, None, "{gone}");
    }

    // A second one finds nothing left to do.
    let mark = east.mark()?;
    let again = rollback(&site, &directory, &[], 0)?;
    assert_eq!(again.actions("east")?[0], "login unchanged");
    assert_eq!(east.writes(mark)?.len(), 0);

    // The next apply is in no conflict with the rollback.
    site.applied(&["east"], &["--overwrite"], 0)?;
    Ok(())
}

#[test]
fn secrets_are_saved_only_where_that_was_asked_for() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (site, _turn, cluster) = prepared()?;
    let east = &cluster;
    let directory = site.desk.at("backup");
    let flags = ["--overwrite", "--backup", &shown(&directory)];
    site.applied(&["east"], &flags, 0)?;
    for entry in fs::read_dir(directory.join("east/objects"))? {
        let text = fs::read_to_string(entry?.path())?;
        ensure!(!text.contains("\"Secret\""), "{text}");
    }
    let changed = bare(east, SECRET_AT)?;
    let account = rollback(&site, &directory, &[], 0)?;
    says(account.why("east", "login")?, &["--backup-secrets"]);
    assert_eq!(bare(east, SECRET_AT)?, changed);
    // A directory that holds a backup takes no other.
    let again = site.to(&["east"], &flags)?.run()?;
    fails_with(&again, 2, &["backup"]);
    Ok(())
}

/// The run ends in between, and so does the rollback; the second one brings back everything.
#[test]
fn killed_in_the_middle_it_is_rolled_back_and_so_is_a_killed_rollback() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let names: Vec<String> = (0..24).map(|number| format!("map-{number:02}")).collect();
    let texts: Vec<(String, String)> = names
        .iter()
        .map(|name| (format!("{name}.yaml"), map("default", name, "2")))
        .collect();
    let files: Vec<(&str, &str)> = texts
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    let site = Site::new(&files)?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    // Every second one is there before.
    let old: Vec<&String> = names.iter().step_by(2).collect();
    let documents: Vec<String> = old.iter().map(|name| map("default", name, "1")).collect();
    east.apply(&documents.join("---\n"))?;
    let before: Vec<String> = old
        .iter()
        .map(|name| bare(east, &map_at("default", name)))
        .collect::<Result<_>>()?;
    let directory = site.desk.at("backup");
    let mark = east.mark()?;
    let meant = |least: usize, mark| {
        move || {
            let writes = east.writes(mark).unwrap_or_default();
            writes.iter().filter(|write| !write.is_dry_run()).count() >= least
        }
    };
    let run = site.to(&["east"], &["--overwrite", "--backup", &shown(&directory)])?;
    let killed = run.kill_when(meant(4, mark))?;
    ensure!(killed.signal == Some(9), "{}", killed.stderr);
    let mark = east.mark()?;
    let back = tests::process::Program::importer()?
        .args([
            "rollback",
            &shown(&directory),
            "--context",
            "east",
            "--kubeconfig",
        ])
        .args([site.desk.at("kubeconfig")]);
    // It may be done before.
    back.kill_when(meant(2, mark)).ok();
    rollback(&site, &directory, &[], 0)?;
    for (name, before) in old.iter().zip(&before) {
        assert_eq!(&bare(east, &map_at("default", name))?, before, "{name}");
    }
    for name in names.iter().skip(1).step_by(2) {
        assert_eq!(east.get(&map_at("default", name))?, None, "{name}");
    }
    Ok(())
}

#[test]
fn another_cluster_is_not_touched() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east", "west"])?;
    let [east, west] = clusters.as_slice() else {
        anyhow::bail!("two clusters");
    };
    site.contexts([east.admin()])?;
    prepare(east)?;
    prepare(west)?;
    let directory = site.desk.at("backup");
    let flags = ["--overwrite", "--backup", &shown(&directory)];
    site.applied(&["east"], &flags, 0)?;
    site.contexts([west.admin().named("east")])?;
    west.merge(&map_at("default", "old"), &json!({"data": {"a": "9"}}))?;
    let mark = west.mark()?;
    let account = rollback(&site, &directory, &[], 41)?;
    says(
        account.reason("east")?,
        &["clusterID", &Cluster::id("east")],
    );
    assert_eq!(west.writes(mark)?.len(), 0);
    Ok(())
}
