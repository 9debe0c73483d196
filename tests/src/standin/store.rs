/*!
What one cluster holds, and how that changes: objects by place, the version of each, kinds that are still to come.
*/

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    apply::NOW,
    kinds::{self, DEFINITIONS, Kind},
    message::Route,
};

/// The most objects of a cluster; with the bound on bodies it bounds the memory.
const MOST: usize = 2_000;

/// One cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    pub number: usize,
    state: Mutex<State>,
    asked: AtomicU64,
}

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub group: String,
    pub plural: String,
    /// Empty for what has none.
    pub namespace: String,
    pub name: String,
}

#[derive(Debug)]
pub(super) struct State {
    pub objects: BTreeMap<Place, Value>,
    pub kinds: Vec<Kind>,
    /// How often each fault struck here.
    pub struck: Vec<u32>,
    /// The last `resourceVersion`.
    version: u64,
    pending: Vec<Pending>,
}

/// A definition that is not in force yet.
#[derive(Debug)]
struct Pending {
    place: Place,
    /// Counts requests down to its being established, and further down to its being served.
    established: u32,
    served: u32,
}

/// There is no room.
#[derive(Debug)]
pub(super) struct Full;

impl Cluster {
    /// One that looks as if OpenShift had been installed.
    pub fn new(number: usize) -> Self {
        let mut state = State {
            objects: BTreeMap::new(),
            kinds: kinds::initial(),
            struck: Vec::new(),
            version: 100,
            pending: Vec::new(),
        };
        for (place, object) in initial(number) {
            // They fit.
            state.put(place, object, 0).ok();
        }
        Self {
            number,
            state: Mutex::new(state),
            asked: AtomicU64::new(0),
        }
    }

    /// The number of the next request.
    pub fn next_request(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lies at a path, unseen.
    pub fn peek(&self, path: &str) -> Option<Value> {
        let state = self.state();
        let route = Route::parse(path, &state.kinds)?;
        state.objects.get(&route.place()?).cloned()
    }
}

impl State {
    /// Stores an object in its next version, as the server completes it.
    pub fn put(&mut self, place: Place, object: Value, crd_delay: u32) -> Result<Value, Full> {
        if self.objects.len() >= MOST && !self.objects.contains_key(&place) {
            return Err(Full);
        }
        let before = self.objects.get(&place).unwrap_or(&Value::Null);
        let mut object = completed(before, object, self.version + 1);
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let fresh = before.is_null();
        if place.plural == "namespaces" && place.group.is_empty() {
            object["status"]["phase"] = "Active".into();
        }
        let defines = place.plural == DEFINITIONS;
        if defines && fresh {
            object["status"] = established(crd_delay == 0);
        }
        self.objects.insert(place.clone(), object.clone());
        if defines && fresh {
            self.pending.push(Pending {
                place,
                established: crd_delay,
                served: crd_delay * 2,
            });
        }
        Ok(object)
    }

    /// A request goes by: definitions come into force.
    pub fn tick(&mut self) {
        for mut pending in std::mem::take(&mut self.pending) {
            if pending.established == 0
                && let Some(definition) = self.objects.get_mut(&pending.place)
            {
                definition["status"] = established(true);
            }
            if pending.served == 0 {
                let definition = self.objects.get(&pending.place);
                let kinds = definition.map(kinds::defined).unwrap_or_default();
                self.kinds.extend(kinds);
                continue;
            }
            pending.established = pending.established.saturating_sub(1);
            pending.served -= 1;
            self.pending.push(pending);
        }
    }
}

/// An object with what the server says of it: who it is, since when, and how often what it asks for changed.
pub(super) fn completed(before: &Value, mut object: Value, number: u64) -> Value {
    let old = &before["metadata"];
    let uid = old["uid"].as_str().map_or_else(
        || format!("00000000-0000-4000-9000-{number:012x}"),
        str::to_owned,
    );
    object["metadata"]["uid"] = uid.into();
    object["metadata"]["creationTimestamp"] = NOW.into();
    let has_generation = object.get("spec").is_some();
    if has_generation {
        let generation = old["generation"].as_u64().unwrap_or(0);
        let changed = before["spec"] != object["spec"];
        object["metadata"]["generation"] = (generation + u64::from(changed)).into();
    }
    object
}

fn established(yes: bool) -> Value {
    let condition = |kind: &str, yes: bool| {
        let status = if yes { "True" } else { "False" };
        json!({"type": kind, "status": status, "reason": "StandIn", "message": "", "lastTransitionTime": NOW})
    };
    json!({"conditions": [condition("NamesAccepted", true), condition("Established", yes)]})
}

/// Namespaces, what the cluster runs, and its pools of machines.
fn initial(number: usize) -> Vec<(Place, Value)> {
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
    let place = |object: &Value| Place {
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
        .map(|object| (place(&object), object))
        .collect()
}
