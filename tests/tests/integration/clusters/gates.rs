/*! `require` and `hooks` of waves, on real API servers; the test plays the controllers that set status. */

use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tests::{cluster::Cluster, needs, process::Output};

use super::{Report, Site, map, map_at, real, says, shown};

const WORKER: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools/worker";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const IMAGE: &str = "registry.example:5000/ocp/openshift/release-images@sha256:\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OPERATORS: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusteroperators.config.openshift.io}
spec:
  group: config.openshift.io
  scope: Cluster
  names: {kind: ClusterOperator, listKind: ClusterOperatorList, plural: clusteroperators, singular: clusteroperator}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

fn job(name: &str) -> String {
    let spec = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "tool:1"}]}}});
    let metadata = json!({"name": name, "namespace": "default"});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}).to_string()
}

/// A bundle of one ConfigMap, for two clusters in two waves, of which the first has these keys.
fn site(clusters: &[Cluster], keys: &str) -> Result<Site> {
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    site.contexts(clusters.iter().map(Cluster::admin))?;
    std::fs::create_dir(site.desk.at("hooks"))?;
    std::fs::write(site.desk.at("hooks/backup.yaml"), job("backup"))?;
    waves(&site, keys)?;
    Ok(site)
}

fn waves(site: &Site, keys: &str) -> Result<()> {
    site.clusters(&format!(
        "kubeconfig: kubeconfig\nclusters:\n- name: canary\n- name: store\nwaves:\n- clusters: [canary]\n{keys}- clusters: [store]\n"
    ))?;
    Ok(())
}

fn jobs(cluster: &Cluster) -> Result<Vec<Value>> {
    let list = cluster.get(JOBS)?.context("no list of Jobs")?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// The name of the one Job whose hook is of this stage, as soon as it is there.
fn job_of(cluster: &Cluster, stage: &str, ended: impl Fn() -> bool) -> Result<String> {
    loop {
        let mut jobs = jobs(cluster)?.into_iter();
        let job = jobs.find(|job| job["metadata"]["labels"]["offline-bundle/hook"] == stage);
        if let Some(job) = job {
            let name = job["metadata"]["name"].as_str().context("no name")?;
            return Ok(name.to_owned());
        }
        ensure!(!ended(), "the run ended without a Job {stage}");
        thread::yield_now();
    }
}

/// Ends a Job as its controller would.
fn end(cluster: &Cluster, name: &str, condition: &Value) -> Result<()> {
    let status = json!({"status": {"conditions": [condition]}});
    cluster.merge(&format!("{JOBS}/{name}/status"), &status)
}

fn worker(cluster: &Cluster, paused: bool) -> Result<()> {
    cluster.merge(WORKER, &json!({"spec": {"paused": paused}}))
}

#[test]
fn a_canary_whose_hook_fails_leaves_the_rest_as_it_is() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let after = job("smoke");
    let keys = format!("  hooks:\n    before: [hooks/backup.yaml]\n    after:\n    - {after}\n");
    let site = site(&clusters, &keys)?;
    let dry = site.to_all(&["--dry-run=server"])?.run()?;
    dry.expect_code(0)?;
    assert_eq!(
        jobs(canary)?,
        Vec::<Value>::new(),
        "a dry run runs no hooks"
    );
    let output = thread::scope(|scope| -> Result<Output> {
        let run = scope.spawn(|| site.to_all(&[])?.run());
        let before = job_of(canary, "before", || run.is_finished())?;
        ensure!(before.starts_with("backup-"), "{before}");
        let applied = canary.get(&map_at("default", "a"))?;
        assert_eq!(
            applied, None,
            "nothing is changed before the hook has ended"
        );
        end(
            canary,
            &before,
            &json!({"type": "Complete", "status": "True"}),
        )?;
        let after = job_of(canary, "after", || run.is_finished())?;
        assert!(canary.get(&map_at("default", "a"))?.is_some());
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "smoke", "namespace": "default", "labels": {"job-name": after}},
            "spec": {"containers": [{"name": "c", "image": "tool:1"}], "automountServiceAccountToken": false},
        });
        canary.apply(&pod.to_string())?;
        let ended = json!({"terminated": {"exitCode": 7, "message": "no route to the store"}});
        canary.merge(
            "/api/v1/namespaces/default/pods/smoke/status",
            &json!({"status": {"containerStatuses": [{
                "name": "c", "image": "tool:1", "imageID": "", "ready": false, "restartCount": 0, "state": ended,
            }]}}),
        )?;
        let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed too often"});
        end(canary, &after, &failed)?;
        run.join().map_err(|_| anyhow!("the run panicked"))?
    })?;
    let outcome = Report::of(&output.expect_code(41)?)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["failed", "stopped"]
    );
    says(
        outcome.reason("canary")?,
        &[
            "hook after",
            "Job default/smoke-",
            "it failed too often",
            "ended with 7",
            "no route to the store",
        ],
    );
    says(outcome.reason("store")?, &["canary", "maxFailures"]);
    assert_eq!(outcome.actions("canary")?, ["a created"]);
    assert_eq!(store.get(&map_at("default", "a"))?, None);
    assert_eq!(jobs(store)?, Vec::<Value>::new());
    assert_eq!(jobs(canary)?, Vec::<Value>::new(), "both are removed");
    Ok(())
}

