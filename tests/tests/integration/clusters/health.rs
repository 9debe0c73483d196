/*! Gates: what is not healthy, and what became of nodes. On real API servers the test does what controllers would. */

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use fakes::{FakeFleet, Faults};
use serde_json::{Value, json};
use tests::{
    cluster::Cluster,
    needs,
    process::{Output, Program},
};

use super::{Report, Site, real, says};

const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";
const MIRRORS: &str = "/apis/config.openshift.io/v1/imagedigestmirrorsets/mirrors";

fn mirrors() -> String {
    json!({
        "apiVersion": "config.openshift.io/v1", "kind": "ImageDigestMirrorSet", "metadata": {"name": "mirrors"},
        "spec": {"imageDigestMirrors": [{"source": "quay.io/a", "mirrors": ["registry.example/a"]}]},
    })
    .to_string()
}

/// Runs it while something else is done.
fn meanwhile(program: Program, act: impl FnOnce() -> Result<()>) -> Result<Output> {
    thread::scope(|scope| {
        let run = scope.spawn(|| program.run());
        let acted = act();
        let output = run.join().map_err(|_| anyhow!("the run panicked"))??;
        acted?;
        Ok(output)
    })
}

/// Waits until something is there.
fn there(cluster: &Cluster, path: &str) -> Result<()> {
    let begun = Instant::now();
    while cluster.get(path)?.is_none() {
        ensure!(begun.elapsed() < Duration::from_secs(60), "no {path}");
        thread::yield_now();
    }
    Ok(())
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// What the machine-config-operator does: asks both pools for another configuration, which their nodes have, or choke on.
fn roll_out(cluster: &Cluster, rendered: &str, degraded: &str) -> Result<()> {
    let updated = if degraded == "True" { "False" } else { "True" };
    for pool in ["master", "worker"] {
        let configuration = json!({"name": rendered});
        let has = match degraded {
            "True" => json!({"name": "rendered-before"}),
            _ => configuration.clone(),
        };
        let conditions = [
            condition("Updated", updated, "", ""),
            condition("Degraded", degraded, "NodeDegraded", "no space on node-1"),
        ];
        cluster.merge(
            &format!("{POOLS}/{pool}/status"),
            &json!({"status": {"configuration": has, "conditions": conditions}}),
        )?;
        cluster.merge(
            &format!("{POOLS}/{pool}"),
            &json!({"spec": {"configuration": configuration}}),
        )?;
    }
    Ok(())
}

#[test]
fn a_canary_whose_nodes_degrade_after_a_mirror_set_stops_the_rest() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let site = Site::new(&[("mirrors.json", &mirrors())])?;
    site.contexts(clusters.iter().map(Cluster::admin))?;
    let list = |time: &str| {
        site.clusters(&format!(
            "kubeconfig: kubeconfig\nclusters:\n- name: canary\n- name: store\nwaves:\n- clusters: [canary]\n  wait: healthy\n  \
             healthTimeout: {time}\n- clusters: [store]\n"
        ))
    };
    list("6s")?;
    let output = meanwhile(site.to_all(&[])?, || {
        there(canary, MIRRORS)?;
        roll_out(canary, "rendered-new", "True")
    })?;
    let outcome = Report::of(&output.expect_code(41)?)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["failed", "stopped"]
    );
    says(
        outcome.reason("canary")?,
        &[
            "machine config pool",
            "Degraded is True",
            "no space on node-1",
        ],
    );
    assert_eq!(outcome.actions("canary")?, ["mirrors created"]);
    assert_eq!(store.get(MIRRORS)?, None);
    // Nothing is to change any more, and the nodes still count.
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(41)?)?;
    assert_eq!(outcome.actions("canary")?, ["mirrors unchanged"]);
    // Mended, the rest has its turn, and its nodes are waited for until they have what is new.
    roll_out(canary, "rendered-new", "False")?;
    list("60s")?;
    let flags = ["--wait", "healthy", "--health-timeout", "50s"];
    let output = meanwhile(site.to_all(&flags)?, || {
        there(store, MIRRORS)?;
        roll_out(store, "rendered-new", "False")
    })?;
    let outcome = Report::of(&output.expect_code(0)?)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["done", "done"]
    );
    Ok(())
}

const WORKLOADS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: default}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: registry.example/migrate}]}
";

#[test]
fn a_job_that_has_failed_ends_the_wait_at_once() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("no cluster")?;
    let site = Site::new(&[("workloads.yaml", WORKLOADS)])?;
    site.contexts([east.admin()])?;
    let (web, job) = (
        "/apis/apps/v1/namespaces/default/deployments/web",
        "/apis/batch/v1/namespaces/default/jobs/migrate",
    );
    let ended = |kind: &str| {
        let status = json!({"startTime": "2026-01-01T00:00:00Z", "conditions": [condition(kind, "True", "BackoffLimitExceeded", "it gave up")]});
        east.merge(&format!("{job}/status"), &json!({"status": status}))
    };
    let flags = ["--wait", "healthy", "--health-timeout", "300s"];
    let begun = Instant::now();
    let output = meanwhile(site.to(&["east"], &flags)?, || {
        there(east, job)?;
        ended("Failed")
    })?;
    let outcome = Report::of(&output.expect_code(41)?)?;
    ensure!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );
    says(
        outcome.reason("east")?,
        &["Job migrate has failed", "it gave up"],
    );
    // With both well, the cluster is done.
    ended("Complete")?;
    let conditions = [
        condition("Available", "True", "MinimumReplicasAvailable", ""),
        condition("Progressing", "True", "NewReplicaSetAvailable", ""),
    ];
    let status = json!({
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": conditions,
    });
    east.merge(&format!("{web}/status"), &json!({"status": status}))?;
    let outcome = Report::of(&site.to(&["east"], &flags)?.run()?.expect_code(0)?)?;
    assert_eq!(outcome.state("east")?, "done");
    Ok(())
}

const WIDGETS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";

#[test]
fn a_wave_may_wait_for_nothing() -> Result<()> {
    let site = Site::new(&[("widgets.yaml", WIDGETS)])?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    fleet.establish_after(10_000);
    let kubeconfig = site.desk.at("kubeconfig");
    fleet.kubeconfig(&kubeconfig)?;
    let waves = json!({"waves": [{"clusters": ["c0"], "wait": "none"}, {"clusters": ["c1"]}]});
    fleet.clusters_yaml(&site.desk.at("CLUSTERS.yaml"), &kubeconfig, 1, waves)?;
    let outcome = Report::of(
        &site
            .to_all(&["--cluster-timeout", "3s"])?
            .run()?
            .expect_code(40)?,
    )?;
    assert_eq!(
        [outcome.state("c0")?, outcome.state("c1")?],
        ["done", "failed"]
    );
    assert_eq!(outcome.actions("c0")?, ["widgets.example.com created"]);
    Ok(())
}
