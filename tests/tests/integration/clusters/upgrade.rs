/*! `upgrade` on real API servers: the patch that `oc` would send, its refusals, and waves that wait for health. */

use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{cluster::Cluster, needs, process::Program};

use super::{Report, real, says};
use crate::desk::Desk;

const IMAGE: &str = "registry.example:5000/ocp/openshift/release-images@sha256:\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// `importer upgrade --to-image … --clusters …`
fn upgrade(desk: &Desk, flags: &[&str]) -> Result<Program> {
    let upgrade = Program::importer()?.args([
        "upgrade",
        "--to-image",
        IMAGE,
        "--format",
        "json",
        "--clusters",
    ]);
    Ok(upgrade.args([desk.at("CLUSTERS.yaml")]).args(flags))
}

/// A desk with two waves of one cluster each.
fn fleet(clusters: &[Cluster]) -> Result<Desk> {
    let desk = Desk::new()?;
    Cluster::kubeconfig_of(&clusters.iter().collect::<Vec<_>>()).write(&desk.at("kubeconfig"))?;
    let text = "kubeconfig: kubeconfig\nclusters:\n- name: canary\n- name: store\nwaves:\n- clusters: [canary]\n- clusters: [store]\n";
    std::fs::write(desk.at("CLUSTERS.yaml"), text)?;
    Ok(desk)
}

fn desired(cluster: &Cluster) -> Result<Value> {
    Ok(cluster.version()?["spec"]["desiredUpdate"].clone())
}

#[test]
fn a_canary_that_refuses_keeps_the_rest_as_it_is() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let desk = fleet(&clusters)?;
    let before = canary.version()?;
    let mut conditions = before["status"]["conditions"]
        .as_array()
        .context("no conditions")?
        .clone();
    conditions.retain(|condition| condition["type"] != "Failing");
    conditions.push(json!({"type": "Failing", "status": "True", "reason": "Broken", "message": "etcd is unwell", "lastTransitionTime": "2026-01-01T00:00:00Z"}));
    canary.say(&json!({"conditions": conditions}))?;
    let report = desk.at("report.json").display().to_string();
    let output = upgrade(&desk, &["--report", &report])?
        .run()?
        .expect_code(41)?;
    let outcome = Report::of(&output)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["failed", "stopped"]
    );
    assert_eq!(outcome.cluster("canary")?["upgrade"], "refused");
    says(outcome.reason("canary")?, &["etcd is unwell"]);
    says(outcome.reason("store")?, &["canary", "maxFailures"]);
    assert_eq!(desired(canary)?, before["spec"]["desiredUpdate"]);
    assert_eq!(desired(store)?, Value::Null);
    // With the guard passed for the canary alone, the report names what is left.
    let passed = ["--wave", "1", "--allow-upgrade-with-warnings"];
    upgrade(&desk, &passed)?.run()?.expect_code(0)?;
    assert_eq!(desired(canary)?["image"], IMAGE);
    assert_eq!(desired(store)?, Value::Null);
    canary.say(&json!({"conditions": before["status"]["conditions"]}))?;
    let retry = ["--retry-failed", &report];
    upgrade(&desk, &retry)?.run()?.expect_code(0)?;
    assert_eq!(desired(store)?["image"], IMAGE);
    Ok(())
}

/// All clusters are looked at before the first is asked.
#[test]
fn what_one_cluster_refuses_none_is_asked_with_all_or_nothing() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let desk = fleet(&clusters)?;
    store.say(
        &json!({"conditions": [{"type": "Failing", "status": "True", "reason": "Broken",
        "message": "etcd is unwell", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
    )?;
    let output = upgrade(&desk, &["--all-or-nothing"])?
        .run()?
        .expect_code(41)?;
    let outcome = Report::of(&output)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["stopped", "stopped"]
    );
    says(
        outcome.reason("canary")?,
        &["--all-or-nothing", "store", "etcd is unwell"],
    );
    assert_eq!(desired(canary)?, Value::Null);
    Ok(())
}

/// What CLUSTERS.yaml says of the identity of a cluster is believed before its kubeconfig.
#[test]
fn a_cluster_with_another_id_is_not_upgraded() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let desk = fleet(&clusters)?;
    let (id, other) = (Cluster::id("canary"), Cluster::id("elsewhere"));
    std::fs::write(
        desk.at("CLUSTERS.yaml"),
        format!(
            "kubeconfig: kubeconfig\nclusters:\n- {{name: canary, clusterID: {id}}}\n- {{name: store, clusterID: {other}}}\n"
        ),
    )?;
    let output = upgrade(&desk, &[])?.run()?.expect_code(40)?;
    says(
        &output.text(),
        &["unreachable", &other, &Cluster::id("store")],
    );
    assert_eq!(desired(canary)?["image"], IMAGE);
    assert_eq!(desired(store)?, Value::Null);
    Ok(())
}

#[test]
fn each_wave_is_done_before_the_next_begins() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let desk = fleet(&clusters)?;
    // A dry run, and a wave by itself.
    upgrade(&desk, &["--dry-run"])?.run()?.expect_code(0)?;
    assert_eq!(desired(canary)?, Value::Null);
    upgrade(&desk, &["--wave", "2"])?.run()?.expect_code(0)?;
    assert_eq!(desired(canary)?, Value::Null);
    assert_eq!(desired(store)?["image"], IMAGE);
    assert_eq!(desired(store)?["force"], false);

    let complete = |cluster: &Cluster| -> Result<()> {
        cluster.say(&json!({
            "desired": {"version": "4.16.9", "image": IMAGE},
            "history": [{"state": "Completed", "version": "4.16.9", "image": IMAGE, "verified": true,
                         "startedTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T01:00:00Z"}],
        }))
    };
    complete(store)?;
    thread::scope(|scope| -> Result<()> {
        let run = scope.spawn(|| upgrade(&desk, &["--wait"])?.run());
        // What the operator does once it was asked.
        while desired(canary)?["image"] != IMAGE {
            thread::yield_now();
        }
        complete(canary)?;
        let output = run
            .join()
            .map_err(|_| anyhow::anyhow!("the run panicked"))??
            .expect_code(0)?;
        says(&output.text(), &["upgraded", "already-there", "4.16.9"]);
        Ok(())
    })
}
