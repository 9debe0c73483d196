use serde_json::{Value, json};

use super::{Health, of};

fn why(object: Value) -> String {
    match of(&object) {
        Health::Healthy => String::new(),
        Health::Unhealthy(reason) => reason,
    }
}

fn deployment(status: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status,
    })
}

#[test]
fn a_deployment_needs_its_replicas_of_the_observed_generation() {
    let full = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
    assert_eq!(why(deployment(full.clone())), "");
    let mut stale = full.clone();
    stale["observedGeneration"] = json!(1);
    assert!(why(deployment(stale)).contains("observedGeneration 1"));
    let mut short = full.clone();
    short["availableReplicas"] = json!(1);
    assert_eq!(why(deployment(short)), "1 of 2 replicas are available");
    let mut old = full;
    old["replicas"] = json!(3);
    assert_eq!(why(deployment(old)), "1 old replicas are still there");
    assert_eq!(
        why(deployment(json!({}))),
        "no controller has observed it yet"
    );
}

fn with(api_version: &str, kind: &str, conditions: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "status": {"conditions": conditions}})
}

#[test]
fn conditions_of_pools_operators_and_custom_resources_count() {
    let pool = |conditions| {
        with(
            "machineconfiguration.openshift.io/v1",
            "MachineConfigPool",
            conditions,
        )
    };
    assert_eq!(
        why(pool(json!([{"type": "Updated", "status": "True"}]))),
        ""
    );
    let degraded = json!([{"type": "Updated", "status": "True"}, {"type": "Degraded", "status": "True", "message": "node a"}]);
    assert_eq!(why(pool(degraded)), "Degraded is True: node a");
    let operator = |conditions| with("config.openshift.io/v1", "ClusterOperator", conditions);
    assert_eq!(why(operator(json!([]))), "Available is not reported yet");
    let custom = |conditions| with("example.com/v1", "Widget", conditions);
    assert_eq!(why(custom(json!([]))), "");
    assert_eq!(
        why(custom(json!([{"type": "Ready", "status": "False"}]))),
        "Ready is False"
    );
    assert_eq!(
        why(custom(json!([{"type": "Stalled", "status": "True"}]))),
        "Stalled is True"
    );
}
