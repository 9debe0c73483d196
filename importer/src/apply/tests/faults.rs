/*! One cluster that fails at times, hangs, or does not get ready: what is repeated, what is waited for, and for how long. */

use std::time::Duration;

use cluster::ClusterError;
use fakes::{FakeCluster, Fault, faults, kubernetes::Scripted};
use serde_json::json;

use super::fixture::{
    ALL, ALL_NAMES, FIRST, TWO, TWO_NAMES, Tested, actions, converged, each, manifests, options,
    preflight, reason_of, run, written,
};
use crate::{
    apply::{ApplyOptions, outcome::Action},
    rollout::State,
};

#[tokio::test(start_paused = true)]
async fn passing_faults_are_outlived() -> Tested {
    for fault in [
        faults::Action::status(429),
        faults::Action::status(500),
        faults::Action::status(503),
        faults::Action::BreakAfter,
    ] {
        let server = FakeCluster::kubernetes();
        for hit in [
            Fault::get(""),
            Fault::on("POST", ""),
            Fault::any("dryRun"),
            Fault::on("PATCH", FIRST).writes(),
        ] {
            server.fault(hit.times(1).does(fault.clone()));
        }
        let outcome = run(&server, &manifests(TWO)?, &options()).await?;
        assert_eq!(outcome.state, State::Done, "{fault:?}: {outcome:?}");
        assert_eq!(server.faults_left(), 0, "{fault:?}");
        assert_eq!(
            actions(&outcome),
            each(&TWO_NAMES, Action::Created),
            "{fault:?}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_still_said_to_have_created() -> Tested {
    let server = FakeCluster::kubernetes();
    let manifests = manifests(TWO)?;
    let preflight = preflight(&server, &manifests, &options()).await?;
    server.fault(
        Fault::on("PATCH", "")
            .times(1)
            .does(faults::Action::BreakAfter),
    );
    let outcome = converged(&preflight, &options()).await;
    assert_eq!(written(&server).len(), 3);
    assert_eq!(actions(&outcome), each(&TWO_NAMES, Action::Created));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_lasting_fault_fails_its_object_alone() -> Tested {
    let server = FakeCluster::kubernetes();
    server.fault(Fault::get(FIRST).does(faults::Action::status(503)));
    let outcome = run(&server, &manifests(TWO)?, &options()).await?;
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
        Some(
            "1 of 2 objects not applied; first ConfigMap a: the server answered 503: the server is currently unable to handle the request"
        )
    );
    assert_eq!(
        server.lines(&format!("GET {FIRST}")).len(),
        10,
        "five attempts at the preflight, five at its turn"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_hangs_costs_its_own_time() -> Tested {
    let server = FakeCluster::kubernetes();
    let hangs = Fault::any(FIRST).times(2).does(faults::Action::hang());
    server.fault(hangs);
    let hasty = ApplyOptions {
        request_timeout: Duration::from_millis(200),
        ..options()
    };
    let outcome = run(&server, &manifests(TWO)?, &hasty).await?;
    assert_eq!(
        actions(&outcome),
        [
            ("ConfigMap a".to_owned(), Action::Failed),
            ("ConfigMap b".to_owned(), Action::Created)
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_never_established_is_waited_for_no_longer_than_the_cluster_has() -> Tested {
    let server = FakeCluster::kubernetes();
    server.establish_after(u32::MAX);
    let hasty = ApplyOptions {
        cluster_timeout: Duration::from_millis(400),
        ..options()
    };
    let outcome = run(&server, &manifests(ALL)?, &hasty).await?;
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

#[tokio::test(start_paused = true)]
async fn an_aggregated_api_that_is_down_does_not_matter_to_others() -> Tested {
    let server = FakeCluster::kubernetes();
    let down = Fault::get("/apis/metrics.k8s.io/v1").times(5);
    server.fault(down.does(faults::Action::status(503)));
    let with_metrics =
        format!("{TWO}---\n{{apiVersion: metrics.k8s.io/v1, kind: Odd, metadata: {{name: c}}}}\n");
    let outcome = run(&server, &manifests(&with_metrics)?, &options()).await?;
    let mut wanted = each(&TWO_NAMES, Action::Created);
    wanted.push(("Odd c".to_owned(), Action::Failed));
    assert_eq!(actions(&outcome), wanted);
    assert_eq!(server.faults_left(), 0);
    let reason = reason_of(&outcome, "c").unwrap_or_default();
    assert!(reason.contains("Odd (metrics.k8s.io/v1)"), "{reason}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_without_server_side_apply_is_named_once() -> Tested {
    for (version, expected) in [
        (
            "v1.15.3",
            "found Kubernetes v1.15.3; upgrade the cluster first",
        ),
        ("v1.29.4", "found HTTP 415 (unsupported media type); let"),
    ] {
        let server = FakeCluster::kubernetes();
        server.script(move |_, request| match request.path.as_str() {
            "/version" => Some(Scripted::Reply(200, json!({"gitVersion": version}))),
            _ if request.method == "PATCH" => Some(Scripted::Reply(415, json!({"kind": "Status"}))),
            _ => None,
        });
        let refused = preflight(&server, &manifests(TWO)?, &options()).await;
        let message = refused.err().as_ref().map(ClusterError::to_string);
        let message = message.unwrap_or_default();
        assert!(message.contains("takes no server-side apply"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_no_api_server_is_said_to_be_none() -> Tested {
    for (status, body, expected) in [
        (
            404,
            json!({"error": "no"}),
            "JSON that is none of Kubernetes (HTTP 404)",
        ),
        (
            404,
            json!({"errors": []}),
            "what container registries answer (HTTP 404)",
        ),
        (200, json!({}), "JSON that is none of Kubernetes (HTTP 200)"),
    ] {
        let server = FakeCluster::kubernetes();
        server.script(move |_, _| Some(Scripted::Reply(status, body.clone())));
        let refused = preflight(&server, &manifests(TWO)?, &options()).await;
        let message = refused.err().as_ref().map(ClusterError::to_string);
        let message = message.unwrap_or_default();
        assert!(
            message.contains("does not answer as a Kubernetes API server"),
            "{message}"
        );
        assert!(message.contains(expected), "{message}");
        assert_eq!(server.requests().len(), 2);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_that_cannot_be_renewed_end_it_at_once() -> Tested {
    let server = FakeCluster::kubernetes();
    server.fault(Fault::get("").times(1).does(faults::Action::Unauthorized));
    let refused = preflight(&server, &manifests(TWO)?, &options()).await;
    let message = refused.err().as_ref().map(ClusterError::to_string);
    let message = message.unwrap_or_default();
    assert!(
        message.contains("does not accept the credentials of context \"east\""),
        "{message}"
    );
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_being_deleted_is_not_waited_for() -> Tested {
    let server = FakeCluster::kubernetes();
    let going =
        json!({"apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Terminating"}});
    server.put("/api/v1/namespaces/shop", going)?;
    let outcome = run(&server, &manifests(ALL)?, &options()).await?;
    assert_eq!(
        reason_of(&outcome, "shop"),
        Some("configured, but it is being deleted; run again when it is gone")
    );
    let reason = reason_of(&outcome, "plain").unwrap_or_default();
    assert!(
        reason.contains("namespace shop because it is being terminated"),
        "{reason}"
    );
    let names: Vec<_> = actions(&outcome)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ALL_NAMES);
    Ok(())
}
