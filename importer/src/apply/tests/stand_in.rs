/*!
An API server as far as this module talks to one, in the process and without sockets: it keeps objects, knows managers, and
fails where a test says so. The real one is asked by the integration tests.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cluster::testing::{self, Body};
use cluster::{Cluster, ClusterError, Connection};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::{
    apply::{
        ApplyOptions, FIELD_MANAGER, converge,
        manifests::{Manifest, Manifests},
        outcome::{Action, Applied},
        plan::ApplyPlan,
        preflight::Preflight,
    },
    fleet::Overlays,
    rollout::ClusterOutcome,
};

pub(super) type Tested = Result<(), Box<dyn std::error::Error>>;

/// A namespace, a kind, and what rests on them, in the wrong order.
pub(super) const ALL: &str = "
{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {name: mirrors}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: plain, namespace: shop}, data: {a: '1'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: signature, namespace: shop, labels: {release.openshift.io/verification-signatures: ''}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: imagedigestmirrorsets.config.openshift.io}
spec:
  group: config.openshift.io
  names: {kind: ImageDigestMirrorSet, plural: imagedigestmirrorsets}
  versions: [{name: v1, served: true}]
";

/// Two objects that rest on nothing.
pub(super) const TWO: &str = "
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: '1'}}
";

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// An answer without sense in it.
    Status(u16),
    /// The connection breaks after the server did what it was asked.
    CutAfter,
    /// No answer ever.
    Hang,
}

/// A request on record: `PATCH /api/v1/namespaces/a?…`.
pub(super) type Asked = String;

#[derive(Debug, Clone, Default)]
pub(super) struct StandIn(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// By path.
    pub objects: BTreeMap<String, Value>,
    /// Kinds and their plurals by path: `/api/v1`. Plurals that begin with `+` are of kinds in no namespace.
    pub kinds: BTreeMap<String, Vec<(String, String)>>,
    pub asked: Vec<Asked>,
    /// What goes wrong with the next requests of which a record contains this.
    pub faults: Vec<(String, Fault)>,
    /// `patch configmaps`.
    pub forbidden: BTreeSet<String>,
    /// How often a CustomResourceDefinition is read before it is established.
    pub reads_until_established: u32,
    /// Whether namespaces are being deleted.
    pub terminating: bool,
    clock: u32,
}

impl StandIn {
    /// One with namespaces, ConfigMaps and CustomResourceDefinitions, and the namespace `default`.
    pub(super) fn new() -> Self {
        let stand_in = Self::default();
        let mut state = stand_in.state();
        let mut serve = |path: &str, kinds: &[(&str, &str)]| {
            let kinds = kinds
                .iter()
                .map(|(kind, plural)| ((*kind).to_owned(), (*plural).to_owned()));
            state.kinds.insert(path.to_owned(), kinds.collect());
        };
        serve(
            "/api/v1",
            &[("ConfigMap", "configmaps"), ("Namespace", "+namespaces")],
        );
        serve(
            "/apis/apiextensions.k8s.io/v1",
            &[("CustomResourceDefinition", "+customresourcedefinitions")],
        );
        state
            .objects
            .insert("/api/v1/namespaces/default".to_owned(), json!({}));
        drop(state);
        stand_in
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next request whose record contains this go wrong, after those that were named before.
    pub(super) fn fail(&self, record: &str, fault: Fault) {
        self.state().faults.push((record.to_owned(), fault));
    }

    /// The records that contain this.
    pub(super) fn asked(&self, record: &str) -> Vec<Asked> {
        let state = self.state();
        state
            .asked
            .iter()
            .filter(|asked| asked.contains(record))
            .cloned()
            .collect()
    }

    /// Those that changed something.
    pub(super) fn writes(&self) -> Vec<Asked> {
        let patches = self.asked("PATCH").into_iter();
        patches.filter(|asked| !asked.contains("dryRun")).collect()
    }

    pub(super) fn connection(&self) -> Connection {
        let own = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let own = own.clone();
            async move { own.answer(request).await }
        });
        testing::connection(service, "https://stand.in:6443")
    }

    pub(super) async fn preflight(
        &self,
        manifests: &[Manifest],
        options: &ApplyOptions,
    ) -> Result<Preflight<'static>, ClusterError> {
        self.preflight_of(&testing::cluster(), manifests, options)
            .await
    }

    /// The preflight of a cluster with other properties.
    pub(super) async fn preflight_of(
        &self,
        cluster: &Cluster,
        manifests: &[Manifest],
        options: &ApplyOptions,
    ) -> Result<Preflight<'static>, ClusterError> {
        let manifests = Manifests::of(manifests.to_vec());
        let task = ApplyPlan {
            manifests: &manifests,
            overlays: &Overlays::default(),
            releases: &[],
            backup: None,
            inventory: None,
            options,
        };
        let found = task.preflight_over(self.connection(), cluster).await?;
        Ok(Preflight {
            site: found.site,
            connection: found.connection,
            serves: found.serves,
            manifests: found.manifests.into_owned().into(),
            objects: found.objects,
            diffs: found.diffs,
        })
    }

    /// Preflight and apply.
    pub(super) async fn run(
        &self,
        manifests: &[Manifest],
        options: &ApplyOptions,
    ) -> Result<ClusterOutcome<Applied>, ClusterError> {
        let preflight = self.preflight(manifests, options).await?;
        Ok(converge::apply(&testing::cluster(), &preflight, options, &|_| {}, &|_| {}).await)
    }

    async fn answer(&self, request: Request<Body>) -> io::Result<Response<Full<bytes::Bytes>>> {
        let record = format!("{} {}", request.method(), request.uri());
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (status, body, fault) = {
            let mut state = self.state();
            let fault = state
                .faults
                .iter()
                .position(|(part, _)| record.contains(part));
            let fault = fault.map(|index| state.faults.remove(index).1);
            state.asked.push(record.clone());
            let (status, body) = match fault {
                Some(Fault::Status(status)) => (status, json!({})),
                Some(Fault::Hang) => (0, json!({})),
                Some(Fault::CutAfter) | None => state.serve(&record, body),
            };
            (status, body, fault)
        };
        match fault {
            Some(Fault::CutAfter) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(Fault::Hang) => std::future::pending().await,
            _ => {}
        }
        let response = Response::builder()
            .status(status)
            .body(Full::from(body.to_string()));
        response.map_err(io::Error::other)
    }
}

impl State {
    fn serve(&mut self, record: &str, body: Value) -> (u16, Value) {
        let (method, uri) = record.split_once(' ').unwrap_or_default();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if method == "POST" {
            let asked = |key: &str| {
                body.pointer(&format!("/spec/resourceAttributes/{key}"))
                    .and_then(Value::as_str)
            };
            let action = format!(
                "{} {}",
                asked("verb").unwrap_or_default(),
                asked("resource").unwrap_or_default()
            );
            let allowed = !self.forbidden.contains(&action);
            return (201, json!({"status": {"allowed": allowed}}));
        }
        if method == "GET" {
            return self.read(path);
        }
        let namespace = path
            .split("/namespaces/")
            .nth(1)
            .and_then(|rest| rest.split_once('/'));
        if let Some((namespace, _)) = namespace
            && !self
                .objects
                .contains_key(&format!("/api/v1/namespaces/{namespace}"))
        {
            let message = format!("namespaces \"{namespace}\" not found");
            return (
                404,
                json!({"message": message, "details": {"kind": "namespaces"}}),
            );
        }
        self.patch(
            path,
            body,
            query.contains("force=true"),
            query.contains("dryRun"),
        )
    }

    fn read(&mut self, path: &str) -> (u16, Value) {
        if let Some(kinds) = self.kinds.get(path) {
            let listed = kinds.iter().map(|(kind, plural)| {
                let name = plural.trim_start_matches('+');
                json!({"kind": kind, "name": name, "namespaced": name == plural})
            });
            return (200, json!({"resources": listed.collect::<Vec<_>>()}));
        }
        let pending = self.reads_until_established;
        match self.objects.get_mut(path) {
            None => (404, json!({})),
            Some(crd) if path.contains("customresourcedefinitions") && pending > 0 => {
                self.reads_until_established -= 1;
                (200, crd.clone())
            }
            Some(object) => {
                let found = object.clone();
                if path.contains("customresourcedefinitions") {
                    object["status"] =
                        json!({"conditions": [{"type": "Established", "status": "True"}]});
                    self.serve_kind(&found);
                }
                (200, self.objects.get(path).cloned().unwrap_or_default())
            }
        }
    }

    fn serve_kind(&mut self, crd: &Value) {
        let text = |pointer: &str| {
            crd.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let path = format!(
            "/apis/{}/{}",
            text("/spec/group"),
            text("/spec/versions/0/name")
        );
        let kind = (
            text("/spec/names/kind"),
            format!("+{}", text("/spec/names/plural")),
        );
        self.kinds.insert(path, vec![kind]);
    }

    /// An object has one manager, and it holds `data` as a whole.
    fn patch(&mut self, path: &str, mut wanted: Value, force: bool, dry_run: bool) -> (u16, Value) {
        self.clock += 1;
        let there = self.objects.get(path);
        let manager = there
            .and_then(|there| there.pointer("/metadata/managedFields/0/manager"))
            .and_then(Value::as_str);
        let differs = there.is_some_and(|there| there.get("data") != wanted.get("data"));
        if let Some(other) = manager.filter(|other| *other != FIELD_MANAGER && differs && !force) {
            let message = format!("conflict with \"{other}\" using v1");
            let cause =
                json!({"reason": "FieldManagerConflict", "message": message, "field": ".data"});
            return (
                409,
                json!({"message": "Apply failed", "details": {"causes": [cause]}}),
            );
        }
        if let Some(status) = there.and_then(|there| there.get("status")) {
            wanted["status"] = status.clone();
        }
        if wanted.get("kind") == Some(&json!("Namespace")) {
            let phase = if self.terminating {
                "Terminating"
            } else {
                "Active"
            };
            wanted["status"] = json!({"phase": phase});
        }
        wanted["metadata"]["resourceVersion"] = json!(self.clock.to_string());
        wanted["metadata"]["managedFields"] =
            json!([{"manager": FIELD_MANAGER, "time": self.clock.to_string()}]);
        let status = if there.is_some() { 200 } else { 201 };
        if !dry_run {
            self.objects.insert(path.to_owned(), wanted.clone());
        }
        (status, wanted)
    }
}

pub(super) fn options() -> ApplyOptions {
    ApplyOptions {
        dry_run: false,
        overwrite: false,
        backed_up: false,
        diff: false,
        request_timeout: std::time::Duration::from_secs(5),
        cluster_timeout: std::time::Duration::from_secs(20),
        wait: crate::health::Wait::Applied,
        health_timeout: std::time::Duration::from_secs(20),
    }
}

/// The manifests of YAML documents, in the order in which they are applied.
pub(super) fn manifests(text: &str) -> Result<Vec<Manifest>, Box<dyn std::error::Error>> {
    let all = Manifest::read("config/all.yaml", format!("---{text}").as_bytes())?;
    Ok(Manifests::of(all).all().to_vec())
}

/// `ConfigMap a` or so, and what became of it.
pub(super) fn actions(outcome: &ClusterOutcome<Applied>) -> Vec<(String, Action)> {
    let objects = outcome.detail.objects.iter();
    objects
        .map(|object| (format!("{} {}", object.kind, object.name), object.action))
        .collect()
}
