/*! Kubernetes' own kinds, and those of others that report as kstatus asks for. */

use serde_json::json;

use super::{condition, object, table, why};

#[test]
fn a_deployment_needs_its_replicas_of_the_observed_generation() {
    let arrived = condition("Progressing", "True", "NewReplicaSetAvailable", "");
    let whole = object(
        "apps/v1",
        "Deployment",
        json!({
            "spec": {"replicas": 2, "progressDeadlineSeconds": 600},
            "status": {
                "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                "conditions": [condition("Available", "True", "MinimumReplicasAvailable", ""), arrived.clone()],
            },
        }),
    );
    let late = condition(
        "Progressing",
        "False",
        "ProgressDeadlineExceeded",
        "ReplicaSet \"it-1\" has timed out",
    );
    let quota = condition(
        "ReplicaFailure",
        "True",
        "FailedCreate",
        "exceeded quota: small",
    );
    table(
        &whole,
        &[
            (
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
                "it is being deleted",
            ),
            (
                json!({"status": {"observedGeneration": 1}}),
                "generation 2 has not been observed yet (observedGeneration 1)",
            ),
            (
                json!({"status": {"observedGeneration": null}}),
                "no controller has observed it yet",
            ),
            (
                json!({"status": {"replicas": 1}}),
                "1 of 2 replicas are there",
            ),
            (
                json!({"status": {"updatedReplicas": 1}}),
                "1 of 2 replicas are updated",
            ),
            (
                json!({"status": {"replicas": 3}}),
                "1 old replicas are still there",
            ),
            (
                json!({"status": {"availableReplicas": 1}}),
                "1 of 2 replicas are available",
            ),
            (
                json!({"status": {"readyReplicas": 0}}),
                "0 of 2 replicas are ready",
            ),
            (
                json!({"status": {"replicas": 1, "conditions": [quota]}}),
                "1 of 2 replicas are there; ReplicaFailure is True: exceeded quota: small (FailedCreate)",
            ),
            (
                json!({"status": {"replicas": 1, "conditions": [late]}}),
                "FAILED its progress deadline is exceeded: Progressing is False: ReplicaSet \"it-1\" has timed out (ProgressDeadlineExceeded)",
            ),
            (
                json!({"status": {"conditions": [condition("Available", "True", "", "")]}}),
                "its new ReplicaSet is not available yet",
            ),
            (
                json!({"status": {"conditions": [arrived]}}),
                "Available is not reported yet",
            ),
            (
                json!({"spec": {"paused": true}, "status": {"updatedReplicas": 0}}),
                "FAILED it is paused, and its replicas stay as they are until it is resumed",
            ),
            (json!({"spec": {"paused": true}}), ""),
            // What a controller writes where there is no deadline.
            (
                json!({"spec": {"progressDeadlineSeconds": 2147483647}, "status": {"conditions": [condition("Available", "True", "", "")]}}),
                "",
            ),
            (
                json!({"status": {"conditions": [condition("Stalled", "True", "Broken", "no way")]}}),
                "FAILED Stalled is True: no way (Broken)",
            ),
        ],
    );
}

