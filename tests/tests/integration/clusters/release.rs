/*! A signed release, imported, and on three clusters what they need to take it. */

use anyhow::{Context, Result};
use fakes::{Action, FakeFleet, FakeRegistry, Fault, Faults, registry::Settings};
use serde_json::Value;
use tests::{cluster::Cluster, needs, process::Program};

use super::{MANAGER, Report, real, says};
use crate::openshift::Outside;

const NAMES: [&str; 3] = ["east", "middle", "west"];

/// What differs between any two servers, or says who applied.
fn bare(mut object: Value) -> Result<Value> {
    let metadata = object["metadata"].as_object_mut().context("no metadata")?;
    for own in ["uid", "resourceVersion", "creationTimestamp", "selfLink"] {
        metadata.remove(own);
    }
    let managers = metadata
        .get_mut("managedFields")
        .and_then(Value::as_array_mut);
    for manager in managers
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        manager.remove("time");
        manager.remove("manager");
    }
    Ok(object)
}

/// Where an object of an report lies.
fn place(object: &Value) -> Result<String> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    match text("kind") {
        "ConfigMap" => Ok(format!(
            "/api/v1/namespaces/{}/configmaps/{}",
            text("namespace"),
            text("name")
        )),
        "ImageDigestMirrorSet" => Ok(format!(
            "/apis/config.openshift.io/v1/imagedigestmirrorsets/{}",
            text("name")
        )),
        other => anyhow::bail!("a {other} was not expected"),
    }
}

#[test]
fn a_release_reaches_three_clusters_as_kubectl_would_bring_it() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let outside = Outside::new(|spec| spec)?;
    let inside = FakeRegistry::start(Settings::default())?;
    let bundle = outside.bundle()?;
    let (_turn, clusters) = real(&NAMES)?;
    let [east, _, west] = &clusters[..] else {
        anyhow::bail!("not three");
    };
    let kubeconfig = outside.desk.at("kubeconfig");
    Cluster::kubeconfig_of(&clusters.iter().collect::<Vec<_>>()).write(&kubeconfig)?;
    let import = |flags: &[&str]| -> Result<Program> {
        let import = outside.desk.import("import", &bundle)?;
        let import = import.args(["--plain-http", "--format", "json", "--to", &inside.host()]);
        Ok(import.args(flags))
    };
    let apply = || -> Result<Program> {
        let apply = import(&["--apply-config", "--kubeconfig"])?.args([&kubeconfig]);
        Ok(apply.args(NAMES.iter().flat_map(|name| ["--context", name])))
    };

    // Without `--apply-config` no cluster is asked, wherever contexts may lead.
    let untouched = clusters
        .iter()
        .map(Cluster::mark)
        .collect::<Result<Vec<_>>>()?;
    let config = outside.desk.at("config");
    let written = import(&["--config-to-dir"])?
        .args([&config])
        .env("KUBECONFIG", east.kubeconfig());
    written.run()?.expect_code(0)?;
    for (cluster, mark) in clusters.iter().zip(untouched) {
        assert_eq!(cluster.requests(mark)?, []);
    }

    let output = apply()?.run()?.expect_code(0)?;
    let outcome = Report(Report::of(&output)?.0["clusters"].clone());
    for cluster in &clusters {
        says(
            &output.stderr,
            &[&cluster.url(), &Cluster::id(cluster.name())],
        );
        assert_eq!(outcome.state(cluster.name())?, "done");
        let actions = outcome.actions(cluster.name())?;
        assert_eq!(actions.len(), 3, "{actions:?}");
        assert!(
            actions.iter().all(|action| action.ends_with(" created")),
            "{actions:?}"
        );
    }
    let objects = outcome.cluster("east")?["objects"]
        .as_array()
        .cloned()
        .context("no objects")?;
    let kinds: Vec<&str> = objects
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["ConfigMap", "ImageDigestMirrorSet", "ImageDigestMirrorSet"],
        "signatures come before mirrors"
    );

    // Again: nothing is written, and everything was right.
    let marks = clusters
        .iter()
        .map(Cluster::mark)
        .collect::<Result<Vec<_>>>()?;
    let again = Report::of(&apply()?.run()?.expect_code(0)?)?;
    let again = Report(again.0["clusters"].clone());
    for (cluster, mark) in clusters.iter().zip(marks) {
        let actions = again.actions(cluster.name())?;
        assert_eq!(actions.len(), 3, "{actions:?}");
        assert!(
            actions.iter().all(|action| action.ends_with(" unchanged")),
            "{actions:?}"
        );
        assert_eq!(cluster.writes(mark)?, []);
    }

    // The same by `kubectl`, on a cluster where it was never done.
    let kubectl = |verb: &[&str]| -> Result<()> {
        let program = west
            .kubectl()?
            .args(verb)
            .args(["-Rf".as_ref(), config.as_os_str()]);
        program.run()?.expect_code(0)?;
        Ok(())
    };
    kubectl(&["delete"])?;
    kubectl(&["apply", "--server-side"])?;
    for object in &objects {
        let place = place(object)?;
        let ours = east.get(&place)?.context("not there")?;
        assert_eq!(ours["metadata"]["managedFields"][0]["manager"], MANAGER);
        let theirs = west.get(&place)?.context("kubectl made none")?;
        assert_eq!(bare(ours)?, bare(theirs)?, "{place}");
    }
    Ok(())
}

