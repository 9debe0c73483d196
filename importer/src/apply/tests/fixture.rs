/*! Manifests, options, and the way of one fake cluster from preflight to outcome. */

use std::time::Duration;

use cluster::{Cluster, ClusterError, Connection, testing};
use fakes::{FakeCluster, LoggedRequest};

use crate::{
    apply::{
        ApplyOptions, converge,
        manifests::{Manifest, Manifests},
        object::Recreate,
        outcome::{Action, Applied},
        plan::ApplyPlan,
        preflight::Preflight,
    },
    fleet::Overlays,
    health::Wait,
    rollout::{Clock, ClusterOutcome},
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
  scope: Cluster
  versions: [{name: v1, served: true}]
";

/// The objects of [`ALL`] in the order in which they are applied.
pub(super) const ALL_NAMES: [&str; 5] = [
    "Namespace shop",
    "CustomResourceDefinition imagedigestmirrorsets.config.openshift.io",
    "ConfigMap signature",
    "ConfigMap plain",
    "ImageDigestMirrorSet mirrors",
];

/// Two objects that rest on nothing.
pub(super) const TWO: &str = "
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: '1'}}
";

/// The objects of [`TWO`].
pub(super) const TWO_NAMES: [&str; 2] = ["ConfigMap a", "ConfigMap b"];

/// Where the first of [`TWO`] lies.
pub(super) const FIRST: &str = "/api/v1/namespaces/default/configmaps/a";

pub(super) fn options() -> ApplyOptions {
    ApplyOptions {
        dry_run: false,
        overwrite: false,
        backed_up: false,
        recreate: Recreate::default(),
        diff: false,
        request_timeout: Duration::from_secs(5),
        cluster_timeout: Duration::from_secs(20),
        wait: Wait::Applied,
        health_timeout: Duration::from_secs(20),
    }
}

/// The manifests of YAML documents, in the order in which they are applied.
pub(super) fn manifests(text: &str) -> Result<Vec<Manifest>, Box<dyn std::error::Error>> {
    let all = Manifest::read("config/all.yaml", format!("---{text}").as_bytes())?;
    Ok(Manifests::of(all).all().to_vec())
}

fn connection(server: &FakeCluster) -> Connection {
    testing::connection(server.clone(), "https://east:6443")
}

pub(super) async fn preflight(
    server: &FakeCluster,
    manifests: &[Manifest],
    options: &ApplyOptions,
) -> Result<Preflight<'static>, ClusterError> {
    preflight_of(server, &testing::cluster(), manifests, options).await
}

/// The preflight of a cluster with other properties.
pub(super) async fn preflight_of(
    server: &FakeCluster,
    cluster: &Cluster,
    manifests: &[Manifest],
    options: &ApplyOptions,
) -> Result<Preflight<'static>, ClusterError> {
    let manifests = Manifests::of(manifests.to_vec());
    let task = ApplyPlan {
        proof: None,
        manifests: &manifests,
        overlays: &Overlays::default(),
        releases: &[],
        backup: None,
        inventory: None,
        waves: &[],
        options,
    };
    let found = task.preflight_over(connection(server), cluster).await?;
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
    server: &FakeCluster,
    manifests: &[Manifest],
    options: &ApplyOptions,
) -> Result<ClusterOutcome<Applied>, ClusterError> {
    let preflight = preflight(server, manifests, options).await?;
    Ok(converged(&preflight, options).await)
}

/// What comes of a turn after this preflight.
pub(super) async fn converged(
    preflight: &Preflight<'_>,
    options: &ApplyOptions,
) -> ClusterOutcome<Applied> {
    let (cluster, mut clock) = (testing::cluster(), Clock::start(options.cluster_timeout));
    converge::apply(&cluster, preflight, options, &mut clock, &|_| {}, &|_| {}).await
}

/// The paths that were written to, in order.
pub(super) fn written(server: &FakeCluster) -> Vec<String> {
    let writes = server.writes().into_iter();
    writes.map(|LoggedRequest { path, .. }| path).collect()
}

/// `ConfigMap a` or so, and what became of it.
pub(super) fn actions(outcome: &ClusterOutcome<Applied>) -> Vec<(String, Action)> {
    let objects = outcome.detail.objects.iter();
    objects
        .map(|object| (format!("{} {}", object.kind, object.name), object.action))
        .collect()
}

/// The same became of all of these.
pub(super) fn each(names: &[&str], action: Action) -> Vec<(String, Action)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), action))
        .collect()
}

/// Why the object of that name is not as it should be.
pub(super) fn reason_of<'a>(outcome: &'a ClusterOutcome<Applied>, name: &str) -> Option<&'a str> {
    let mut objects = outcome.detail.objects.iter();
    let object = objects.find(|object| object.name == name)?;
    object.reason.as_deref()
}
