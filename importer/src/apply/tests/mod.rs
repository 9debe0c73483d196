/*! One cluster from preflight to outcome: order, repetition, conflicts, rights, and what is said of what cannot be. */

mod faults;
mod fixture;
mod healthy;
mod recreate;
mod skew;

use cluster::{ClusterError, ClusterId, testing::cluster};
use fakes::{FakeCluster, Fault};
use serde_json::{Value, json};

use super::{ApplyOptions, object::DryRunResult, outcome::Action, preflight::Preflight};
use crate::rollout::State;
use fixture::{
    ALL, ALL_NAMES, FIRST, TWO, Tested, actions, converged, each, manifests, options, preflight,
    preflight_of, reason_of, run, written,
};

#[tokio::test(start_paused = true)]
async fn what_others_rest_on_comes_first_and_a_second_run_writes_nothing() -> Tested {
    let server = FakeCluster::kubernetes();
    server.establish_after(2);
    let manifests = manifests(ALL)?;
    let first = run(&server, &manifests, &options()).await?;
    assert_eq!(first.state, State::Done, "{first:?}");
    assert_eq!(actions(&first), each(&ALL_NAMES, Action::Created));
    let writes = written(&server);
    let (foundations, others) = writes.split_at(2);
    let mut foundations = foundations.to_vec();
    foundations.sort();
    assert_eq!(
        foundations,
        [
            "/api/v1/namespaces/shop",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imagedigestmirrorsets.config.openshift.io",
        ]
    );
    assert_eq!(
        others,
        [
            "/api/v1/namespaces/shop/configmaps/signature",
            "/api/v1/namespaces/shop/configmaps/plain",
            "/apis/config.openshift.io/v1/imagedigestmirrorsets/mirrors",
        ]
    );
    let second = run(&server, &manifests, &options()).await?;
    assert_eq!(second.state, State::Done);
    assert_eq!(actions(&second), each(&ALL_NAMES, Action::Unchanged));
    assert_eq!(written(&server), writes);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_preflight_and_a_dry_run_change_nothing() -> Tested {
    let server = FakeCluster::kubernetes();
    let manifests = manifests(ALL)?;
    let dry = ApplyOptions {
        dry_run: true,
        ..options()
    };
    let outcome = run(&server, &manifests, &dry).await?;
    assert_eq!(written(&server), [""; 0]);
    assert_eq!(outcome.state, State::Done);
    assert!(
        actions(&outcome).contains(&("Namespace shop".to_owned(), Action::Created)),
        "{outcome:?}"
    );
    assert_eq!(
        reason_of(&outcome, "mirrors"),
        Some("waits for imagedigestmirrorsets.config.openshift.io of the same bundle")
    );
    Ok(())
}

/// The first of [`TWO`] as somebody else wants it.
fn theirs() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "0"}})
}

