/*!
Whether an object on a cluster does what it is for, judged by its status alone.

The rules are near to those of kstatus (sigs.k8s.io/cli-utils, `pkg/kstatus`), and less: a status that is older than the specification counts for nothing, and
what has no status to go by is healthy when it exists.
*/

mod conditions;
#[cfg(test)]
mod tests;
mod wait;
mod workloads;

use serde_json::Value;

pub use wait::{Target, Wait, until_healthy};

/// How an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Healthy,
    /// Not so far, and why.
    Unhealthy(String),
}

/// How an object is, as the API server shows it.
pub fn of(object: &Value) -> Health {
    match reason(object) {
        None => Health::Healthy,
        Some(reason) => Health::Unhealthy(reason),
    }
}

/// What an object lacks.
fn reason(object: &Value) -> Option<String> {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Some("it is being deleted".to_owned());
    }
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed < generation
    {
        return Some(format!(
            "generation {generation} has not been observed yet (observedGeneration {observed})"
        ));
    }
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, object["kind"].as_str().unwrap_or_default()) {
        ("apps", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps", "DaemonSet") => workloads::daemon_set(object),
        ("batch", "Job") => workloads::job(object),
        ("", "Pod") => workloads::pod(object),
        ("", "PersistentVolumeClaim") => workloads::phase(object, "Bound"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            conditions::required(object, "Established")
        }
        ("apiregistration.k8s.io", "APIService") => conditions::required(object, "Available"),
        ("operators.coreos.com", "ClusterServiceVersion") => workloads::phase(object, "Succeeded"),
        ("operators.coreos.com", "Subscription") => conditions::subscription(object),
        ("operators.coreos.com", "CatalogSource") => conditions::catalog_source(object),
        ("config.openshift.io", "ClusterOperator") => conditions::cluster_operator(object),
        ("machineconfiguration.openshift.io", "MachineConfigPool") => {
            conditions::machine_config_pool(object)
        }
        _ => conditions::generic(object),
    }
}