/// A cluster before 4.13 knows no ImageDigestMirrorSet; it gets what it knows, and others are none the worse.
#[test]
fn an_old_cluster_gets_the_mirrors_it_understands() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let outside = Outside::new(|spec| spec)?;
    let bundle = outside.bundle()?;
    let (_turn, new) = real(&["new"])?;
    let old = Cluster::openshift("old", "4.12.9")?;
    let new = new.first().context("none")?;
    let kubeconfig = outside.desk.at("kubeconfig");
    Cluster::kubeconfig_of(&[new, &old]).write(&kubeconfig)?;
    let apply = || -> Result<Report> {
        let apply = outside.desk.import("apply", &bundle)?.args([
            "--to",
            "registry.example:5000/ocp",
            "--format",
            "json",
        ]);
        let apply = apply
            .args(["--context", "new", "--context", "old", "--kubeconfig"])
            .args([&kubeconfig]);
        Report::of(&apply.run()?.expect_code(0)?)
    };
    let outcome = apply()?;
    let kinds = |cluster: &str| -> Result<Vec<String>> {
        let objects = outcome.cluster(cluster)?["objects"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        Ok(objects
            .iter()
            .map(|object| object["kind"].as_str().unwrap_or_default().to_owned())
            .collect())
    };
    assert_eq!(
        kinds("new")?,
        ["ConfigMap", "ImageDigestMirrorSet", "ImageDigestMirrorSet"]
    );
    let old_kinds = kinds("old")?;
    assert_eq!(old_kinds.first().map(String::as_str), Some("ConfigMap"));
    assert!(
        old_kinds[1..]
            .iter()
            .all(|kind| kind == "ImageContentSourcePolicy")
            && old_kinds.len() > 1,
        "{old_kinds:?}"
    );
    let warnings = outcome.cluster("old")?["warnings"].to_string();
    says(&warnings, &["ImageContentSourcePolicy"]);
    let mark = old.mark()?;
    let again = apply()?;
    let actions = again.actions("old")?;
    assert_eq!(actions.len(), old_kinds.len(), "{actions:?}");
    assert!(actions.iter().all(|action| action.ends_with(" unchanged")));
    assert_eq!(old.writes(mark)?, []);
    Ok(())
}

/// What rests on images waits for them: where they cannot be pushed, no cluster is touched.
#[test]
fn a_registry_that_fails_leaves_clusters_alone() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let fleet = FakeFleet::start(1, Faults::default())?;
    let kubeconfig = outside.desk.at("kubeconfig");
    fleet.kubeconfig(&kubeconfig)?;
    let inside = FakeRegistry::start(Settings::default())?;
    let refused = Action::status(500);
    let broken = Fault::on("PUT", "/manifests/").does(refused);
    inside.fault(broken);
    let import = outside.desk.import("import", &outside.bundle()?)?;
    let import = import.env("IMPORTER_RETRIES", "0");
    let import = import.args([
        "--plain-http",
        "--to",
        &inside.host(),
        "--apply-config",
        "--context",
        "c0",
        "--kubeconfig",
    ]);
    import.args([&kubeconfig]).run()?.expect_code(30)?;
    assert_eq!(fleet.summary().writes, 0);
    Ok(())
}
