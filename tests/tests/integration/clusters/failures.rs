/*! Some of the clusters fail, each in its way: the others complete, the report says why, and a second run mends it. */

use anyhow::{Context, Result};
use tests::{cluster::Cluster, needs};

use super::{MANAGER, Report, Site, map, map_at, real, says, shown};

/// Reads and applies everything in `default` but ConfigMaps.
const NO_MAPS: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: no-maps}
rules:
- {apiGroups: [''], resources: [secrets, namespaces], verbs: [get, create, patch]}
- {apiGroups: [config.openshift.io], resources: ['*'], verbs: [get, create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: no-maps}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: no-maps}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: plain}]
";

/// What mends that.
const MAPS_TOO: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: no-maps}
rules:
- {apiGroups: ['', config.openshift.io], resources: ['*'], verbs: [get, create, patch]}
";

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: default}\nstringData: {a: hidden-value}\n";

const NAMES: [&str; 4] = ["down", "fine", "forbidden", "held"];

fn site() -> Result<Site> {
    Site::new(&[
        ("map.yaml", &map("default", "shop", "ours")),
        ("secret.yaml", SECRET),
    ])
}

#[test]
fn the_rest_completes_and_the_second_run_finishes() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, mut clusters) = real(&NAMES)?;
    let [down, fine, forbidden, held] = &mut clusters[..] else {
        anyhow::bail!("not four");
    };
    site.contexts([down.admin(), fine.admin(), forbidden.plain(), held.admin()])?;
    forbidden.apply(NO_MAPS)?;
    held.apply(&map("default", "shop", "theirs"))?;
    down.stop();
    let report = site.desk.at("report.json");
    let report_at = shown(&report);

    let output = site
        .to(&NAMES, &["--report", &report_at])?
        .run()?
        .expect_code(40)?;
    let outcome = Report::of(&output)?;
    let states = NAMES.map(|name| outcome.state(name).unwrap_or_default().to_owned());
    assert_eq!(states, ["unreachable", "done", "failed", "failed"]);
    assert_eq!(outcome.actions("fine")?, ["shop created", "token created"]);
    assert_eq!(
        outcome.actions("forbidden")?,
        ["shop failed", "token created"]
    );
    assert_eq!(outcome.actions("held")?, ["shop conflict", "token created"]);
    says(outcome.reason("down")?, &[&down.url(), "refused"]);
    says(
        outcome.why("forbidden", "shop")?,
        &["forbidden", "configmaps", "default"],
    );
    says(outcome.why("held", "shop")?, &["kubectl", ".data.a"]);
    let at = map_at("default", "shop");
    assert_eq!(held.get(&at)?.context("gone")?["data"]["a"], "theirs");
    assert!(!output.stderr.contains("hidden-value") && !output.text().contains("hidden-value"));

    // The matrix for people says the same.
    let table = site
        .apply(&["--kubeconfig"])?
        .args([site.desk.at("kubeconfig")]);
    let table = table.args(NAMES.iter().flat_map(|name| ["--context", name]));
    let table = table.run()?.expect_code(40)?.text();
    says(
        &table,
        &[
            "CLUSTER",
            "unreachable",
            "forbidden",
            "kubectl",
            "4 clusters",
            "1 done",
        ],
    );

    // Mended, only what is left is asked.
    down.restart()?;
    forbidden.apply(MAPS_TOO)?;
    let untouched = fine.mark()?;
    let retry = ["--retry-failed", &report_at, "--report", &report_at];
    let again = site.applied(&NAMES, &[&retry[..], &["--overwrite"]].concat(), 0)?;
    assert_eq!(fine.requests(untouched)?, []);
    for name in ["down", "forbidden", "held"] {
        assert_eq!(again.state(name)?, "done");
    }
    assert_eq!(
        again.actions("held")?,
        ["shop configured", "token unchanged"]
    );
    let object = held.get(&at)?.context("gone")?;
    assert_eq!(object["data"]["a"], "ours");
    let managers = object["metadata"]["managedFields"]
        .as_array()
        .context("no managers")?;
    assert!(
        !managers.is_empty() && managers.iter().all(|manager| manager["manager"] == MANAGER),
        "{managers:#?}"
    );
    Ok(())
}

#[test]
fn all_failed_is_another_code_and_all_or_nothing_writes_nothing() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["fine", "held"])?;
    let [fine, held] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    site.contexts([fine.admin(), held.admin()])?;
    held.apply(&map("default", "shop", "theirs"))?;
    let marks = [fine.mark()?, held.mark()?];
    let nothing = site.applied(&["fine", "held"], &["--all-or-nothing"], 41)?;
    assert_eq!(
        [nothing.state("fine")?, nothing.state("held")?],
        ["stopped", "stopped"]
    );
    says(nothing.reason("fine")?, &["held", "shop", "kubectl"]);
    assert_eq!(
        (fine.writes(marks[0])?, held.writes(marks[1])?),
        (vec![], vec![])
    );
    let all = site.applied(&["held"], &["--overwrite=false"], 41)?;
    assert_eq!(all.actions("held")?, ["shop conflict", "token created"]);
    let dry = site.applied(&["held"], &["--overwrite=true", "--dry-run=server"], 0)?;
    assert_eq!(dry.actions("held")?, ["shop configured", "token unchanged"]);
    site.applied(
        &["fine", "held"],
        &["--overwrite=true", "--all-or-nothing"],
        0,
    )?;
    Ok(())
}

/// A cluster that is another than the list says is not touched.
#[test]
fn a_cluster_with_another_id_is_left_alone() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east", "west"])?;
    let [east, west] = &clusters[..] else {
        anyhow::bail!("not two");
    };
    site.contexts([east.admin(), west.admin()])?;
    let (id, other) = (Cluster::id("east"), Cluster::id("elsewhere"));
    site.clusters(&format!(
        "kubeconfig: kubeconfig\nclusters:\n- {{name: east, clusterID: {id}}}\n- {{name: west, clusterID: {other}}}\n"
    ))?;
    let mark = west.mark()?;
    let outcome = Report::of(&site.to_all(&[])?.run()?.expect_code(40)?)?;
    assert_eq!(
        [outcome.state("east")?, outcome.state("west")?],
        ["done", "unreachable"]
    );
    says(outcome.reason("west")?, &[&Cluster::id("west"), &other]);
    assert_eq!(west.writes(mark)?, []);
    Ok(())
}
