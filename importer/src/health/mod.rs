/*!
Whether an object on a cluster does what it is for, judged by its status alone.

The rules are those of kstatus (sigs.k8s.io/cli-utils, `pkg/kstatus/status`), and more where that waits for less than people mean: a Job must
complete, a Pod must not have failed, a load balancer must have an address. OLM's and OpenShift's kinds have rules of their own.

```text
object → check → Ok, or what it lacks → wait
```
*/

mod conditions;
mod gate;
mod nodes;
mod openshift;
mod pods;
#[cfg(test)]
mod tests;
mod wait;
mod workloads;

use serde_json::Value;

pub use gate::Gate;
pub use wait::{Target, Wait};

/// What an object lacks, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It may come by itself.
    Underway(String),
    /// It does not come any more unless somebody acts.
    Failed(String),
}

/// Whether an object is as it should be.
pub type Health = Result<(), Lack>;

impl Lack {
    /// In words.
    pub fn reason(&self) -> &str {
        let (Self::Underway(reason) | Self::Failed(reason)) = self;
        reason
    }
}

fn underway<T>(reason: impl Into<String>) -> Result<T, Lack> {
    Err(Lack::Underway(reason.into()))
}

fn failed<T>(reason: impl Into<String>) -> Result<T, Lack> {
    Err(Lack::Failed(reason.into()))
}

/// How an object is, as the API server shows it.
pub fn check(object: &Value) -> Health {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return underway("it is being deleted");
    }
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed != generation
    {
        return underway(format!(
            "generation {generation} has not been observed yet (observedGeneration {observed})"
        ));
    }
    conditions::standard(object)?;
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, object["kind"].as_str().unwrap_or_default()) {
        ("apps", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps", "DaemonSet") => workloads::daemon_set(object),
        ("apps", "ReplicaSet") => workloads::replica_set(object),
        ("policy", "PodDisruptionBudget") => workloads::observed(object),
        ("batch", "Job") => pods::job(object),
        ("", "Pod") => pods::pod(object),
        ("", "PersistentVolumeClaim") => pods::volume_claim(object),
        ("", "Service") => pods::service(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => conditions::definition(object),
        ("apiregistration.k8s.io", "APIService") => conditions::required(object, "Available"),
        ("operators.coreos.com", "ClusterServiceVersion") => openshift::service_version(object),
        ("operators.coreos.com", "Subscription") => openshift::subscription(object),
        ("operators.coreos.com", "InstallPlan") => openshift::install_plan(object),
        ("operators.coreos.com", "CatalogSource") => openshift::catalog_source(object),
        ("config.openshift.io", "ClusterOperator") => openshift::cluster_operator(object),
        ("machineconfiguration.openshift.io", "MachineConfigPool") => openshift::pool(object),
        _ => conditions::ready(object),
    }
}

/// Whether what the status says may be about an earlier specification: it names no generation.
fn may_be_stale(object: &Value) -> bool {
    let status = &object["status"];
    !object["metadata"]["generation"].is_null()
        && status.as_object().is_some_and(|status| !status.is_empty())
        && status["observedGeneration"].is_null()
}
