/*!
Which fields somebody holds: sets of paths, and their form in `managedFields` (`fieldsV1`).

Lists are held as a whole here; a real server knows the elements of many. What is left out of every set is what the
server itself says of an object.
*/

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A path of field names.
pub(super) type Path = Vec<String>;

/// The fields that an applied object claims. Of custom resources the maps on the way belong to it, as fields that
/// no schema declares.
pub(super) fn claimed(object: &Value, custom: bool) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    collect(object, &mut Vec::new(), custom, &mut paths);
    paths
}

fn collect(value: &Value, path: &mut Path, custom: bool, paths: &mut BTreeSet<Path>) {
    let depth = path.len();
    match value {
        Value::Object(map) if !map.is_empty() => {
            let undeclared = custom && depth > 0 && path[0] != "metadata";
            if undeclared {
                paths.insert(path.clone());
            }
            for (key, value) in map {
                path.push(key.clone());
                if !is_of_the_server(path) {
                    collect(value, path, custom, paths);
                }
                path.pop();
            }
        }
        _ => {
            paths.insert(path.clone());
        }
    }
}

fn is_of_the_server(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match &path[..] {
        ["apiVersion" | "kind"] => true,
        ["metadata", field] => matches!(
            *field,
            "name"
                | "namespace"
                | "uid"
                | "resourceVersion"
                | "generation"
                | "creationTimestamp"
                | "managedFields"
                | "selfLink"
        ),
        _ => false,
    }
}

/// The form in `managedFields`.
pub(super) fn to_json(paths: &BTreeSet<Path>) -> Value {
    let mut root = Map::new();
    for path in paths {
        let mut map = &mut root;
        for (place, name) in path.iter().enumerate() {
            let inner = map
                .entry(format!("f:{name}"))
                .or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { break };
            let within = paths
                .range(path.clone()..)
                .nth(1)
                .is_some_and(|next| next.starts_with(path));
            if place + 1 == path.len() && within {
                inner.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map = inner;
        }
    }
    Value::Object(root)
}

/// Back from that form.
pub(super) fn from_json(fields: &Value) -> BTreeSet<Path> {
    fn walk(fields: &Value, path: &mut Path, paths: &mut BTreeSet<Path>) {
        let Value::Object(map) = fields else { return };
        if map.is_empty() || map.contains_key(".") {
            paths.insert(path.clone());
        }
        for (key, inner) in map {
            if let Some(name) = key.strip_prefix("f:") {
                path.push(name.to_owned());
                walk(inner, path, paths);
                path.pop();
            }
        }
    }
    let mut paths = BTreeSet::new();
    walk(fields, &mut Vec::new(), &mut paths);
    paths
}

/// The value at a path.
pub(super) fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| value.get(name))
}

/// Takes the value at a path away, and maps that are empty without it.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let (Some((name, rest)), Value::Object(map)) = (path.split_first(), object) else {
        return;
    };
    if rest.is_empty() {
        map.remove(name);
    } else if let Some(inner) = map.get_mut(name) {
        remove(inner, rest);
        if inner.as_object().is_some_and(Map::is_empty) {
            map.remove(name);
        }
    }
}
