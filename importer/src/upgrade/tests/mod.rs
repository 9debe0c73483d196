/*! Clusters as they describe themselves, and a fake one that goes through an upgrade in virtual time. */

mod follow;
mod guards;
mod observed;
mod trouble;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cluster::{CLUSTER_VERSION, Session, testing};
use fakes::{
    FakeCluster, LoggedRequest,
    kubernetes::{ResourceType, Scripted},
};
use schema::Digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Limits, UpgradeDetail, UpgradeRequest, UpgradeTask, request::PinnedImage};
use crate::rollout::{ClusterOutcome, State};

/// The release that is asked for, at the registry inside.
pub const WANTED: &str = "registry.inside:5000/ocp/openshift/release-images@sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// The same release as an update service names it.
pub const OFFERED: &str = "quay.io/openshift-release-dev/ocp-release@sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// The release that the cluster is at.
pub const CURRENT: &str = "quay.io/openshift-release-dev/ocp-release@sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// What machine config pools are called in paths.
pub const POOLS: &str = "machineconfigpools";

pub type Tested = Result<(), Box<dyn std::error::Error>>;

pub fn request() -> Result<UpgradeRequest, Box<dyn std::error::Error>> {
    Ok(UpgradeRequest {
        image: WANTED.parse()?,
        version: Some("4.14.20".to_owned()),
        allow_upgrade_with_warnings: false,
        allow_not_recommended: false,
        force: false,
        dry_run: false,
    })
}

pub fn image() -> Result<PinnedImage, Box<dyn std::error::Error>> {
    Ok(WANTED.parse()?)
}

/// An idle cluster at 4.14.10.
pub fn idle() -> Value {
    json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ClusterVersion",
        "metadata": { "name": "version", "generation": 4, "uid": "7c8b9c8e-0a3d-4f8e-9d57-3b8e7a1f2b60" },
        "spec": { "channel": "stable-4.14", "clusterID": "4a1c9a0e-52a1-4c7c-8f0b-2f5b8c3a9e11" },
        "status": {
            "desired": { "version": "4.14.10", "image": CURRENT, "channels": ["stable-4.14"] },
            "observedGeneration": 4,
            "availableUpdates": null,
            "conditions": [
                { "type": "Available", "status": "True", "message": "Done applying 4.14.10" },
                { "type": "Failing", "status": "False" },
                { "type": "Progressing", "status": "False", "message": "Cluster version is 4.14.10" },
                { "type": "ReleaseAccepted", "status": "True", "reason": "PayloadLoaded", "message": "Payload loaded version=\"4.14.10\"" },
                { "type": "RetrievedUpdates", "status": "False", "reason": "RemoteFailed", "message": "Unable to retrieve available updates" },
                { "type": "Upgradeable", "status": "True" }
            ],
            "history": [
                { "state": "Completed", "version": "4.14.10", "image": CURRENT, "verified": true },
                { "state": "Completed", "version": "4.14.1", "image": format!("quay.io/x/y@{}", Digest::of(b"4.14.1")), "verified": false }
            ]
        }
    })
}

/// The cluster once it was asked, and has not taken the release yet.
pub fn asked() -> Value {
    let mut cluster = idle();
    cluster["spec"]["desiredUpdate"] =
        json!({ "architecture": "", "version": "", "image": WANTED, "force": false });
    cluster
}

/// The cluster on its way.
pub fn underway(message: &str) -> Value {
    let mut cluster = asked();
    cluster["status"]["desired"] = json!({ "version": "4.14.20", "image": WANTED });
    let newest =
        json!({ "state": "Partial", "version": "4.14.20", "image": WANTED, "verified": true });
    if let Some(history) = cluster["status"]["history"].as_array_mut() {
        history.insert(0, newest);
    }
    set(cluster, "Progressing", "True", "", message)
}

/// The cluster whose operators are done.
pub fn arrived() -> Value {
    let mut cluster = underway("");
    cluster["status"]["history"][0]["state"] = json!("Completed");
    set(
        cluster,
        "Progressing",
        "False",
        "",
        "Cluster version is 4.14.20",
    )
}

/// The object with a condition put in the place of the one of its type.
pub fn set(mut object: Value, kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let condition = json!({ "type": kind, "status": status, "reason": reason, "message": message });
    if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
        conditions.retain(|other| other["type"] != kind);
        conditions.push(condition);
    }
    object
}

