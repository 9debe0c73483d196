/*! `importer clusters check`: what clusters are, on real API servers, and their ids in the list. */

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;
use tests::{
    cluster::Cluster,
    needs,
    process::{Output, Program},
};

use super::{Report, Site, map, real, says};

const POOL: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools/worker";

fn site() -> Result<Site> {
    Site::new(&[("a.yaml", &map("default", "a", "1"))])
}

fn check(site: &Site, flags: &[&str]) -> Result<Output> {
    let check = Program::importer()?.args(["clusters", "check", "--clusters"]);
    check
        .args([site.desk.at("CLUSTERS.yaml")])
        .args(flags)
        .run()
}

#[test]
fn clusters_are_shown_as_they_are_and_their_ids_are_written() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, mut clusters) = real(&["down", "east", "plain"])?;
    let [down, east, plain] = &mut clusters[..] else {
        anyhow::bail!("not three");
    };
    site.contexts([down.admin(), east.admin(), plain.plain()])?;
    plain.apply(READER)?;
    east.merge(POOL, &json!({"spec": {"paused": true}}))?;
    let degraded = json!({"type": "Degraded", "status": "True", "reason": "NodeFailed", "message": "node n1", "lastTransitionTime": "2024-01-01T00:00:00Z"});
    east.merge(
        &format!("{POOL}/status"),
        &json!({"status": {"conditions": [degraded]}}),
    )?;
    plain.say(&json!({"desired": {"version": "4.15.1"}, "history": [{"state": "Completed", "verified": true, "version": "4.15.1", "image": "quay.io/a@sha256:1", "startedTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T01:00:00Z"}]}))?;
    let text = "# ours\nkubeconfig: kubeconfig\nclusters:\n- name: down # away\n- name: east   # the first\n  labels: {tier: x}\n- {name: plain}\n";
    let path = site.clusters(text)?;
    down.stop();
    let marks = [east.mark()?, plain.mark()?];

    let output = check(&site, &["--format", "json"])?.expect_code(40)?;
    let report = Report::of(&output)?;
    assert_eq!(report.state("down")?, "unreachable");
    let found = report.cluster("east")?;
    assert_eq!(found["cluster_id"], Cluster::id("east"));
    assert_eq!(found["cluster_version"], "4.16.3");
    assert_eq!(found["kubernetes_version"], "v1.20.2");
    assert_eq!(found["server"], east.url());
    assert_eq!(found["forbidden"], json!([]));
    let pools = found["pools"].as_array().context("no pools")?;
    let worker = pools.iter().find(|pool| pool["name"] == "worker");
    assert_eq!(
        worker,
        Some(
            &json!({"name": "worker", "paused": true, "updating": false, "degraded": "node n1 (NodeFailed)"})
        )
    );
    let lacking = report.cluster("plain")?["forbidden"].to_string();
    says(
        &lacking,
        &[
            "patch clusterversions.config.openshift.io",
            "create secrets in default",
        ],
    );
    assert!(!lacking.contains("configmaps in default"), "{lacking}");
    assert_eq!(
        report.0["versions"],
        json!({"OpenShift 4.15.1": ["plain"], "OpenShift 4.16.3": ["east"]})
    );
    assert_eq!(fs::read_to_string(&path)?, text);

    let shown = check(&site, &["--write-ids"])?.expect_code(40)?.text();
    says(
        &shown,
        &[
            "versions differ",
            "worker paused degraded",
            "lacking",
            "clusterID written for east, plain",
        ],
    );
    let expected = text
        .replace(
            "# the first",
            &format!("# the first\n  clusterID: {}", Cluster::id("east")),
        )
        .replace(
            "{name: plain}",
            &format!("{{name: plain, clusterID: {}}}", Cluster::id("plain")),
        );
    assert_eq!(fs::read_to_string(&path)?, expected);
    assert_eq!(east.writes(marks[0])?, []);
    assert_eq!(plain.writes(marks[1])?, []);
    Ok(())
}

#[test]
fn a_wrong_id_is_reported_and_two_entries_of_one_cluster_get_none() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    let mut other = east.admin();
    other.context = "again".to_owned();
    site.contexts([east.admin(), other])?;
    let wrong = "kubeconfig: kubeconfig\nclusters:\n- name: east\n  clusterID: 0b\n";
    let path = site.clusters(wrong)?;
    let shown = check(&site, &["--write-ids"])?.expect_code(41)?.text();
    says(
        &shown,
        &[
            "expected clusterID 0b",
            &format!("found {}", Cluster::id("east")),
        ],
    );
    assert_eq!(fs::read_to_string(&path)?, wrong);

    let twice = "kubeconfig: kubeconfig\nclusters:\n- name: east\n- name: again\n";
    site.clusters(twice)?;
    let shown = check(&site, &["--write-ids"])?.expect_code(41)?.text();
    says(
        &shown,
        &["the same cluster as again", "the same cluster as east"],
    );
    assert_eq!(fs::read_to_string(&path)?, twice);
    Ok(())
}

/// Reads what OpenShift says of itself, and writes ConfigMaps.
const READER: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [config.openshift.io, machineconfiguration.openshift.io], resources: ['*'], verbs: [get, list]}
- {apiGroups: [''], resources: [configmaps], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: plain}]
";
