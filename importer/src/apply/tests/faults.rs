/*! One cluster that fails at times, hangs, or does not get ready: what is repeated, what is waited for, and for how long. */

use std::time::Duration;

use cluster::testing::cluster;

use super::stand_in::{ALL, Fault, StandIn, TWO, Tested, actions, manifests, options};
use crate::{
    apply::{ApplyOptions, converge, outcome::Action},
    rollout::State,
};

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
        let outcome = server.run(&manifests(TWO)?, &options()).await?;
        assert_eq!(outcome.state, State::Done, "{fault:?}: {outcome:?}");
        assert!(server.state().faults.is_empty());
        assert!(
            outcome
                .detail
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
    let preflight = server.preflight(&manifests, &options()).await?;
    server.fail("PATCH", Fault::CutAfter);
    let outcome = converge::apply(&cluster(), &preflight, &options(), &|_| {}, &|_| {}).await;
    assert_eq!(server.writes().len(), 3);
    assert!(
        outcome
            .detail
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
    for _ in 0..10 {
        server.fail(
            "GET /api/v1/namespaces/default/configmaps/a",
            Fault::Status(503),
        );
    }
    let outcome = server.run(&manifests(TWO)?, &options()).await?;
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
    assert!(
        server.state().faults.is_empty(),
        "five attempts at the preflight, five at its turn"
    );
    Ok(())
}

#[tokio::test]
async fn what_hangs_costs_its_own_time() -> Tested {
    let server = StandIn::new();
    for _ in 0..2 {
        server.fail("configmaps/a", Fault::Hang);
    }
    let hasty = ApplyOptions {
        request_timeout: Duration::from_millis(200),
        ..options()
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
    let hasty = ApplyOptions {
        cluster_timeout: Duration::from_millis(400),
        ..options()
    };
    let outcome = server.run(&manifests(ALL)?, &hasty).await?;
    let of = |kind: &str| {
        outcome
            .detail
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
async fn an_aggregated_api_that_is_down_does_not_matter_to_others() -> Tested {
    let server = StandIn::new();
    for _ in 0..5 {
        server.fail("GET /apis/metrics.k8s.io/v1", Fault::Status(503));
    }
    let with_metrics =
        format!("{TWO}---\n{{apiVersion: metrics.k8s.io/v1, kind: Odd, metadata: {{name: c}}}}\n");
    let outcome = server.run(&manifests(&with_metrics)?, &options()).await?;
    let right: Vec<_> = outcome
        .detail
        .objects
        .iter()
        .map(|object| object.is_right())
        .collect();
    assert_eq!(right, [true, true, false]);
    Ok(())
}

#[tokio::test]
async fn refused_credentials_that_cannot_be_renewed_end_it_at_once() -> Tested {
    let server = StandIn::new();
    server.fail("GET", Fault::Status(401));
    let refused = server.preflight(&manifests(TWO)?, &options()).await;
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
async fn a_namespace_that_is_being_deleted_is_not_waited_for() -> Tested {
    let server = StandIn::new();
    let going = serde_json::json!({"status": {"phase": "Terminating"}, "data": {}});
    let path = "/api/v1/namespaces/shop";
    server.state().objects.insert(path.to_owned(), going);
    server.state().terminating = true;
    let outcome = server.run(&manifests(ALL)?, &options()).await?;
    let reason = outcome
        .detail
        .objects
        .first()
        .and_then(|object| object.reason.as_deref());
    assert_eq!(
        reason,
        Some("configured, but it is being deleted; run again when it is gone")
    );
    Ok(())
}
