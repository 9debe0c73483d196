/*! Whether an object is as it was saved, and what is sent to make it so. */

use cluster::openshift::{items, text};
use serde_json::{Map, Value, json};

use crate::apply::{FIELD_MANAGER, object::MANAGERS};

/// What a server sets of metadata by itself.
const SERVER_SET: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Labels that the server puts on the pods of a Job (k8s.io/kubernetes, `pkg/registry/batch/job`, `generateSelector`).
const OF_JOBS: [&str; 4] = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];

/// What somebody wanted of an object: all of it but `status` and what the server sets.
pub(super) fn content(object: &Value) -> Value {
    let mut content = object.clone();
    if let Some(fields) = content.as_object_mut() {
        fields.remove("status");
    }
    take_selector(&mut content);
    if let Some(metadata) = content.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in SERVER_SET {
            metadata.remove(field);
        }
        for empty in ["labels", "annotations", "finalizers", "ownerReferences"] {
            if is_empty(metadata, empty) {
                metadata.remove(empty);
            }
        }
    }
    content
}

/// The selector and the labels that the server made up for a Job, taken out of it.
fn take_selector(object: &mut Value) -> Option<(Value, Map<String, Value>)> {
    let group = text(object, "/apiVersion").split('/').next();
    if group != Some("batch") || text(object, "/kind") != "Job" {
        return None;
    }
    let spec = object.get_mut("spec")?.as_object_mut()?;
    if spec.get("manualSelector") == Some(&true.into()) {
        return None;
    }
    let selector = spec.remove("selector")?;
    let mut taken = Map::new();
    let metadata = spec.get_mut("template")?.get_mut("metadata")?;
    let metadata = metadata.as_object_mut()?;
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        let made_up = OF_JOBS.into_iter();
        taken.extend(made_up.filter_map(|name| Some((name.to_owned(), labels.remove(name)?))));
    }
    if is_empty(metadata, "labels") {
        metadata.remove("labels");
    }
    Some((selector, taken))
}