#[test]
fn a_hook_whose_namespace_is_missing_keeps_its_cluster_as_it_is() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let before = job("backup").replace("\"default\"", "\"elsewhere\"");
    let keys = format!("  maxFailures: 1\n  hooks:\n    before:\n    - {before}\n");
    let site = site(&clusters, &keys)?;
    let missing = "hook before: namespace elsewhere is missing";
    let dry = site.to_all(&["--dry-run=server"])?.run()?;
    says(&dry.expect_code(0)?.stderr, &["canary", missing]);
    let none = site.to_all(&["--all-or-nothing"])?.run()?;
    let outcome = Report::of(&none.expect_code(41)?)?;
    says(
        outcome.reason("store")?,
        &["--all-or-nothing", "canary", missing],
    );
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(40)?)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["failed", "done"],
        "maxFailures decides"
    );
    says(
        outcome.reason("canary")?,
        &["not begun", "hook before", "elsewhere", "not found"],
    );
    let canary = clusters.first().context("none")?;
    assert_eq!(canary.get(&map_at("default", "a"))?, None);
    Ok(())
}

#[test]
fn what_a_wave_requires_holds_for_apply_and_for_upgrades() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let [canary, store] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    let condition = "{apiVersion: config.openshift.io/v1, kind: ClusterVersion, name: version, type: Upgradeable}";
    let keys = format!(
        "  require:\n    machineConfigPools: all\n    clusterOperators: [etcd]\n    conditions:\n    - {condition}\n"
    );
    let site = site(&clusters, &keys)?;
    canary.apply(OPERATORS)?;
    let wait = canary
        .kubectl()?
        .args(["wait", "--for=condition=Established"]);
    wait.args(["crd", "clusteroperators.config.openshift.io"])
        .run()?
        .expect_code(0)?;
    let operator = |degraded: &str| {
        let conditions = json!([{"type": "Available", "status": "True"}, {"type": "Degraded", "status": degraded, "message": "two members are down"}]);
        json!({"apiVersion": "config.openshift.io/v1", "kind": "ClusterOperator", "metadata": {"name": "etcd"}, "status": {"conditions": conditions}}).to_string()
    };
    canary.apply(&operator("True"))?;
    worker(canary, true)?;
    let ready = canary.version()?["status"]["conditions"].clone();
    canary.say(
        &json!({"conditions": [{"type": "Upgradeable", "status": "False", "reason": "Busy",
        "message": "wait", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
    )?;
    let unmet = [
        "MachineConfigPool worker: expected not paused, found spec.paused: true",
        "ClusterOperator etcd: expected available and not degraded, found Degraded is True: two members are down",
        "ClusterVersion version: expected Upgradeable=True, found False: wait (Busy)",
    ];

    // The preflight says so, and a dry run fails nothing.
    let dry = site.to_all(&["--dry-run=server"])?.run()?.expect_code(0)?;
    says(&dry.stderr, &unmet);
    // Drift is no reason to begin a cluster.
    let drift = site.desk.import("drift", &site.bundle)?;
    let drift = drift.args(["--clusters".into(), site.desk.at("CLUSTERS.yaml")]);
    let drift = drift.run()?.expect_code(42)?;
    ensure!(!drift.stderr.contains("require"), "{}", drift.stderr);
    let output = site.to_all(&[])?.run()?.expect_code(41)?;
    let outcome = Report::of(&output)?;
    assert_eq!(
        [outcome.state("canary")?, outcome.state("store")?],
        ["failed", "stopped"]
    );
    says(outcome.reason("canary")?, &unmet);
    says(outcome.reason("canary")?, &["not begun: require: "]);
    for cluster in &clusters {
        assert_eq!(cluster.get(&map_at("default", "a"))?, None);
    }

    let upgrade = || {
        let upgrade = tests::process::Program::importer()?;
        let upgrade = upgrade.args([
            "upgrade",
            "--to-image",
            IMAGE,
            "--format",
            "json",
            "--clusters",
        ]);
        upgrade.args([site.desk.at("CLUSTERS.yaml")]).run()
    };
    let outcome = Report::of(&upgrade()?.expect_code(41)?)?;
    says(outcome.reason("canary")?, &unmet);
    for cluster in [canary, store] {
        assert_eq!(cluster.version()?["spec"]["desiredUpdate"], Value::Null);
    }

    // Mended, both go through.
    canary.apply(&operator("False"))?;
    worker(canary, false)?;
    canary.say(&json!({"conditions": ready}))?;
    site.to_all(&[])?.run()?.expect_code(0)?;
    upgrade()?.expect_code(0)?;
    for cluster in [canary, store] {
        assert!(cluster.get(&map_at("default", "a"))?.is_some());
        assert_eq!(cluster.version()?["spec"]["desiredUpdate"]["image"], IMAGE);
    }
    Ok(())
}

#[test]
fn a_window_that_is_closed_stops_the_run_and_says_when_it_opens() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let (_turn, clusters) = real(&["canary", "store"])?;
    let at = |hours: i64| -> Result<String> {
        let then = Timestamp::now().checked_add(SignedDuration::from_hours(hours))?;
        Ok(then
            .to_zoned_datetime(TimeZone::UTC)
            .strftime("%H:%M")
            .to_string())
    };
    let window = |from: i64, to: i64| -> Result<String> {
        let (from, to) = (at(from)?, at(to)?);
        Ok(format!(
            "  require:\n    window: {{from: '{from}', to: '{to}', zone: UTC, wait: 30m}}\n"
        ))
    };
    let site = site(&clusters, &window(2, 3)?)?;
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(41)?)?;
    for cluster in ["canary", "store"] {
        assert_eq!(outcome.state(cluster)?, "stopped");
        says(
            outcome.reason(cluster)?,
            &["window of wave 1 is closed until", "UTC", "at most 30m"],
        );
    }
    for cluster in &clusters {
        assert_eq!(cluster.get(&map_at("default", "a"))?, None);
    }
    let dry = site.to_all(&["--dry-run=server"])?.run()?.expect_code(0)?;
    says(&dry.stderr, &["WINDOW", "closed until", "always"]);
    waves(&site, &window(-1, 1)?)?;
    let output = site.to_all(&[])?.run()?.expect_code(0)?;
    says(&output.stderr, &["WINDOW", "open until"]);
    Ok(())
}

#[test]
fn a_rollback_waits_for_what_its_wave_requires_too() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (_turn, clusters) = real(&["canary"])?;
    let canary = clusters.first().context("none")?;
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    site.contexts([canary.admin()])?;
    let clusters = site.clusters(
        "kubeconfig: kubeconfig\nclusters: [{name: canary}]\nwaves:\n- clusters: [canary]\n  require: {machineConfigPools: [worker]}\n",
    )?;
    let backup = site.desk.at("backup");
    let flags = ["--backup", &shown(&backup), "--overwrite"];
    site.to_all(&flags)?.run()?.expect_code(0)?;
    let rollback = || {
        let rollback = tests::process::Program::importer()?;
        let rollback = rollback.args(["rollback", &shown(&backup), "--format", "json"]);
        rollback.args(["--clusters", &shown(&clusters)]).run()
    };
    worker(canary, true)?;
    let outcome = Report::of(&rollback()?.expect_code(41)?)?;
    says(
        outcome.reason("canary")?,
        &["not begun: require: MachineConfigPool worker: expected not paused"],
    );
    assert!(canary.get(&map_at("default", "a"))?.is_some());
    worker(canary, false)?;
    rollback()?.expect_code(0)?;
    assert_eq!(canary.get(&map_at("default", "a"))?, None);
    Ok(())
}
