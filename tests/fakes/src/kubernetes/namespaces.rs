/*!
Namespaces: what may be stored in one, and what becomes of one that is deleted (Kubernetes, "Namespaces Walkthrough").

A real cluster empties a namespace that was deleted and then takes it away. Nothing does so here, as on an API server without
its controllers: it stays `Terminating` until a test removes it.
*/

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    apply::NOW,
    response::ApiResponse,
    route::Route,
    store::{ObjectKey, State},
};

/// The phase of one that is being deleted.
const TERMINATING: &str = "Terminating";

/// Why nothing new may be stored under a key, if its namespace is not there, or not for long.
pub(super) fn refusal(state: &State, route: &Route, key: &ObjectKey) -> Option<ApiResponse> {
    let namespace = &key.namespace;
    let Some(found) = state.objects.get(&ObjectKey::namespace(namespace)) else {
        let message = format!("namespaces {namespace:?} not found");
        let details = json!({"name": namespace, "kind": "namespaces"});
        return Some(ApiResponse::refusal(
            StatusCode::NOT_FOUND,
            "NotFound",
            &message,
            details,
        ));
    };
    if found["status"]["phase"] != TERMINATING {
        return None;
    }
    let message = format!(
        "{} {:?} is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
        route.qualified_resource(),
        key.name
    );
    let cause = json!({
        "reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace",
    });
    let details = json!({"name": key.name, "kind": route.resource.plural, "causes": [cause]});
    Some(ApiResponse::refusal(
        StatusCode::FORBIDDEN,
        "Forbidden",
        &message,
        details,
    ))
}

/// One that has just been deleted.
pub(super) fn terminating(mut namespace: Value) -> Value {
    namespace["metadata"]["deletionTimestamp"] = NOW.into();
    namespace["status"]["phase"] = TERMINATING.into();
    namespace
}

/// Keeps the status as the server has it, whatever was sent.
pub(super) fn keep_status(live: &Value, object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        match live.get("status") {
            Some(status) => object.insert("status".to_owned(), status.clone()),
            None => object.remove("status"),
        };
    }
}
