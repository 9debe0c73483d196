/*!
A cluster that looks like OpenShift to those who configure and upgrade it: its kinds, its namespaces, and what it says of
itself. Nobody acts on any of it; a test that needs an upgrade to go on writes the status itself, with [`Cluster::merge`].
*/

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Cluster;

/// Where the kinds are described.
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/crds");

/// The path of the one object that says what a cluster runs.
const CLUSTER_VERSION: &str = "/apis/config.openshift.io/v1/clusterversions/version";

/// The first minor version of OpenShift 4 with ImageDigestMirrorSet and ImageTagMirrorSet.
const MIRROR_SETS: u32 = 13;

impl Cluster {
    /// Starts one that says it runs an OpenShift version (`4.16.3`), completed and healthy. Before 4.13 it knows no
    /// ImageDigestMirrorSet and ImageTagMirrorSet.
    pub fn openshift(name: &str, version: &str) -> Result<Self> {
        let mut parts = version.split('.').skip(1);
        let minor = parts.next().and_then(|minor| minor.parse().ok());
        let minor: u32 = minor.with_context(|| format!("{version} is no version"))?;
        let cluster = Self::start(name)?;
        cluster.install_kinds(minor)?;
        cluster.apply(&objects(name, minor))?;
        cluster.merge(&format!("{CLUSTER_VERSION}/status"), &status(version))?;
        for pool in ["master", "worker"] {
            let path = format!(
                "/apis/machineconfiguration.openshift.io/v1/machineconfigpools/{pool}/status"
            );
            cluster.merge(&path, &pool_status())?;
        }
        Ok(cluster)
    }

    /// The ClusterVersion as it is.
    pub fn version(&self) -> Result<Value> {
        self.get(CLUSTER_VERSION)?
            .with_context(|| format!("cluster {} has no ClusterVersion", self.name()))
    }

    /// Merges a patch into the status of the ClusterVersion, as the cluster-version operator would.
    pub fn say(&self, status: &Value) -> Result<()> {
        self.merge(
            &format!("{CLUSTER_VERSION}/status"),
            &json!({"status": status}),
        )
    }

    /// The `spec.clusterID` of a cluster of that name.
    pub fn id(name: &str) -> String {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        format!("00000000-0000-4000-8000-{:012x}", hasher.finish() >> 16)
    }

    /// Installs the kinds and waits until each is served.
    fn install_kinds(&self, minor: u32) -> Result<()> {
        self.apply_path(Path::new(CRDS))?;
        if minor < MIRROR_SETS {
            let delete = self.kubectl()?.args(["delete", "crd"]);
            delete
                .args([
                    "imagedigestmirrorsets.config.openshift.io",
                    "imagetagmirrorsets.config.openshift.io",
                ])
                .run()?
                .expect_code(0)?;
        }
        let wait = self
            .kubectl()?
            .args(["wait", "--for=condition=Established"]);
        wait.args(["crd", "--all", "--timeout=60s"])
            .run()?
            .expect_code(0)?;
        Ok(())
    }
}

fn objects(name: &str, minor: u32) -> String {
    let namespace =
        |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let pool = |name: &str| json!({"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfigPool", "metadata": {"name": name}, "spec": {"paused": false}});
    let cluster_version = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ClusterVersion",
        "metadata": {"name": "version"},
        "spec": {"clusterID": Cluster::id(name), "channel": format!("stable-4.{minor}")},
    });
    let items = [
        namespace("openshift-config"),
        namespace("openshift-config-managed"),
        namespace("openshift-update-service"),
        pool("master"),
        pool("worker"),
        cluster_version,
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn status(version: &str) -> Value {
    let image = format!(
        "quay.io/openshift-release-dev/ocp-release@sha256:{:064x}",
        1
    );
    json!({"status": {
        "observedGeneration": 1,
        "versionHash": "harness",
        "desired": {"version": version, "image": image},
        "history": [{
            "state": "Completed", "verified": true, "version": version, "image": image,
            "startedTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T01:00:00Z",
        }],
        "conditions": [
            condition("Available", "True", &format!("Done applying {version}")),
            condition("Failing", "False", ""),
            condition("Progressing", "False", &format!("Cluster version is {version}")),
            condition("Upgradeable", "True", ""),
            condition("ReleaseAccepted", "True", "Payload loaded"),
        ],
    }})
}

fn pool_status() -> Value {
    json!({"status": {
        "machineCount": 3, "readyMachineCount": 3, "updatedMachineCount": 3, "unavailableMachineCount": 0, "degradedMachineCount": 0,
        "conditions": [condition("Updated", "True", ""), condition("Updating", "False", ""), condition("Degraded", "False", "")],
    }})
}

fn condition(kind: &str, status: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "message": message, "lastTransitionTime": "2024-01-01T01:00:00Z"})
}
