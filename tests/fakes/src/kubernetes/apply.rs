/*!
Server-side apply, as far as it decides what an importer is told (Kubernetes, "Server-Side Apply").

Pure: an object as it is and one as it is to be in, the outcome out.
*/

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::{self, Path};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub manager: &'a str,
    pub force: bool,
    /// A custom resource, whose fields no schema declares.
    pub custom: bool,
}

/// A field that somebody else holds with another value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub manager: String,
    /// ` using v1`, for those that did not apply.
    pub how: String,
    /// `.data.a`
    pub field: String,
}

/// Somebody who holds fields.
#[derive(Debug, Clone, PartialEq)]
struct Owner {
    manager: String,
    operation: String,
    api_version: String,
    fields: BTreeSet<Path>,
    time: Value,
}

/// When everything happens.
pub(super) const NOW: &str = "2024-01-01T00:00:00Z";

/// The object after a manager applied another, or with whom that conflicts. An object that does not exist is null.
pub(super) fn apply(
    live: &Value,
    applied: &Value,
    request: Request<'_>,
) -> Result<Value, Vec<Conflict>> {
    let claimed = fields::claimed(applied, request.custom);
    let (mine, mut others): (Vec<Owner>, Vec<Owner>) = owners(live)
        .into_iter()
        .partition(|owner| owner.manager == request.manager && owner.operation == "Apply");
    let differs = |path: &Path| {
        let value = fields::at(applied, path);
        let inner = value
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty());
        !inner && value != fields::at(live, path)
    };
    let mut conflicts = Vec::new();
    for owner in &mut others {
        let contested: BTreeSet<Path> = owner
            .fields
            .intersection(&claimed)
            .filter(|path| differs(path))
            .cloned()
            .collect();
        conflicts.extend(contested.iter().map(|path| owner.conflict(path)));
        owner.fields = &owner.fields - &contested;
    }
    if !conflicts.is_empty() && !request.force {
        return Err(conflicts);
    }
    others.retain(|owner| !owner.fields.is_empty());
    let mut object = if live.is_null() {
        json!({})
    } else {
        live.clone()
    };
    merge(&mut object, applied);
    let given_up = mine.iter().flat_map(|owner| &owner.fields);
    for path in given_up.filter(|path| !claimed.contains(*path)) {
        if !others.iter().any(|owner| owner.fields.contains(path)) {
            fields::remove(&mut object, path);
        }
    }
    let api_version = applied["apiVersion"].as_str().unwrap_or_default();
    let same = mine
        .iter()
        .find(|owner| owner.fields == claimed && owner.api_version == api_version);
    let me = same.cloned().unwrap_or_else(|| Owner {
        manager: request.manager.to_owned(),
        operation: "Apply".to_owned(),
        api_version: api_version.to_owned(),
        fields: claimed,
        time: NOW.into(),
    });
    others.push(me);
    set_owners(&mut object, others);
    Ok(object)
}

/// The object after a manager changed it by other means, and now holds what it changed.
pub(super) fn update(live: &Value, mut object: Value, manager: &str, custom: bool) -> Value {
    let after = fields::claimed(&object, custom);
    let changed: BTreeSet<Path> = after
        .into_iter()
        .filter(|path| fields::at(live, path) != fields::at(&object, path))
        .collect();
    let mut owners = owners(live);
    for owner in &mut owners {
        owner.fields = &owner.fields - &changed;
        owner
            .fields
            .retain(|path| fields::at(&object, path).is_some());
    }
    let mine = owners
        .iter_mut()
        .find(|owner| owner.manager == manager && owner.operation == "Update");
    match mine {
        Some(mine) => mine.fields.extend(changed),
        None => owners.push(Owner {
            manager: manager.to_owned(),
            operation: "Update".to_owned(),
            api_version: object["apiVersion"].as_str().unwrap_or_default().to_owned(),
            fields: changed,
            time: NOW.into(),
        }),
    }
    owners.retain(|owner| !owner.fields.is_empty());
    set_owners(&mut object, owners);
    object
}

/// A merge patch (RFC 7386).
pub(super) fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge_patch(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Maps are merged, everything else is replaced.
fn merge(target: &mut Value, applied: &Value) {
    match (target, applied) {
        (Value::Object(target), Value::Object(applied)) => {
            for (key, value) in applied {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, applied) => *target = applied.clone(),
    }
}

impl Owner {
    fn conflict(&self, path: &Path) -> Conflict {
        let how = match self.operation.as_str() {
            "Apply" => String::new(),
            _ => format!(" using {}", self.api_version),
        };
        Conflict {
            manager: self.manager.clone(),
            how,
            field: path.iter().map(|name| format!(".{name}")).collect(),
        }
    }
}

fn owners(object: &Value) -> Vec<Owner> {
    let entries = object["metadata"]["managedFields"].as_array();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let owner = |entry: &Value| Owner {
        manager: text(entry, "manager"),
        operation: text(entry, "operation"),
        api_version: text(entry, "apiVersion"),
        fields: fields::from_json(&entry["fieldsV1"]),
        time: entry["time"].clone(),
    };
    entries.into_iter().flatten().map(owner).collect()
}

/// Those that applied come before those that updated; all at the same time, they follow by name.
fn set_owners(object: &mut Value, mut owners: Vec<Owner>) {
    owners.sort_by(|one, other| {
        let key = |owner: &Owner| (owner.operation.clone(), owner.manager.clone());
        key(one).cmp(&key(other))
    });
    let entry = |owner: &Owner| {
        json!({
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields::to_json(&owner.fields),
        })
    };
    object["metadata"]["managedFields"] = owners.iter().map(entry).collect();
}