/// A machine config pool of three nodes, so many of them updated.
pub fn pool(name: &str, updated: u64) -> Value {
    let all = updated == 3;
    let status = |yes: bool| if yes { "True" } else { "False" };
    json!({
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfigPool",
        "metadata": { "name": name, "generation": 3 },
        "spec": { "paused": false, "configuration": { "name": format!("rendered-{name}-new") } },
        "status": {
            "configuration": { "name": format!("rendered-{name}-{}", if all { "new" } else { "old" }) },
            "machineCount": 3,
            "updatedMachineCount": updated,
            "conditions": [
                { "type": "Degraded", "status": "False" },
                { "type": "Updated", "status": status(all) },
                { "type": "Updating", "status": status(!all) }
            ]
        }
    })
}

/// What the API server has to say at a time.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The ClusterVersion, and the pools; without any, their API is not served.
    Up(Value, Vec<Value>),
    /// The connection breaks.
    Down,
    /// No answer comes.
    Hangs,
    /// Only this HTTP status.
    Status(u16),
}

/// A cluster in virtual time. Until it is patched it is as it was before; `after` gets the seconds since the patch.
pub fn upgrading(
    before: Answer,
    after: impl Fn(u64) -> Answer + Send + Sync + 'static,
) -> FakeCluster {
    let fake = FakeCluster::new();
    let patched = Mutex::new(None::<Instant>);
    fake.script(move |fake, request| {
        let mut patched = patched.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match *patched {
            None => before.clone(),
            Some(since) => after(since.elapsed().as_secs()),
        };
        match answer {
            Answer::Up(version, pools) => {
                if request.method == "PATCH" && !request.is_dry_run() {
                    *patched = Some(Instant::now());
                }
                let placed = place(fake, version, pools).err();
                placed.map(|error| Scripted::Reply(500, status(500, &error.to_string())))
            }
            Answer::Down => Some(Scripted::Break),
            Answer::Hangs => Some(Scripted::Hang),
            Answer::Status(code) => {
                Some(Scripted::Reply(code, status(code, "the scripted reason")))
            }
        }
    });
    fake
}

/// Puts the cluster into a state.
fn place(
    fake: &FakeCluster,
    version: Value,
    pools: Vec<Value>,
) -> Result<(), Box<dyn std::error::Error>> {
    fake.put(CLUSTER_VERSION, version)?;
    fake.withdraw(POOLS);
    if !pools.is_empty() {
        fake.serve(ResourceType {
            group: "machineconfiguration.openshift.io".to_owned(),
            version: "v1".to_owned(),
            plural: POOLS.to_owned(),
            kind: "MachineConfigPool".to_owned(),
            namespaced: false,
            custom: true,
        });
    }
    for pool in pools {
        let name = pool["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/apis/machineconfiguration.openshift.io/v1/{POOLS}/{name}");
        fake.put(&path, pool)?;
    }
    Ok(())
}

fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "", "code": code })
}

/// How the tool speaks to it.
pub fn session(fake: &FakeCluster) -> Session {
    let connection = testing::connection(fake.clone(), "https://east:6443");
    testing::session(&connection, Duration::from_secs(30)).patient()
}

/// Every patch that was sent to it, dry runs too.
pub fn patches(fake: &FakeCluster) -> Vec<LoggedRequest> {
    let requests = fake.requests().into_iter();
    requests
        .filter(|request| request.method == "PATCH")
        .collect()
}

/// An upgrade to [`WANTED`] that is watched to its end.
pub fn task(limits: &Limits) -> Result<UpgradeTask, Box<dyn std::error::Error>> {
    Ok(UpgradeTask {
        request: request()?,
        proof: None,
        wait: Some(limits.clone()),
        request_timeout: Duration::from_secs(30),
        look_timeout: Duration::from_secs(60),
    })
}

/// Upgrades a cluster to the end; what became of it, and what was shown meanwhile.
pub async fn upgraded(
    fake: &FakeCluster,
    limits: &Limits,
) -> Result<(ClusterOutcome<UpgradeDetail>, Vec<String>), Box<dyn std::error::Error>> {
    let shown = Mutex::new(Vec::new());
    let show = |line| {
        if let Ok(mut shown) = shown.lock() {
            shown.push(line);
        }
    };
    let task = task(limits)?;
    let outcome = ClusterOutcome::new(&testing::cluster(), State::Done, None);
    let upgrade = task.upgrade(&session(fake), &show, outcome).await;
    Ok((upgrade, shown.into_inner()?))
}

/// An idle cluster with all nodes updated.
pub fn before() -> Answer {
    Answer::Up(idle(), vec![pool("master", 3), pool("worker", 3)])
}

/// The ClusterVersion, with all nodes updated.
pub fn up(version: Value) -> Answer {
    Answer::Up(version, vec![pool("master", 3), pool("worker", 3)])
}
