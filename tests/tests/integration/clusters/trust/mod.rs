/*! The trust pack on real API servers: what is there afterwards, what stays of what was there, and that no secret is told. */

use std::fs;

use anyhow::{Context, Result};
use fakes::certificates::Authority;
use serde_json::{Value, json};
use tests::{cluster::Cluster, needs, process::Output};

use super::{MANAGER, Report, Site, map, real, says};
use crate::openshift::Outside;

const GATE: &str = "ack-4.16-kube-1.30-api-removals-in-4.17";
/// A version from which the release of the other tests, 4.3.0, is a minor version away, and a gate of it.
const BEFORE: &str = "4.2.9";
const GATE_BEFORE: &str = "ack-4.2-api-removals-in-4.3";
const GATES: &str = "/api/v1/namespaces/openshift-config-managed/configmaps/admin-gates";
const PULL_SECRET: &str = "/api/v1/namespaces/openshift-config/secrets/pull-secret";
const IMAGE: &str = "/apis/config.openshift.io/v1/images/cluster";
const AUTHORITIES: &str = "/api/v1/namespaces/openshift-config/configmaps";

/// `us:secret` and `us:other`, in base64.
const OURS: &str = "dXM6c2VjcmV0";
const THEIRS: &str = "dXM6b3RoZXI=";

/// The objects that every OpenShift has, and a gate.
fn prepare(cluster: &Cluster) -> Result<()> {
    let auths =
        json!({"auths": {"quay.io": {"auth": THEIRS}, "registry.site:5000": {"auth": THEIRS}}});
    let items = [
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "pull-secret", "namespace": "openshift-config"},
            "stringData": {".dockerconfigjson": auths.to_string()}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "admin-gates", "namespace": "openshift-config-managed"},
            "data": {GATE: "APIs are removed in 4.17."}}),
        json!({"apiVersion": "config.openshift.io/v1", "kind": "Image", "metadata": {"name": "cluster"},
            "spec": {"registrySources": {"blockedRegistries": ["evil.example"]}}}),
    ];
    cluster.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

fn there(cluster: &Cluster, path: &str) -> Result<Value> {
    cluster.get(path)?.with_context(|| format!("no {path}"))
}

fn auths(cluster: &Cluster) -> Result<Value> {
    let secret = cluster.kubectl()?.args([
        "get",
        "secret",
        "pull-secret",
        "-n",
        "openshift-config",
        "-o",
        "go-template={{index .data \".dockerconfigjson\" | base64decode}}",
    ]);
    let output = secret.run()?.expect_code(0)?;
    Ok(serde_json::from_slice::<Value>(&output.stdout)?["auths"].clone())
}

fn keeps_secrets(output: &Output) {
    for secret in [OURS, THEIRS, "us:secret"] {
        assert!(
            !output.text().contains(secret) && !output.stderr.contains(secret),
            "{output:?}"
        );
    }
}

/// A bundle of one ConfigMap, with the files that the flags name.
fn site() -> Result<Site> {
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    fs::write(site.desk.at("ca.pem"), Authority::new()?.pem())?;
    let login = json!({"auths": {"registry.site:5000": {"auth": OURS}}});
    fs::write(site.desk.at("auth.json"), login.to_string())?;
    Ok(site)
}

#[test]
fn clusters_come_to_trust_the_registry_and_keep_what_they_had() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east", "west"])?;
    let [east, west] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    site.contexts([east.admin(), west.admin()])?;
    prepare(east)?;
    prepare(west)?;
    // The one has authorities of its own already.
    west.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "corporate", "namespace": "openshift-config"},
        "data": {"other.site": "theirs"}}).to_string())?;
    west.merge(
        IMAGE,
        &json!({"spec": {"additionalTrustedCA": {"name": "corporate"}}}),
    )?;

    let [ca, login] = ["ca.pem", "auth.json"].map(|file| site.desk.at(file).display().to_string());
    let flags = [
        "--to",
        "registry.site:5000/mirror",
        "--registry-ca",
        &ca,
        "--merge-pull-secret",
        &login,
        "--update-service",
        "https://osus.site/api/upgrades_info/v1/graph",
        "--acknowledge",
        GATE,
        "--acknowledge",
        "ack-4.15-nobody-asks",
        "--series",
        "site",
    ];
    let both = ["east", "west"];
    let output = site
        .to(&both, &[&flags[..], &["--diff"]].concat())?
        .run()?
        .expect_code(0)?;
    keeps_secrets(&output);
    let report = Report::of(&output)?;
    says(report.why("east", "pull-secret")?, &["registry.site:5000"]);
    says(
        &report.cluster("east")?["warnings"].to_string(),
        &["ack-4.15-nobody-asks", "does not ask"],
    );

    let pem = fs::read_to_string(&ca)?;
    for (cluster, name) in [(east, "registry-ca"), (west, "corporate")] {
        assert_eq!(
            auths(cluster)?,
            json!({"quay.io": {"auth": THEIRS}, "registry.site:5000": {"auth": OURS}})
        );
        let authorities = there(cluster, &format!("{AUTHORITIES}/{name}"))?;
        assert_eq!(authorities["data"]["registry.site..5000"], json!(pem));
        assert_eq!(authorities["data"]["updateservice-registry"], json!(pem));
        assert_eq!(
            authorities["metadata"]["labels"],
            Value::Null,
            "it is not of the series"
        );
        let image = there(cluster, IMAGE)?;
        assert_eq!(
            image["spec"],
            json!({
                "additionalTrustedCA": {"name": name}, "registrySources": {"blockedRegistries": ["evil.example"]},
            })
        );
        let version = cluster.version()?;
        assert_eq!(
            version["spec"]["upstream"],
            "https://osus.site/api/upgrades_info/v1/graph"
        );
        assert_eq!(
            version["spec"]["clusterID"],
            json!(Cluster::id(cluster.name()))
        );
        let acks = there(cluster, &format!("{AUTHORITIES}/admin-acks"))?;
        assert_eq!(acks["data"], json!({ GATE: "true" }));
        assert_eq!(acks["metadata"]["managedFields"][0]["manager"], MANAGER);
    }
    assert_eq!(
        there(west, &format!("{AUTHORITIES}/corporate"))?["data"]["other.site"],
        "theirs"
    );
    assert_eq!(west.get(&format!("{AUTHORITIES}/registry-ca"))?, None);

    // Again: nothing is written.
    let marks = [east.mark()?, west.mark()?];
    let again = site.applied(&both, &flags, 0)?;
    for (cluster, mark) in clusters.iter().zip(marks) {
        let actions = again.actions(cluster.name())?;
        assert!(
            actions.iter().all(|action| action.ends_with(" unchanged")),
            "{actions:?}"
        );
        assert_eq!(cluster.writes(mark)?, []);
    }

    // A run that says less takes nothing away, and does not remove what is the cluster's own.
    let other = [
        "--to",
        "other.site:5000",
        "--registry-ca",
        &ca,
        "--series",
        "site",
        "--prune",
        "--auto-prune",
        "--auto-approve",
    ];
    site.applied(&["east"], &other, 0)?;
    let authorities = there(east, &format!("{AUTHORITIES}/registry-ca"))?;
    let keys: Vec<&String> = authorities["data"]
        .as_object()
        .context("no data")?
        .keys()
        .collect();
    assert_eq!(
        keys,
        [
            "other.site..5000",
            "registry.site..5000",
            "updateservice-registry"
        ]
    );
    assert_eq!(
        there(east, PULL_SECRET)?["type"],
        "kubernetes.io/dockerconfigjson"
    );
    assert_eq!(
        there(east, &format!("{AUTHORITIES}/admin-acks"))?["data"],
        json!({ GATE: "true" })
    );
    Ok(())
}

