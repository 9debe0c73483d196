/*! The pods that pull: one for each pool, with a container for each image, and nothing that a restricted namespace refuses. */

use std::time::Duration;

use cluster::openshift::text;
use serde_json::{Map, Value, json};

use super::pools::Pool;

/// The label of all such pods; its value is the run that made them.
pub const LABEL: &str = "offline-bundle/prove-pull";

/// How much longer than a run its pods may live, should nobody delete them.
const GRACE: Duration = Duration::from_secs(60);

/// A pod on a pool, pulling these images.
pub fn pod(run: &str, number: usize, pool: &Pool, images: &[String], limit: Duration) -> Value {
    let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("prove-pull-{run}-{number}"),
            "labels": {LABEL: run},
            "annotations": {"offline-bundle/pool": pool.name},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": (limit + GRACE).as_secs(),
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "affinity": affinity(pool),
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": containers,
        },
    })
}

/// The name of the container of an image.
pub fn container_name(number: usize) -> String {
    format!("image-{number}")
}

fn container((number, image): (usize, &String)) -> Value {
    json!({
        "name": container_name(number),
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["true"],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
    })
}

/// The nodes of a pool, by the selector that it has itself.
fn affinity(pool: &Pool) -> Value {
    let labels = pool.selector.get("matchLabels").and_then(Value::as_object);
    let labels = labels.cloned().unwrap_or_else(Map::new).into_iter();
    let mut expressions: Vec<Value> = labels
        .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
        .collect();
    let more = pool
        .selector
        .get("matchExpressions")
        .and_then(Value::as_array);
    expressions.extend(more.into_iter().flatten().cloned());
    match expressions.is_empty() {
        true => Value::Null,
        false => json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": expressions}],
        }}}),
    }
}

/// The pool that a pod was made for.
pub fn pool_of(pod: &Value) -> &str {
    text(pod, "/metadata/annotations/offline-bundle~1pool")
}
