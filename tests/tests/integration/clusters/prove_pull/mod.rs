/*!
`--prove-pull` on a real API server: pods are admitted, what a kubelet writes about them is understood, and none is left. There is no
kubelet; the test writes what one would.
*/

use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{
    cluster::Cluster,
    needs,
    process::{Output, Program},
};

use super::{Report, real, says};
use crate::desk::Desk;

const IMAGE: &str = "registry.example:5000/ocp/openshift/release-images@sha256:\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const COMPONENT: &str = "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:\
                         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const PODS: &str = "/api/v1/namespaces/proof/pods";

/// `importer upgrade --to-image … --prove-pull` of one cluster.
fn upgrade(desk: &Desk, flags: &[&str]) -> Result<Program> {
    let upgrade = Program::importer()?.args(["upgrade", "--to-image", IMAGE, "--format", "json"]);
    let upgrade = upgrade.args(["--prove-pull", "--prove-namespace", "proof"]);
    let upgrade = upgrade.args(["--prove-image", IMAGE, "--prove-image", COMPONENT]);
    let upgrade = upgrade.args(["--context", "east", "--kubeconfig"]);
    Ok(upgrade.args([desk.at("kubeconfig")]).args(flags))
}

fn pods(cluster: &Cluster) -> Result<Vec<Value>> {
    let list = cluster.get(PODS)?.context("no pods")?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

fn pool(pod: &Value) -> &str {
    pod["metadata"]["annotations"]["offline-bundle/pool"]
        .as_str()
        .unwrap_or_default()
}

/// Says of every container of a pod what a kubelet would.
fn say(cluster: &Cluster, pod: &Value, state: &Value, image_id: &str) -> Result<()> {
    let name = pod["metadata"]["name"].as_str().context("no name")?;
    let containers = pod["spec"]["containers"]
        .as_array()
        .context("no containers")?;
    let statuses: Vec<Value> = containers
        .iter()
        .map(|container| {
            json!({"name": container["name"], "image": container["image"], "imageID": image_id, "ready": false,
                "restartCount": 0, "state": state})
        })
        .collect();
    cluster.merge(
        &format!("{PODS}/{name}/status"),
        &json!({"status": {"containerStatuses": statuses}}),
    )
}

/// Runs it while the pods of both pools get these states.
fn run(cluster: &Cluster, desk: &Desk, states: &[(&str, Value, &str)]) -> Result<Output> {
    thread::scope(|scope| {
        let run = scope.spawn(|| upgrade(desk, &[])?.run());
        while pods(cluster)?.len() < states.len() && !run.is_finished() {
            thread::yield_now();
        }
        for pod in pods(cluster)? {
            let state = states.iter().find(|(name, ..)| *name == pool(&pod));
            let (_, state, image_id) = state.with_context(|| format!("{pod:#}"))?;
            say(cluster, &pod, state, image_id)?;
        }
        run.join()
            .map_err(|_| anyhow::anyhow!("the run panicked"))?
    })
}

#[test]
fn nodes_pull_before_a_cluster_is_asked_and_no_pod_is_left() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    let desk = Desk::new()?;
    Cluster::kubeconfig_of(&[east]).write(&desk.at("kubeconfig"))?;
    let desired = || -> Result<Value> { Ok(east.version()?["spec"]["desiredUpdate"].clone()) };

    // Nothing is asked where pods cannot be made.
    let refused = upgrade(&desk, &[])?.run()?.expect_code(41)?;
    says(
        Report::of(&refused)?.reason("east")?,
        &["nothing was asked", "namespace proof", "--prove-namespace"],
    );
    east.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: proof}\n")?;

    let failed = "(Mirrors also failed: [registry.example:5000/ocp: x509: certificate signed by unknown authority]): quay.io: no such host";
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": failed}});
    let ran = json!({"terminated": {"exitCode": 127, "reason": "ContainerCannotRun", "containerID": "cri-o://1"}});
    let output = run(
        east,
        &desk,
        &[
            ("pool master", ran.clone(), "i@sha256:1"),
            ("pool worker", waiting, ""),
        ],
    )?;
    let report = Report::of(&output.expect_code(41)?)?;
    says(
        report.reason("east")?,
        &[
            "nothing was asked",
            "pool worker cannot pull",
            "certificate",
            "--registry-ca",
            "2 of 4",
        ],
    );
    assert_eq!(
        report.cluster("east")?["pulls"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(desired()?, Value::Null);
    assert_eq!(pods(east)?, [Value::Null; 0]);

    // Interrupted, or at its time limit, it deletes its pods too.
    let made = || pods(east).is_ok_and(|pods| pods.len() == 2);
    upgrade(&desk, &[])?.interrupt_when(made)?;
    assert_eq!(pods(east)?, [Value::Null; 0]);
    let late = upgrade(&desk, &["--prove-timeout", "1s"])?
        .run()?
        .expect_code(41)?;
    says(
        Report::of(&late)?.reason("east")?,
        &["within 1 s", "no node was found"],
    );
    assert_eq!(pods(east)?, [Value::Null; 0]);
    assert_eq!(desired()?, Value::Null);

    // The images are there, though no container can run.
    let created =
        json!({"waiting": {"reason": "CreateContainerConfigError", "message": "runAsNonRoot"}});
    let output = run(
        east,
        &desk,
        &[
            ("pool master", ran, "i@sha256:1"),
            ("pool worker", created, ""),
        ],
    )?;
    Report::of(&output.expect_code(0)?)?;
    assert_eq!(desired()?["image"], IMAGE);
    assert_eq!(pods(east)?, [Value::Null; 0]);
    Ok(())
}
