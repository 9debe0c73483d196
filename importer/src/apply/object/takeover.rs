/*!
Objects that `kubectl apply` or `oc apply` has applied on the client's side: their fields become ours, so that what a later bundle
drops is gone.

As `kubectl apply --server-side` does it (client-go, util/csaupgrade): the fields of the client-side manager join those of the server-side one,
but for the annotation that kept the last applied state.
*/

use cluster::openshift::items;
use serde_json::{Map, Value, json};

use crate::apply::FIELD_MANAGER;

/// The manager of `kubectl apply` (kubectl, pkg/cmd/apply).
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// Where `kubectl apply` keeps what it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Who manages which fields of an object (Kubernetes, "Field management"), as a JSON pointer.
pub const MANAGERS: &str = "/metadata/managedFields";

/// Whether an object has fields of a client-side manager.
pub fn is_due(object: &Value) -> bool {
    items(object, MANAGERS).iter().any(is_client_side)
}

/// The JSON patch (RFC 6902) that hands the fields over, for the object as it is after our first apply.
pub fn patch(object: &Value) -> Option<Value> {
    let version = object.pointer("/metadata/resourceVersion")?;
    let mut fields = Map::new();
    let mut others = Vec::new();
    let mut ours = None;
    for entry in items(object, MANAGERS) {
        let is_ours = entry.get("manager") == Some(&FIELD_MANAGER.into())
            && entry.get("operation") == Some(&"Apply".into());
        if (is_ours || is_client_side(entry))
            && let Some(Value::Object(more)) = entry.get("fieldsV1")
        {
            join(&mut fields, more);
        }
        match (is_ours, is_client_side(entry)) {
            (true, _) => ours = Some(entry.clone()),
            (false, true) => {}
            (false, false) => others.push(entry.clone()),
        }
    }
    let mut ours = ours?;
    if let Some(Value::Object(annotations)) = fields
        .get_mut("f:metadata")
        .and_then(|metadata| metadata.get_mut("f:annotations"))
    {
        annotations.remove(&format!("f:{LAST_APPLIED}"));
    }
    ours["fieldsV1"] = fields.into();
    others.push(ours);
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": others},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]))
}

/// Whether it wrote the object whole from a client: by its name, or because it owns the annotation, as other programs with kubectl's
/// code do.
fn is_client_side(entry: &Value) -> bool {
    let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let annotation = entry
        .pointer("/fieldsV1/f:metadata/f:annotations")
        .and_then(|annotations| annotations.get(format!("f:{LAST_APPLIED}")));
    text("operation") == "Update"
        && text("subresource").is_empty()
        && (text("manager") == CLIENT_SIDE || annotation.is_some())
}

/// The union of two sets of fields (Kubernetes, FieldsV1).
fn join(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (field, below) in more {
        match (into.get_mut(field), below) {
            (Some(Value::Object(there)), Value::Object(below)) => join(there, below),
            (Some(_), _) => {}
            (None, below) => {
                into.insert(field.clone(), below.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn fields_of_the_client_side_become_ours_and_nobody_elses() {
        let object = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            entry(CLIENT_SIDE, "Update", json!({"f:data": {".": {}, "f:a": {}, "f:old": {}}})),
            entry("controller", "Update", json!({"f:data": {"f:c": {}}})),
            entry("oc", "Update", json!({"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}, "f:x": {}}}})),
            entry(FIELD_MANAGER, "Apply", json!({"f:data": {"f:a": {}, "f:b": {}}})),
        ]}});
        assert!(is_due(&object));
        let patch = patch(&object);
        let managed = patch.as_ref().and_then(|patch| patch.pointer("/0/value"));
        let expected = json!([
            entry("controller", "Update", json!({"f:data": {"f:c": {}}})),
            entry(
                FIELD_MANAGER,
                "Apply",
                json!({
                    "f:data": {".": {}, "f:a": {}, "f:old": {}, "f:b": {}},
                    "f:metadata": {"f:annotations": {".": {}, "f:x": {}}},
                })
            ),
        ]);
        assert_eq!(managed, Some(&expected));
        let after = json!({"metadata": {"managedFields": expected}});
        assert!(!is_due(&after));
    }
}
