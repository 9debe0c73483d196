/*! What a cluster holds from the start, as an importer meets it after an installation of OpenShift. */

use serde_json::{Value, json};

use super::{apply::NOW, store::ObjectKey};

/// Namespaces, what the cluster runs, and its pools of machines.
pub(super) fn objects(number: usize) -> Vec<(ObjectKey, Value)> {
    let version = "4.16.3";
    let image = format!(
        "quay.io/openshift-release-dev/ocp-release@sha256:{:064x}",
        1
    );
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": "", "lastTransitionTime": NOW});
    let mut objects: Vec<Value> = [
        "default",
        "kube-system",
        "openshift-config",
        "openshift-config-managed",
        "openshift-update-service",
    ]
    .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    .into();
    objects.push(json!({
        "apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "metadata": {"name": "version"},
        "spec": {"clusterID": format!("00000000-0000-4000-8000-{number:012x}"), "channel": "stable-4.16"},
        "status": {
            "desired": {"version": version, "image": image},
            "history": [{"state": "Completed", "verified": true, "version": version, "image": image, "startedTime": NOW, "completionTime": NOW}],
            "conditions": [
                condition("Available", "True"), condition("Failing", "False"), condition("Progressing", "False"),
                condition("Upgradeable", "True"), condition("ReleaseAccepted", "True"),
            ],
        },
    }));
    for pool in ["master", "worker"] {
        objects.push(json!({
            "apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfigPool", "metadata": {"name": pool},
            "spec": {"paused": false},
            "status": {
                "machineCount": 3, "readyMachineCount": 3, "updatedMachineCount": 3, "unavailableMachineCount": 0, "degradedMachineCount": 0,
                "conditions": [condition("Updated", "True"), condition("Updating", "False"), condition("Degraded", "False")],
            },
        }));
    }
    let key = |object: &Value| ObjectKey {
        group: match object["kind"].as_str() {
            Some("ClusterVersion") => "config.openshift.io",
            Some("MachineConfigPool") => "machineconfiguration.openshift.io",
            _ => "",
        }
        .to_owned(),
        plural: match object["kind"].as_str() {
            Some("ClusterVersion") => "clusterversions",
            Some("MachineConfigPool") => "machineconfigpools",
            _ => "namespaces",
        }
        .to_owned(),
        namespace: String::new(),
        name: object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    objects
        .into_iter()
        .map(|object| (key(&object), object))
        .collect()
}
