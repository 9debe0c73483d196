/*! Clusters as they describe themselves, and an API server that goes through an upgrade in virtual time. */

mod follow;
mod guards;
mod observed;
mod trouble;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cluster::{
    Session,
    testing::{self, Body},
};
use http::{Method, Request, Response};
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
    /// The connection is refused.
    Down,
    /// No answer comes.
    Hangs,
    /// Only this HTTP status.
    Status(u16),
}

/// A cluster in virtual time. Until it is patched it is as it was before.
pub struct Cluster {
    before: Answer,
    after: Box<dyn Fn(u64) -> Answer + Send + Sync>,
    patched: Mutex<Option<Instant>>,
    /// Whether machine config pools may not be read.
    pub pools_forbidden: AtomicBool,
    /// Requests that are refused with 503 before any is answered.
    pub flaky: AtomicUsize,
    /// Every patch: its query, its content type, and itself.
    pub patches: Mutex<Vec<(String, String, Value)>>,
}

impl Cluster {
    /// `after` gets the seconds since the patch.
    pub fn new(before: Answer, after: impl Fn(u64) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            before,
            after: Box::new(after),
            patched: Mutex::default(),
            pools_forbidden: AtomicBool::default(),
            flaky: AtomicUsize::default(),
            patches: Mutex::default(),
        })
    }

    pub fn session(self: &Arc<Self>) -> Session {
        let cluster = Arc::clone(self);
        let service = tower::service_fn(move |request| Arc::clone(&cluster).answer(request));
        let connection = testing::connection(service, "https://stand.in:6443");
        testing::session(&connection, Duration::from_secs(30)).patient()
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> std::io::Result<Response<Body>> {
        let locked = |_| std::io::Error::other("poisoned");
        let fewer = |left: usize| left.checked_sub(1);
        if (self
            .flaky
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer))
        .is_ok()
        {
            return reply(503, &status(503));
        }
        let (parts, body) = request.into_parts();
        let since = *self.patched.lock().map_err(|_| locked(()))?;
        let answer = match since {
            None => self.before.clone(),
            Some(since) => (self.after)(since.elapsed().as_secs()),
        };
        let (version, pools) = match answer {
            Answer::Up(version, pools) => (version, pools),
            Answer::Down => return Err(std::io::ErrorKind::ConnectionRefused.into()),
            Answer::Hangs => std::future::pending().await,
            Answer::Status(code) => return reply(code, &status(code)),
        };
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/apis/config.openshift.io/v1/clusterversions/version") => {
                reply(200, &version)
            }
            (&Method::PATCH, "/apis/config.openshift.io/v1/clusterversions/version") => {
                let bytes = body.collect_bytes().await.map_err(std::io::Error::other)?;
                let query = parts.uri.query().unwrap_or("").to_owned();
                let kind = parts.headers.get("content-type");
                let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
                let patch = serde_json::from_slice(&bytes)?;
                if !query.contains("dryRun") {
                    *self.patched.lock().map_err(|_| locked(()))? = Some(Instant::now());
                }
                let mut patches = self.patches.lock().map_err(|_| locked(()))?;
                patches.push((query, kind.to_owned(), patch));
                reply(200, &version)
            }
            (&Method::GET, "/apis/machineconfiguration.openshift.io/v1/machineconfigpools")
                if self.pools_forbidden.load(Ordering::Relaxed) =>
            {
                reply(403, &status(403))
            }
            (&Method::GET, "/apis/machineconfiguration.openshift.io/v1/machineconfigpools")
                if !pools.is_empty() =>
            {
                let list =
                    json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": pools });
                reply(200, &list)
            }
            _ => reply(404, &status(404)),
        }
    }
}

fn status(code: u16) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "the scripted reason", "reason": "", "code": code })
}

fn reply(code: u16, body: &Value) -> std::io::Result<Response<Body>> {
    let response = Response::builder().status(code);
    let body = Body::from(body.to_string().into_bytes());
    response.body(body).map_err(std::io::Error::other)
}

/// An upgrade to [`WANTED`] that is watched to its end.
pub fn task(limits: &Limits) -> Result<UpgradeTask, Box<dyn std::error::Error>> {
    Ok(UpgradeTask {
        request: request()?,
        wait: Some(limits.clone()),
        request_timeout: Duration::from_secs(30),
        look_timeout: Duration::from_secs(60),
    })
}

/// Upgrades a cluster to the end; what became of it, and what was shown meanwhile.
pub async fn upgraded(
    cluster: &Arc<Cluster>,
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
    let upgrade = task.upgrade(&cluster.session(), &show, outcome).await;
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
