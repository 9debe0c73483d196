/*! One cluster from preflight to outcome: order, repetition, conflicts, rights, and what is said of what cannot be. */

mod faults;
mod healthy;
mod skew;
mod stand_in;

use cluster::{ClusterId, testing::cluster};
use serde_json::json;

use super::{ApplyOptions, converge, object::DryRunResult, outcome::Action, preflight::Preflight};
use crate::rollout::State;
use stand_in::{ALL, StandIn, TWO, Tested, actions, manifests, options};

#[tokio::test]
async fn what_others_rest_on_comes_first_and_a_second_run_writes_nothing() -> Tested {
    let server = StandIn::new();
    server.state().reads_until_established = 2;
    let manifests = manifests(ALL)?;
    let first = server.run(&manifests, &options()).await?;
    assert_eq!(first.state, State::Done, "{first:?}");
    assert!(
        first
            .detail
            .objects
            .iter()
            .all(|object| object.action == Action::Created)
    );
    let writes = server.writes();
    let place = |name: &str| writes.iter().position(|write| write.contains(name));
    assert_eq!(writes.len(), 5);
    assert!(place("namespaces/shop?") < place("configmaps/signature"));
    assert!(place("configmaps/signature") < place("configmaps/plain"));
    assert!(place("configmaps/plain") < place("imagedigestmirrorsets/mirrors"));
    let second = server.run(&manifests, &options()).await?;
    assert_eq!(second.state, State::Done);
    assert!(
        second
            .detail
            .objects
            .iter()
            .all(|object| object.action == Action::Unchanged)
    );
    assert_eq!(server.writes(), writes);
    Ok(())
}

#[tokio::test]
async fn a_preflight_and_a_dry_run_change_nothing() -> Tested {
    let server = StandIn::new();
    let manifests = manifests(ALL)?;
    let dry = ApplyOptions {
        dry_run: true,
        ..options()
    };
    let outcome = server.run(&manifests, &dry).await?;
    assert_eq!(server.writes(), Vec::<String>::new());
    assert_eq!(outcome.state, State::Done);
    let of = |name: &str| {
        outcome
            .detail
            .objects
            .iter()
            .find(|object| object.name == name)
    };
    assert_eq!(
        of("shop").map(|object| object.action),
        Some(Action::Created)
    );
    let waiting = of("mirrors").and_then(|object| object.reason.as_deref());
    assert_eq!(
        waiting,
        Some("waits for imagedigestmirrorsets.config.openshift.io of the same bundle")
    );
    Ok(())
}

#[tokio::test]
async fn a_conflict_leaves_the_object_alone_unless_it_is_to_be_overwritten() -> Tested {
    let server = StandIn::new();
    let theirs =
        json!({"data": {"x": "0"}, "metadata": {"managedFields": [{"manager": "argocd"}]}});
    let path = "/api/v1/namespaces/default/configmaps/a";
    server
        .state()
        .objects
        .insert(path.to_owned(), theirs.clone());
    let manifests = manifests(TWO)?;
    let outcome = server.run(&manifests, &options()).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Conflict),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    assert_eq!(
        outcome.detail.objects[0].reason.as_deref(),
        Some("argocd holds .data")
    );
    assert_eq!(server.state().objects.get(path), Some(&theirs));
    let outcome = server
        .run(
            &manifests,
            &ApplyOptions {
                overwrite: true,
                ..options()
            },
        )
        .await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Configured),
            ("ConfigMap b".to_owned(), Action::Unchanged)
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_conflict_that_comes_up_after_the_preflight_is_one() -> Tested {
    let server = StandIn::new();
    let manifests = manifests(TWO)?;
    let preflight = server.preflight(&manifests, &options()).await?;
    let theirs =
        json!({"data": {"x": "0"}, "metadata": {"managedFields": [{"manager": "argocd"}]}});
    server
        .state()
        .objects
        .insert("/api/v1/namespaces/default/configmaps/a".to_owned(), theirs);
    let outcome = converge::apply(&cluster(), &preflight, &options(), &|_| {}, &|_| {}).await;
    assert_eq!(outcome.detail.objects[0].action, Action::Conflict);
    assert_eq!(outcome.detail.objects[1].action, Action::Created);
    Ok(())
}

#[tokio::test]
async fn what_is_forbidden_fails_alone_and_is_not_tried() -> Tested {
    let server = StandIn::new();
    server
        .state()
        .forbidden
        .insert("create configmaps".to_owned());
    let outcome = server.run(&manifests(ALL)?, &options()).await?;
    let plain = outcome
        .detail
        .objects
        .iter()
        .find(|object| object.name == "plain");
    let reason = plain.and_then(|object| object.reason.as_deref());
    assert_eq!(
        reason,
        Some("forbidden: this user may not create configmaps in namespace shop")
    );
    assert_eq!(
        server.asked("PATCH /api/v1/namespaces/shop/configmaps"),
        Vec::<String>::new()
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

#[tokio::test]
async fn what_nothing_brings_is_named() -> Tested {
    let server = StandIn::new();
    let lost = "
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: nowhere}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: b}}
---
{apiVersion: v1, kind: Secret, metadata: {name: c}}
";
    let found = server.preflight(&manifests(lost)?, &options()).await?;
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

#[tokio::test]
async fn another_cluster_than_the_one_that_was_meant_is_refused() -> Tested {
    let server = StandIn::new();
    let path = "/apis/config.openshift.io/v1/clusterversions/version";
    let version = json!({"spec": {"clusterID": "one"}, "status": {"desired": {"version": "4.17.0"}, "history": [
        {"state": "Partial", "version": "4.17.0"}, {"state": "Completed", "version": "4.16.3"}]}});
    server.state().objects.insert(path.to_owned(), version);
    let mut cluster = cluster();
    cluster.cluster_id = ClusterId::new("one");
    let found = server.preflight_of(&cluster, &[], &options()).await?;
    assert_eq!(found.site.version.as_deref(), Some("4.16.3"));
    cluster.cluster_id = ClusterId::new("two");
    let refused = server.preflight_of(&cluster, &[], &options()).await;
    let message = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
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

#[tokio::test]
async fn only_changes_of_mirrors_that_drain_nodes_are_warned_of() -> Tested {
    let server = StandIn::new();
    server.state().kinds.insert(
        "/apis/config.openshift.io/v1".to_owned(),
        vec![
            (
                "ImageDigestMirrorSet".to_owned(),
                "+imagedigestmirrorsets".to_owned(),
            ),
            (
                "ImageTagMirrorSet".to_owned(),
                "+imagetagmirrorsets".to_owned(),
            ),
        ],
    );
    let sets = |source: &str| {
        manifests(&format!("
{{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {{name: d}}, spec: {{source: {source}}}}}
---
{{apiVersion: config.openshift.io/v1, kind: ImageTagMirrorSet, metadata: {{name: t}}}}
"))
    };
    let first = server.preflight(&sets("a")?, &options()).await?;
    assert_eq!(
        drains(&first),
        ["a change of ImageTagMirrorSet t may drain and restart nodes, one after the other"]
    );
    server.run(&sets("a")?, &options()).await?;
    let second = server.preflight(&sets("b")?, &options()).await?;
    assert_eq!(
        drains(&second),
        ["a change of ImageDigestMirrorSet d may drain and restart nodes, one after the other"]
    );
    Ok(())
}
