/*!
Fields that a cluster writes: what `kubectl get -o yaml` prints beside what somebody wrote.

Another cluster refuses some of them (`uid`, `resourceVersion`: 409; `managedFields`: 400), ignores or fights over others, and collects an object whose
owner it does not know. What generators write empty (`creationTimestamp: null`, `status: {}`) does no harm.
*/

use serde_json::Value;

use super::{Fault, What};
use crate::Object;

/// Below `metadata`, with the name to show.
const METADATA: [&str; 9] = [
    "metadata.uid",
    "metadata.resourceVersion",
    "metadata.managedFields",
    "metadata.creationTimestamp",
    "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.generation",
    "metadata.selfLink",
    "metadata.ownerReferences",
];

pub(super) fn check(object: &Object) -> Result<(), Fault> {
    for field in METADATA.into_iter().chain(["status"]) {
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let value = object.value.pointer(&format!("/{}", path.join("/")));
        if !value.is_none_or(says_nothing) {
            return Err(Fault {
                path,
                what: What::Leftover(field),
            });
        }
    }
    Ok(())
}

/// Whether a value is what a generator writes for nothing, down to the last leaf.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(says_nothing),
        Value::Object(map) => map.values().all(says_nothing),
    }
}
