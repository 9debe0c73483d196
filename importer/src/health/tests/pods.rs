/*! Pods, what runs them to an end, what they use, and what the API server itself is given. */

use serde_json::json;

use super::{condition, object, table};

#[test]
fn jobs_and_pods_must_come_to_a_good_end() {
    let done = condition("Complete", "True", "", "");
    let whole = object(
        "batch/v1",
        "Job",
        json!({"spec": {"completions": 2}, "status": {"startTime": "2026-01-01T00:00:00Z", "succeeded": 1, "active": 1, "conditions": [done]}}),
    );
    let failed = condition(
        "Failed",
        "True",
        "BackoffLimitExceeded",
        "Job has reached the specified backoff limit",
    );
    table(
        &whole,
        &[
            // To kstatus this one is current.
            (
                json!({"status": {"conditions": null}}),
                "1 of 2 pods have succeeded (1 active, 0 failed)",
            ),
            (
                json!({"status": {"conditions": null, "startTime": null}}),
                "it has not started yet",
            ),
            (
                json!({"status": {"conditions": [condition("Suspended", "True", "JobSuspended", "")]}}),
                "",
            ),
            (
                json!({"status": {"conditions": [failed]}}),
                "FAILED Failed is True: Job has reached the specified backoff limit (BackoffLimitExceeded)",
            ),
        ],
    );
    let whole = object(
        "v1",
        "Pod",
        json!({"status": {"phase": "Running", "conditions": [condition("Ready", "True", "", "")]}}),
    );
    let waiting = |reason: &str| json!([{"name": "web", "state": {"waiting": {"reason": reason, "message": "back-off 5m0s"}}}]);
    let ended = json!([{"name": "web", "state": {"terminated": {"exitCode": 3}}}]);
    let homeless = condition(
        "PodScheduled",
        "False",
        "Unschedulable",
        "0/3 nodes are available",
    );
    let unready = condition("Ready", "False", "ContainersNotReady", "");
    table(
        &whole,
        &[
            (
                json!({"status": {"phase": "Succeeded", "conditions": null}}),
                "",
            ),
            (
                json!({"status": {"phase": "Failed", "message": "evicted"}}),
                "FAILED its phase is Failed: evicted",
            ),
            (
                json!({"status": {"phase": "Failed", "containerStatuses": ended}}),
                "FAILED its phase is Failed: container web ended with exit code 3",
            ),
            (
                json!({"status": {"conditions": [unready], "containerStatuses": waiting("CrashLoopBackOff")}}),
                "container web: CrashLoopBackOff: back-off 5m0s",
            ),
            (
                json!({"status": {"phase": "Pending", "conditions": null, "initContainerStatuses": waiting("ImagePullBackOff")}}),
                "container web: ImagePullBackOff: back-off 5m0s",
            ),
            (
                json!({"status": {"phase": "Pending", "conditions": [homeless]}}),
                "PodScheduled is False: 0/3 nodes are available (Unschedulable)",
            ),
            (
                json!({"status": {"phase": null}}),
                "its phase is not reported yet",
            ),
        ],
    );
}

#[test]
fn what_pods_use_and_what_the_api_server_is_given() {
    let claim = object(
        "v1",
        "PersistentVolumeClaim",
        json!({"status": {"phase": "Bound"}}),
    );
    table(
        &claim,
        &[
            (
                json!({"status": {"phase": "Pending"}}),
                "its phase is Pending, not Bound",
            ),
            (
                json!({"status": {"phase": "Lost"}}),
                "FAILED its phase is Lost: its volume is gone",
            ),
        ],
    );
    let service = object(
        "v1",
        "Service",
        json!({"spec": {"type": "ClusterIP"}, "status": {"loadBalancer": {}}}),
    );
    table(
        &service,
        &[
            (
                json!({"spec": {"type": "LoadBalancer"}}),
                "its load balancer has no address yet",
            ),
            (
                json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
                "",
            ),
        ],
    );
    let established = condition("Established", "True", "InitialNamesAccepted", "");
    let definition = object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        json!({"status": {"conditions": [established]}}),
    );
    let taken = condition("NamesAccepted", "False", "ListKindConflict", "it is in use");
    table(
        &definition,
        &[
            (
                json!({"status": {"conditions": [condition("Established", "False", "Installing", "")]}}),
                "Established is False: Installing",
            ),
            (
                json!({"status": {"conditions": [condition("Established", "False", "NotAccepted", "not all names are accepted")]}}),
                "FAILED Established is False: not all names are accepted (NotAccepted)",
            ),
            (
                json!({"status": {"conditions": [taken]}}),
                "FAILED NamesAccepted is False: it is in use (ListKindConflict)",
            ),
            (json!({"status": null}), "Established is not reported yet"),
        ],
    );
    let api = object(
        "apiregistration.k8s.io/v1",
        "APIService",
        json!({"status": {"conditions": [condition("Available", "True", "Local", "")]}}),
    );
    let gone = condition("Available", "False", "MissingEndpoints", "no endpoints");
    table(
        &api,
        &[(
            json!({"status": {"conditions": [gone]}}),
            "Available is False: no endpoints (MissingEndpoints)",
        )],
    );
}
