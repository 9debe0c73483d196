/*! One cluster from preflight to outcome: order, repetition, faults, conflicts, and what is said of what cannot be. */

use std::time::Duration;

use serde_json::json;

use super::{
    Rules,
    outcome::{Action, State},
    preflight::Foreseen,
    stand_in::{Fault, StandIn, Tested, actions, manifests, rules},
};

const ALL: &str = "
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

const TWO: &str = "
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: '1'}}
";

#[tokio::test]
async fn what_others_rest_on_comes_first_and_a_second_run_writes_nothing() -> Tested {
    let server = StandIn::new();
    server.state().reads_until_established = 2;
    let manifests = manifests(ALL)?;
    let first = server.run(&manifests, &rules()).await?;
    assert_eq!(first.state, State::Done, "{first:?}");
    assert!(
        first
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
    let second = server.run(&manifests, &rules()).await?;
    assert_eq!(second.state, State::Done);
    assert!(
        second
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
    let dry = Rules {
        dry_run: true,
        ..rules()
    };
    let outcome = server.run(&manifests, &dry).await?;
    assert_eq!(server.writes(), Vec::<String>::new());
    assert_eq!(outcome.state, State::Done);
    let of = |name: &str| outcome.objects.iter().find(|object| object.name == name);
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
async fn passing_faults_are_outlived() -> Tested {
    for fault in [
        Fault::Status(429),
        Fault::Status(500),
        Fault::Status(503),
        Fault::CutAfter,
    ] {
        let server = StandIn::new();
        for record in [
            "GET",
            "POST",
            "dryRun",
            "PATCH /api/v1/namespaces/default/configmaps/a?",
        ] {
            server.fail(record, fault);
        }
        let outcome = server.run(&manifests(TWO)?, &rules()).await?;
        assert_eq!(outcome.state, State::Done, "{fault:?}: {outcome:?}");
        assert!(server.state().faults.is_empty());
        assert!(
            outcome
                .objects
                .iter()
                .all(|object| object.action == Action::Created),
            "{fault:?}: {outcome:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_still_said_to_have_created() -> Tested {
    let server = StandIn::new();
    let manifests = manifests(TWO)?;
    let preflight = server.preflight(&manifests, &rules()).await?;
    server.fail("PATCH", Fault::CutAfter);
    let outcome = super::converge::apply(
        &super::stand_in::cluster(),
        preflight,
        &manifests,
        &rules(),
        &|_| {},
    )
    .await;
    assert_eq!(server.writes().len(), 3);
    assert!(
        outcome
            .objects
            .iter()
            .all(|object| object.action == Action::Created),
        "{outcome:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_lasting_fault_fails_its_object_alone() -> Tested {
    let server = StandIn::new();
    for _ in 0..5 {
        server.fail(
            "GET /api/v1/namespaces/default/configmaps/a",
            Fault::Status(503),
        );
    }
    let outcome = server.run(&manifests(TWO)?, &rules()).await?;
    assert_eq!(outcome.state, State::Failed);
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Failed),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    assert_eq!(
        outcome.reason.as_deref(),
        Some("1 of 2 objects not applied; first ConfigMap a: the server answered 503")
    );
    assert!(server.state().faults.is_empty(), "five attempts");
    Ok(())
}

#[tokio::test]
async fn what_hangs_costs_its_own_time() -> Tested {
    let server = StandIn::new();
    server.fail("configmaps/a", Fault::Hang);
    let hasty = Rules {
        request_timeout: Duration::from_millis(200),
        ..rules()
    };
    let outcome = server.run(&manifests(TWO)?, &hasty).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Failed),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_kind_that_is_never_established_is_waited_for_no_longer_than_the_cluster_has() -> Tested {
    let server = StandIn::new();
    server.state().reads_until_established = u32::MAX;
    let hasty = Rules {
        cluster_timeout: Duration::from_millis(400),
        ..rules()
    };
    let outcome = server.run(&manifests(ALL)?, &hasty).await?;
    let of = |kind: &str| {
        outcome
            .objects
            .iter()
            .find(|object| object.kind == kind)
            .map(|object| object.action)
    };
    assert_eq!(of("Namespace"), Some(Action::Created));
    assert_eq!(of("CustomResourceDefinition"), Some(Action::Failed));
    assert_eq!(of("ImageDigestMirrorSet"), Some(Action::Skipped));
    assert_eq!(outcome.state, State::Failed);
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
    let outcome = server.run(&manifests, &rules()).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Conflict),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    assert_eq!(
        outcome.objects[0].reason.as_deref(),
        Some("argocd holds .data")
    );
    assert_eq!(server.state().objects.get(path), Some(&theirs));
    let outcome = server
        .run(
            &manifests,
            &Rules {
                overwrite: true,
                ..rules()
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
    let preflight = server.preflight(&manifests, &rules()).await?;
    let theirs =
        json!({"data": {"x": "0"}, "metadata": {"managedFields": [{"manager": "argocd"}]}});
    server
        .state()
        .objects
        .insert("/api/v1/namespaces/default/configmaps/a".to_owned(), theirs);
    let outcome = super::converge::apply(
        &super::stand_in::cluster(),
        preflight,
        &manifests,
        &rules(),
        &|_| {},
    )
    .await;
    assert_eq!(outcome.objects[0].action, Action::Conflict);
    assert_eq!(outcome.objects[1].action, Action::Created);
    Ok(())
}

#[tokio::test]
async fn what_is_forbidden_fails_alone_and_is_not_tried() -> Tested {
    let server = StandIn::new();
    server
        .state()
        .forbidden
        .insert("create configmaps".to_owned());
    let outcome = server.run(&manifests(ALL)?, &rules()).await?;
    let plain = outcome.objects.iter().find(|object| object.name == "plain");
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
{apiVersion: v1, kind: Secret, metadata: {name: ..}}
";
    let found = server.preflight(&manifests(lost)?, &rules()).await?;
    let reasons: Vec<_> = found
        .objects
        .iter()
        .map(|foreseen| match foreseen {
            Foreseen::Impossible { reason } => reason.split(';').next().unwrap_or_default(),
            _ => "possible",
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "namespace nowhere is not there, and is not in the bundle",
            "the cluster does not serve Widget (example.com/v1), and the bundle does not define it",
            "the cluster does not serve Secret (v1), and the bundle does not define it",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn an_aggregated_api_that_is_down_does_not_matter_to_others() -> Tested {
    let server = StandIn::new();
    for _ in 0..5 {
        server.fail("GET /apis/metrics.k8s.io/v1", Fault::Status(503));
    }
    let with_metrics =
        format!("{TWO}---\n{{apiVersion: metrics.k8s.io/v1, kind: Odd, metadata: {{name: c}}}}\n");
    let outcome = server.run(&manifests(&with_metrics)?, &rules()).await?;
    let right: Vec<_> = outcome
        .objects
        .iter()
        .map(|object| object.is_right())
        .collect();
    assert_eq!(right, [true, true, false]);
    Ok(())
}

#[tokio::test]
async fn another_cluster_than_the_one_that_was_meant_is_refused() -> Tested {
    let server = StandIn::new();
    let path = "/apis/config.openshift.io/v1/clusterversions/version";
    let version = json!({"spec": {"clusterID": "one"}, "status": {"desired": {"version": "4.17.0"}, "history": [
        {"state": "Partial", "version": "4.17.0"}, {"state": "Completed", "version": "4.16.3"}]}});
    server.state().objects.insert(path.to_owned(), version);
    let mut cluster = super::stand_in::cluster();
    cluster.cluster_id = Some("one".to_owned());
    let found = super::preflight::over(server.connection(), &cluster, &[], &rules()).await?;
    assert_eq!(found.version.as_deref(), Some("4.16.3"));
    cluster.cluster_id = Some("two".to_owned());
    let refused = super::preflight::over(server.connection(), &cluster, &[], &rules()).await;
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

#[tokio::test]
async fn refused_credentials_that_cannot_be_renewed_end_it_at_once() -> Tested {
    let server = StandIn::new();
    server.fail("GET", Fault::Status(401));
    let refused = server.preflight(&manifests(TWO)?, &rules()).await;
    let message = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        message.contains("does not accept the credentials of context \"east\""),
        "{message}"
    );
    assert_eq!(server.asked("").len(), 1);
    Ok(())
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
    let first = server.preflight(&sets("a")?, &rules()).await?;
    assert_eq!(
        first.warnings,
        ["a change of ImageTagMirrorSet t may drain and restart nodes, one after the other"]
    );
    server.run(&sets("a")?, &rules()).await?;
    let second = server.preflight(&sets("b")?, &rules()).await?;
    assert_eq!(
        second.warnings,
        ["a change of ImageDigestMirrorSet d may drain and restart nodes, one after the other"]
    );
    Ok(())
}