fn is_empty(metadata: &Map<String, Value>, field: &str) -> bool {
    match metadata.get(field) {
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

/// The saved content in the place of what is there, which it must still be; `status` is its controller's, and stays.
pub(super) fn replacement(saved: &Value, live: &Value) -> Value {
    let mut object = content(saved);
    if let Some(status) = live.get("status") {
        object["status"] = status.clone();
    }
    // What was made up for a Job cannot be changed.
    if let Some((selector, labels)) = take_selector(&mut live.clone()) {
        object["spec"]["selector"] = selector;
        for (name, label) in labels {
            object["spec"]["template"]["metadata"]["labels"][name] = label;
        }
    }
    let version = live.pointer("/metadata/resourceVersion");
    object["metadata"]["resourceVersion"] = version.cloned().unwrap_or_default();
    object
}

/// Whether both have the same managers for what somebody wanted; times do not count.
pub(super) fn same_owners(one: &Value, other: &Value) -> bool {
    let owners = |object| {
        let mut owners: Vec<Value> = wishes(object).cloned().collect();
        for owner in owners.iter_mut().filter_map(Value::as_object_mut) {
            owner.remove("time");
        }
        owners.sort_by_cached_key(Value::to_string);
        owners
    };
    owners(one) == owners(other)
}

/// The JSON patch (RFC 6902) that gives an object the managers that it was saved with; those of its status stay.
pub(super) fn owners_patch(saved: &Value, live: &Value) -> Value {
    let mut owners: Vec<&Value> = wishes(saved).collect();
    owners.extend(
        items(live, MANAGERS)
            .iter()
            .filter(|entry| is_of_status(entry)),
    );
    let none = json!({});
    if owners.is_empty() {
        // An empty list would leave them as they are; this is how they are reset (Kubernetes, "Server-Side Apply").
        owners.push(&none);
    }
    json!([
        {"op": "add", "path": "/metadata/managedFields", "value": owners},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live.pointer("/metadata/resourceVersion")},
    ])
}

/// Whether others wanted something of it and we did not. An object of a name alone has no managers.
pub(super) fn is_of_others(object: &Value) -> bool {
    let ours = |entry: &Value| entry.get("manager") == Some(&FIELD_MANAGER.into());
    wishes(object).next().is_some() && !wishes(object).any(ours)
}

fn wishes(object: &Value) -> impl Iterator<Item = &Value> {
    let entries = items(object, MANAGERS).iter();
    entries.filter(|entry| {
        !is_of_status(entry) && entry.get("manager") != Some(&"before-first-apply".into())
    })
}

/// Servers before 1.22 do not name the subresource, only its fields.
fn is_of_status(entry: &Value) -> bool {
    let fields = entry.get("fieldsV1");
    entry.get("subresource").is_some()
        || fields.is_some_and(|fields| fields.get("f:status").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": "Apply", "time": "2024", "fieldsV1": fields})
    }

    #[test]
    fn what_servers_set_is_no_content_and_status_stays_with_its_controller() {
        let saved = json!({"metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "labels": {}}, "spec": {"x": 1}, "status": {"n": 1}});
        let live = json!({"metadata": {"name": "a", "uid": "v", "resourceVersion": "9"}, "spec": {"x": 2}, "status": {"n": 2}});
        assert_ne!(content(&saved), content(&live));
        let sent = replacement(&saved, &live);
        let expected = json!({"metadata": {"name": "a", "resourceVersion": "9"}, "spec": {"x": 1}, "status": {"n": 2}});
        assert_eq!(sent, expected);
        assert_eq!(content(&saved), content(&sent));
    }

    #[test]
    fn what_was_made_up_for_a_job_is_no_content_and_stays() {
        let job = |uid: &str, image: &str| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {
                "selector": {"matchLabels": {"controller-uid": uid}},
                "template": {"metadata": {"labels": {"controller-uid": uid, "job-name": "a"}}, "spec": {"image": image}},
            }})
        };
        let (saved, live) = (job("u", "one"), job("v", "two"));
        assert_eq!(content(&saved), content(&job("v", "one")));
        assert_eq!(
            content(&saved)["spec"],
            json!({"template": {"metadata": {}, "spec": {"image": "one"}}})
        );
        assert_eq!(replacement(&saved, &live)["spec"], job("v", "one")["spec"]);
        let mut own = saved.clone();
        own["spec"]["manualSelector"] = true.into();
        assert_eq!(content(&own)["spec"], own["spec"]);
    }

    #[test]
    fn managers_come_back_and_those_of_status_stay() {
        let kubectl = entry("kubectl", json!({"f:data": {}}));
        let saved = json!({"metadata": {"managedFields": [kubectl]}});
        let controller = entry("controller", json!({"f:status": {}}));
        let ours = entry("offline-bundle", json!({"f:data": {}}));
        let live =
            json!({"metadata": {"resourceVersion": "3", "managedFields": [ours, controller]}});
        assert!(!same_owners(&saved, &live));
        let patch = owners_patch(&saved, &live);
        assert_eq!(patch[0]["value"], json!([kubectl, controller]));
        let after = json!({"metadata": {"managedFields": patch[0]["value"]}});
        assert!(same_owners(&saved, &after));
    }

    #[test]
    fn what_others_made_is_theirs_and_what_has_no_managers_is_not() {
        let of = |managers: Value| json!({"metadata": {"managedFields": managers}});
        let kubectl = entry("kubectl", json!({"f:data": {}}));
        let ours = entry(FIELD_MANAGER, json!({"f:data": {}}));
        let controller = entry("controller", json!({"f:status": {}}));
        assert!(is_of_others(&of(json!([kubectl, controller]))));
        assert!(!is_of_others(&of(json!([kubectl, ours]))));
        assert!(!is_of_others(&of(json!([controller]))));
        assert!(!is_of_others(&json!({})));
    }

    #[test]
    fn who_had_no_managers_gets_an_empty_entry() {
        let patch = owners_patch(&json!({}), &json!({"metadata": {"resourceVersion": "3"}}));
        assert_eq!(patch[0]["value"], json!([{}]));
    }
}