#[test]
fn other_sets_of_replicas() {
    let whole = object(
        "apps/v1",
        "StatefulSet",
        json!({
            "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {
                "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3,
                "currentRevision": "it-2", "updateRevision": "it-2",
            },
        }),
    );
    table(
        &whole,
        &[
            (
                json!({"status": {"replicas": 2}}),
                "2 of 3 replicas are there",
            ),
            (
                json!({"status": {"readyReplicas": 2}}),
                "2 of 3 replicas are ready",
            ),
            (
                json!({"status": {"currentRevision": "it-1", "updatedReplicas": 1, "currentReplicas": 2}}),
                "1 of 3 replicas are updated",
            ),
            (
                json!({"status": {"currentRevision": "it-1"}}),
                "its new revision is not the current one yet",
            ),
            (
                json!({"status": {"currentReplicas": 2}}),
                "2 of 3 replicas are current",
            ),
            // Two of three stay as they are.
            (
                json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "status": {"currentRevision": "it-1", "updatedReplicas": 1}}),
                "",
            ),
            (
                json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"updatedReplicas": 1}}),
                "1 of 2 replicas are updated",
            ),
            (
                json!({"spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {"updatedReplicas": 0, "readyReplicas": 0}}),
                "",
            ),
        ],
    );
    let whole = object(
        "apps/v1",
        "DaemonSet",
        json!({"status": {
            "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "updatedNumberScheduled": 3,
            "numberAvailable": 3, "numberReady": 3,
        }}),
    );
    table(
        &whole,
        &[
            (
                json!({"status": {"desiredNumberScheduled": null}}),
                "how many nodes it is for is not reported yet",
            ),
            (
                json!({"status": {"currentNumberScheduled": 2}}),
                "2 of 3 replicas are scheduled",
            ),
            (
                json!({"status": {"updatedNumberScheduled": 2}}),
                "2 of 3 replicas are updated",
            ),
            (
                json!({"spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {"updatedNumberScheduled": 2}}),
                "",
            ),
            (
                json!({"status": {"numberAvailable": 2}}),
                "2 of 3 replicas are available",
            ),
            (
                json!({"status": {"numberReady": 2}}),
                "2 of 3 replicas are ready",
            ),
        ],
    );
    let whole = object(
        "apps/v1",
        "ReplicaSet",
        json!({"status": {"observedGeneration": 2, "replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}}),
    );
    table(
        &whole,
        &[
            (
                json!({"status": {"fullyLabeledReplicas": 0}}),
                "0 of 1 replicas are labelled",
            ),
            (
                json!({"status": {"conditions": [condition("ReplicaFailure", "True", "FailedCreate", "no room")]}}),
                "ReplicaFailure is True: no room (FailedCreate)",
            ),
            (
                json!({"status": {"replicas": 2}}),
                "1 old replicas are still there",
            ),
        ],
    );
    let budget = object(
        "policy/v1",
        "PodDisruptionBudget",
        json!({"status": {"observedGeneration": 2}}),
    );
    table(
        &budget,
        &[(
            json!({"status": {"observedGeneration": null}}),
            "no controller has observed it yet",
        )],
    );
}

#[test]
fn conditions_of_any_kind_count() {
    let widget = object(
        "example.com/v1",
        "Widget",
        json!({"status": {"conditions": [condition("Ready", "True", "", "")]}}),
    );
    let old = json!({"type": "Ready", "status": "True", "observedGeneration": 1});
    table(
        &widget,
        &[
            (json!({"status": {"conditions": []}}), ""),
            (json!({"status": null}), ""),
            (
                json!({"status": {"conditions": [condition("Ready", "False", "", "")]}}),
                "Ready is False",
            ),
            (
                json!({"status": {"conditions": [condition("Available", "Unknown", "", "")]}}),
                "Available is Unknown",
            ),
            (
                json!({"status": {"conditions": [old]}}),
                "Ready is about generation 1, not yet 2",
            ),
            (
                json!({"status": {"conditions": [condition("Reconciling", "True", "", "on the way")]}}),
                "Reconciling is True: on the way",
            ),
            (
                json!({"status": {"conditions": [condition("Stalled", "True", "", "")]}}),
                "FAILED Stalled is True",
            ),
        ],
    );
    // Whatever else a status may be, it is no panic.
    for odd in [
        json!(7),
        json!({"conditions": "none"}),
        json!({"conditions": [7, {"type": 3}]}),
    ] {
        for (api_version, kind) in [
            ("v1", "Pod"),
            ("batch/v1", "Job"),
            ("apps/v1", "Deployment"),
            ("example.com/v1", "Widget"),
        ] {
            why(&object(
                api_version,
                kind,
                json!({"status": odd, "spec": 3}),
            ));
        }
    }
}
