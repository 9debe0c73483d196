/*!
A Kubernetes API server that looks like OpenShift from afar: one cluster, called in the process.

It takes what an importer sends: discovery, reviews of access, server-side apply with owners of fields and conflicts,
merge patches. It is a [`tower::Service`] of HTTP requests, so a client needs no socket to reach it; [`FakeFleet`] puts
hundreds of them behind one. What it answers is held against a real one in the package `tests`.

```
# fn main() -> anyhow::Result<()> {
use fakes::{Action, FakeCluster, Fault};
use serde_json::json;

let cluster = FakeCluster::new();
let path = "/api/v1/namespaces/default/configmaps/shop";
cluster.put(path, json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}))?;
cluster.fault(Fault::any("dryRun").does(Action::status(503)).times(1));
assert_eq!(cluster.get(path).map(|map| map["data"].clone()), Some(json!({"a": "1"})));
assert!(cluster.lines("PATCH").is_empty());
# Ok(())
# }
```
*/

mod api;
mod apply;
mod fields;
mod fleet;
mod initial;
mod namespaces;
mod resources;
mod response;
mod route;
mod service;
mod store;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    faults::{Fault, Faults, Script},
    log::{Log, LoggedRequest, Summary},
};

use route::Route;
use store::{ObjectKey, State};

pub use fleet::FakeFleet;
pub use resources::ResourceType;
pub use route::ApiRequest;

/// A cluster; clones are the same one.
#[derive(Debug, Clone)]
pub struct FakeCluster(Arc<Inner>);

struct Inner {
    number: usize,
    /// The one token that is taken; without one, nobody has to show any.
    token: Option<String>,
    keeps_bodies: bool,
    state: Mutex<State>,
    establish_after: AtomicU32,
    faults: Arc<Script>,
    log: Arc<Log>,
    script: Mutex<Option<Arc<ScriptFn>>>,
}

type ScriptFn = dyn Fn(&FakeCluster, &ApiRequest) -> Option<Scripted> + Send + Sync;

/// What a test's own script does in place of a cluster.
#[derive(Debug)]
pub enum Scripted {
    /// Break the connection.
    Break,
    /// Never answer.
    Hang,
    /// Answer this JSON with a status.
    Reply(u16, Value),
}

impl FakeCluster {
    /// One that looks as if OpenShift 4.16.3 had been installed.
    pub fn new() -> Self {
        Self::of(0, None, true, Arc::default(), Arc::default())
    }

    /// One with Kubernetes' own types and namespaces alone.
    pub fn kubernetes() -> Self {
        let cluster = Self::new();
        cluster.state().forget_openshift();
        cluster
    }

    fn of(
        number: usize,
        token: Option<String>,
        keeps_bodies: bool,
        faults: Arc<Script>,
        log: Arc<Log>,
    ) -> Self {
        let mut state = State::new();
        for (key, object) in initial::objects(number) {
            // They fit.
            state.put(key, object, 0).ok();
        }
        Self(Arc::new(Inner {
            number,
            token,
            keeps_bodies,
            state: Mutex::new(state),
            establish_after: AtomicU32::new(0),
            faults,
            log,
            script: Mutex::default(),
        }))
    }

    /// Serves another type of resources from now on.
    pub fn serve(&self, resource: ResourceType) {
        self.state().resources.push(resource);
    }

    /// Serves resources of this plural no longer; their objects are gone.
    pub fn withdraw(&self, plural: &str) {
        let state = &mut *self.state();
        state.resources.retain(|resource| resource.plural != plural);
        state.objects.retain(|key, _| key.plural != plural);
    }

    /// A new CustomResourceDefinition is established after so many requests, and served after as many more.
    pub fn establish_after(&self, requests: u32) {
        self.0.establish_after.store(requests, Ordering::Relaxed);
    }

    /// What lies at a path such as `/api/v1/namespaces/NAMESPACE/configmaps/NAME`, unseen by the log.
    pub fn get(&self, path: &str) -> Option<Value> {
        let state = self.state();
        let key = Route::parse(path, &state.resources)?.key()?;
        state.objects.get(&key).cloned()
    }

    /// Places an object, unseen by the log and owned by nobody; its name and namespace are those of the path.
    pub fn put(&self, path: &str, object: Value) -> Result<()> {
        let (key, _) = self.key(path)?;
        self.store(key, object)
    }

    /// Places an object as if this manager had applied it.
    pub fn put_as(&self, manager: &str, path: &str, object: Value) -> Result<()> {
        let (key, custom) = self.key(path)?;
        let request = apply::Request {
            manager,
            force: true,
            custom,
        };
        let live = self.get(path).unwrap_or_default();
        let object = apply::apply(&live, &object, request)
            .map_err(|conflicts| anyhow::anyhow!("forced, and yet {conflicts:?}"))?;
        self.store(key, object)
    }

    /// Takes an object away.
    pub fn remove(&self, path: &str) -> Result<()> {
        let (key, _) = self.key(path)?;
        self.state().objects.remove(&key);
        Ok(())
    }

    fn key(&self, path: &str) -> Result<(ObjectKey, bool)> {
        let route = Route::parse(path, &self.state().resources);
        let route = route.with_context(|| format!("the fake cluster serves no {path}"))?;
        let key = route.key();
        let key = key.with_context(|| format!("{path} names no object"))?;
        Ok((key, route.resource.custom))
    }

    fn store(&self, key: ObjectKey, mut object: Value) -> Result<()> {
        object["metadata"]["name"] = key.name.as_str().into();
        if !key.namespace.is_empty() {
            object["metadata"]["namespace"] = key.namespace.as_str().into();
        }
        let stored = self.state().put(key, object, 0);
        stored.ok().context("the fake cluster is full")?;
        Ok(())
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.0.faults.add(fault);
    }

    /// Replaces all faults; what hangs hangs on.
    pub fn set_faults(&self, faults: Faults) {
        self.0.faults.set(faults);
    }

    /// How many faults are still to strike.
    pub fn faults_left(&self) -> usize {
        self.0.faults.left()
    }

    /// Lets a script answer, or change the cluster, before the cluster answers; it does what the script leaves.
    pub fn script(
        &self,
        script: impl Fn(&Self, &ApiRequest) -> Option<Scripted> + Send + Sync + 'static,
    ) {
        let mut place = self.0.script.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(script));
    }

    /// The requests so far in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.0.log.all()
    }

    /// The lines `METHOD /path?query` of requests so far that contain a text.
    pub fn lines(&self, part: &str) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .map(|request| request.line())
            .filter(|line| line.contains(part))
            .collect()
    }

    /// The requests so far that were to change something.
    pub fn writes(&self) -> Vec<LoggedRequest> {
        let requests = self.requests().into_iter();
        requests.filter(LoggedRequest::is_write).collect()
    }

    /// The numbers of all requests.
    pub fn summary(&self) -> Summary {
        self.0.log.summary()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cluster {}", self.number)
    }
}