#[tokio::test(start_paused = true)]
async fn a_conflict_leaves_the_object_alone_unless_it_is_to_be_overwritten() -> Tested {
    let server = FakeCluster::kubernetes();
    server.put_as("argocd", FIRST, theirs())?;
    let before = server.get(FIRST);
    let manifests = manifests(TWO)?;
    let outcome = run(&server, &manifests, &options()).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Conflict),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    assert_eq!(
        outcome.detail.objects[0].reason.as_deref(),
        Some("argocd holds .data.x")
    );
    assert!(before.is_some());
    assert_eq!(server.get(FIRST), before);
    let overwriting = ApplyOptions {
        overwrite: true,
        ..options()
    };
    let outcome = run(&server, &manifests, &overwriting).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Configured),
            ("ConfigMap b".to_owned(), Action::Unchanged)
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_comes_up_after_the_preflight_is_one() -> Tested {
    let server = FakeCluster::kubernetes();
    let manifests = manifests(TWO)?;
    let preflight = preflight(&server, &manifests, &options()).await?;
    server.put_as("argocd", FIRST, theirs())?;
    let outcome = converged(&preflight, &options()).await;
    assert_eq!(outcome.detail.objects[0].action, Action::Conflict);
    assert_eq!(outcome.detail.objects[1].action, Action::Created);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_fails_alone_and_is_not_tried() -> Tested {
    let server = FakeCluster::kubernetes();
    server.fault(
        Fault::of(fakes::Action::Forbid)
            .method("POST")
            .resource("configmaps"),
    );
    let outcome = run(&server, &manifests(ALL)?, &options()).await?;
    assert_eq!(
        reason_of(&outcome, "plain"),
        Some("forbidden: this user may not create configmaps in namespace shop")
    );
    assert_eq!(
        server.lines("PATCH /api/v1/namespaces/shop/configmaps"),
        [""; 0]
    );
    assert_eq!(
        outcome
            .detail
            .objects
            .iter()
            .filter(|object| object.is_right())
            .count(),
        3
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_nothing_brings_is_named() -> Tested {
    let server = FakeCluster::kubernetes();
    server.withdraw("secrets");
    let lost = "
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: nowhere}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: b}}
---
{apiVersion: v1, kind: Secret, metadata: {name: c}}
";
    let found = preflight(&server, &manifests(lost)?, &options()).await?;
    let reasons: Vec<_> = found
        .objects
        .iter()
        .map(|foreseen| match foreseen {
            DryRunResult::Impossible { reason } => reason.split(';').next().unwrap_or_default(),
            _ => "possible",
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "namespace nowhere is not there, and is not in the bundle",
            "the cluster does not serve Secret (v1), and the bundle does not define it",
            "the cluster does not serve Widget (example.com/v1), and the bundle does not define it",
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_cluster_than_the_one_that_was_meant_is_refused() -> Tested {
    let server = FakeCluster::new();
    let path = "/apis/config.openshift.io/v1/clusterversions/version";
    let version = json!({"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "spec": {"clusterID": "one"}, "status": {"desired": {"version": "4.17.0"}, "history": [
        {"state": "Partial", "version": "4.17.0"}, {"state": "Completed", "version": "4.16.3"}]}});
    server.put(path, version)?;
    let mut cluster = cluster();
    cluster.cluster_id = ClusterId::new("one");
    let found = preflight_of(&server, &cluster, &[], &options()).await?;
    assert_eq!(found.site.version.as_deref(), Some("4.16.3"));
    cluster.cluster_id = ClusterId::new("two");
    let refused = preflight_of(&server, &cluster, &[], &options()).await;
    let message = refused.err().as_ref().map(ClusterError::to_string);
    let message = message.unwrap_or_default();
    assert!(
        message.contains("expected clusterID two, found one"),
        "{message}"
    );
    Ok(())
}

/// Warnings about nodes that restart.
fn drains<'p>(preflight: &'p Preflight<'_>) -> Vec<&'p str> {
    let warnings = preflight.site.warnings.iter().map(String::as_str);
    warnings
        .filter(|warning| warning.contains("drain"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn only_changes_of_mirrors_that_drain_nodes_are_warned_of() -> Tested {
    let server = FakeCluster::new();
    let sets = |source: &str| {
        manifests(&format!("
{{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {{name: d}}, spec: {{source: {source}}}}}
---
{{apiVersion: config.openshift.io/v1, kind: ImageTagMirrorSet, metadata: {{name: t}}}}
"))
    };
    let first = preflight(&server, &sets("a")?, &options()).await?;
    assert_eq!(
        drains(&first),
        ["a change of ImageTagMirrorSet t may drain and restart nodes, one after the other"]
    );
    run(&server, &sets("a")?, &options()).await?;
    let second = preflight(&server, &sets("b")?, &options()).await?;
    assert_eq!(
        drains(&second),
        ["a change of ImageDigestMirrorSet d may drain and restart nodes, one after the other"]
    );
    Ok(())
}