#[test]
fn what_others_hold_is_left_to_them_and_wrong_files_are_told_before_any_cluster_is_asked()
-> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    east.merge(
        "/apis/config.openshift.io/v1/clusterversions/version",
        &json!({"spec": {"upstream": "https://theirs.site/graph"}}),
    )?;
    let flags = [
        "--to",
        "registry.site:5000",
        "--update-service",
        "https://ours.site/graph",
    ];
    let report = site.applied(&["east"], &flags, 41)?;
    says(report.why("east", "version")?, &[".spec.upstream"]);
    assert_eq!(
        east.version()?["spec"]["upstream"],
        "https://theirs.site/graph"
    );
    site.applied(&["east"], &[&flags[..], &["--overwrite"]].concat(), 0)?;
    assert_eq!(
        east.version()?["spec"]["upstream"],
        "https://ours.site/graph"
    );

    // There is no pull secret to merge into.
    let login = site.desk.at("auth.json").display().to_string();
    let merge = ["--to", "registry.site:5000", "--merge-pull-secret", &login];
    let report = site.applied(&["east"], &merge, 41)?;
    says(report.why("east", "pull-secret")?, &["is not there"]);

    let mark = east.mark()?;
    let key = site.desk.at("key.pem");
    fs::write(
        &key,
        format!(
            "{}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
            Authority::new()?.pem()
        ),
    )?;
    fs::write(
        site.desk.at("auth.json"),
        format!(r#"{{"auths": {{"r": {{"identitytoken": "{OURS}"}}}}}}"#),
    )?;
    let key = key.display().to_string();
    for (wrong, part) in [
        (["--registry-ca", &key], "holds a private key"),
        (["--merge-pull-secret", &login], "has no auth"),
        (["--acknowledge", "4.15"], "ack-4.15-kube"),
        (["--update-service", "osus.site"], "absolute URL"),
    ] {
        let apply = site
            .to(&["east"], &["--to", "registry.site:5000"])?
            .args(wrong);
        let output = apply.run()?.expect_code(2)?;
        says(&output.stderr, &[part]);
        keeps_secrets(&output);
    }
    assert_eq!(east.requests(mark)?, []);
    Ok(())
}

/// A release of a later minor version: what the one in charge asks for is shown, and given by name alone.
#[test]
fn what_a_release_asks_for_is_shown_until_it_is_acknowledged() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let outside = Outside::new(|spec| spec)?;
    let bundle = outside.bundle()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    prepare(east)?;
    east.say(&json!({"history": [{"state": "Completed", "version": BEFORE, "image": "i", "verified": true,
        "startedTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T01:00:00Z"}]}))?;
    east.merge(
        GATES,
        &json!({"data": {GATE_BEFORE: "APIs are removed in the next one."}}),
    )?;
    let kubeconfig = outside.desk.at("kubeconfig");
    Cluster::kubeconfig_of(&[east]).write(&kubeconfig)?;
    let apply = |flags: &[&str]| -> Result<String> {
        let apply = outside.desk.import("apply", &bundle)?.args(flags);
        let apply = apply.args([
            "--to",
            "registry.site:5000",
            "--format",
            "json",
            "--context",
            "east",
            "--kubeconfig",
        ]);
        let report = Report::of(&apply.args([&kubeconfig]).run()?.expect_code(0)?)?;
        Ok(report.cluster("east")?["warnings"].to_string())
    };
    let named = format!("--acknowledge {GATE_BEFORE}");
    says(&apply(&[])?, &["APIs are removed in the next one.", &named]);
    assert!(!apply(&["--acknowledge", GATE_BEFORE])?.contains(&named));
    assert!(!apply(&[])?.contains(&named), "it was given");
    Ok(())
}
