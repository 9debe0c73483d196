/*! Rollbacks that go further than one cluster's ConfigMaps: several waves, what an import has applied, and foundations. */

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use fakes::{FakeRegistry, registry::Settings};
use serde_json::json;
use tests::{cluster::Cluster, needs, process::Program};

use super::{
    super::{Report, Site, map, map_at, real, says, shown},
    bare, rollback,
};

const SHOP: &str = "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: corner}\n";
const KIND: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Shop, listKind: ShopList, plural: shops, singular: shop}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shops}\n";

#[test]
fn foundations_go_only_where_that_is_said() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[
        ("shop.yaml", SHOP),
        ("kind.yaml", KIND),
        ("namespace.yaml", NAMESPACE),
    ])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    let directory = site.desk.at("backup");
    site.applied(&["east"], &["--backup", &shown(&directory)], 0)?;
    let account = rollback(&site, &directory, &[], 0)?;
    let expected = ["corner deleted", "shops kept", "shops.example.com kept"];
    assert_eq!(account.actions("east")?, expected);
    // Here is no controller that finishes a namespace which is being deleted.
    let account = thread::scope(|scope| {
        let controller = scope.spawn(|| finish(east, "shops", &site));
        let account = rollback(&site, &directory, &["--delete-foundations"], 0);
        controller.join().map_err(|_| anyhow!("a panic"))??;
        account
    })?;
    let expected = [
        "corner unchanged",
        "shops deleted",
        "shops.example.com deleted",
    ];
    assert_eq!(account.actions("east")?, expected);
    for gone in [
        "/api/v1/namespaces/shops",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.example.com",
    ] {
        assert_eq!(east.get(gone)?, None, "{gone}");
    }
    Ok(())
}

/// Waits until a namespace is being deleted, and takes its finalizer away, as its controller does once it is empty.
fn finish(cluster: &Cluster, name: &str, site: &Site) -> Result<()> {
    let empty = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}});
    let empty = site.desk.file("empty.json", empty.to_string())?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let place = format!("/api/v1/namespaces/{name}");
    while cluster.get(&place)?.context("it is gone")?["metadata"]["deletionTimestamp"].is_null() {
        ensure!(Instant::now() < deadline, "nobody has deleted it");
        thread::sleep(Duration::from_millis(20));
    }
    let replace = ["replace", "--raw", &format!("{place}/finalize"), "-f"];
    let replace = cluster.kubectl()?.args(replace).args([empty]);
    replace.run()?.expect_code(0)?;
    Ok(())
}

/// A canary that cannot be brought back stops the others; when it can, the same report continues.
#[test]
fn waves_of_a_rollback_stop_at_a_failure_and_are_continued() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, mut clusters) = real(&["east", "west"])?;
    site.contexts(clusters.iter().map(Cluster::admin))?;
    let list = site.clusters(
        "kubeconfig: kubeconfig\nclusters: [{name: east}, {name: west}]\nwaves: [{clusters: [east]}, {clusters: [west]}]\n",
    )?;
    let directory = site.desk.at("backup");
    let apply = site.to_all(&["--backup"])?.args([&directory]);
    apply.run()?.expect_code(0)?;
    let report = shown(&site.desk.at("report.json"));
    let back = |flags: &[&str], code| {
        let program = Program::importer()?.args(["rollback", &shown(&directory), "--clusters"]);
        let program = program
            .args([&list])
            .args(["--format", "json", "--report", &report]);
        Report::of(&program.args(flags).run()?.expect_code(code)?)
    };
    clusters[0].stop();
    let mark = clusters[1].mark()?;
    let account = back(&[], 41)?;
    assert_eq!(account.state("east")?, "unreachable");
    assert_eq!(account.state("west")?, "stopped");
    assert_eq!(clusters[1].writes(mark)?.len(), 0);
    clusters[0].restart()?;
    let account = back(&["--retry-failed", &report], 0)?;
    for (wave, (name, cluster)) in [(1, ("east", &clusters[0])), (2, ("west", &clusters[1]))] {
        assert_eq!(account.actions(name)?, ["a deleted"]);
        assert_eq!(account.cluster(name)?["wave"], wave);
        assert_eq!(cluster.get(&map_at("default", "a"))?, None);
    }
    Ok(())
}

#[test]
fn what_an_import_applied_is_rolled_back_too() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "2"))])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    east.apply(&map("default", "a", "1"))?;
    let place = map_at("default", "a");
    let before = bare(east, &place)?;
    let inside = FakeRegistry::start(Settings::default())?;
    let directory = site.desk.at("backup");
    let import = site.desk.import("import", &site.bundle)?;
    let import = import.args(["--plain-http", "--to", &inside.host()]);
    let import = import.args(["--apply-config", "--overwrite", "--context", "east"]);
    let import = import.args(["--backup", &shown(&directory), "--kubeconfig"]);
    let said = import
        .args([site.desk.at("kubeconfig")])
        .run()?
        .expect_code(0)?;
    says(&said.text(), &["configured"]);
    assert_ne!(bare(east, &place)?, before);
    let account = rollback(&site, &directory, &[], 0)?;
    assert_eq!(account.actions("east")?, ["a restored"]);
    assert_eq!(bare(east, &place)?, before);
    Ok(())
}
