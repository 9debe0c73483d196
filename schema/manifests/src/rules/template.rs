/*!
Helm templates, which look like manifests and are none: most cannot be read, and of those that can the values are nonsense.

Only what belongs to Helm counts. `{{` alone is the language of alerts, dashboards and workflows too.
*/

use serde_json::Value;

use super::{Fault, What, group};
use crate::{Location, Object, ObjectsError, documents::line_and_column};

/// What stands in the expressions of Helm alone.
const OBJECTS: [&str; 5] = [
    ".Values",
    ".Release.",
    ".Chart.",
    ".Capabilities.",
    ".Template.",
];

/// What stands in Helm's expressions and in those of others too: enough to explain a file that cannot be read, not to refuse one
/// that can.
const CALLS: [&str; 2] = ["include \"", "template \""];

/// A broken file that is a Helm template is called one, at its first expression.
pub(crate) fn instead(text: &str, error: ObjectsError) -> ObjectsError {
    let document = match &error {
        ObjectsError::Malformed { location, .. }
        | ObjectsError::Missing { location, .. }
        | ObjectsError::NotAnObject { location, .. }
        | ObjectsError::NotAString { location, .. }
        | ObjectsError::Refused { location, .. } => location.document,
        _ => return error,
    };
    match first(text, true) {
        None => error,
        Some(at) => ObjectsError::Template {
            location: Location {
                document,
                line: text.get(..at).map(line_and_column),
            },
        },
    }
}

/// Where the first expression of Helm's begins; with `calls`, also one that may be.
fn first(text: &str, calls: bool) -> Option<usize> {
    let mut found = text.match_indices("{{").map(|(at, _)| at);
    found.find(|&at| {
        let expression = text[at..].split("}}").next().unwrap_or_default();
        let call = calls && CALLS.iter().any(|call| expression.contains(call));
        call || OBJECTS.iter().any(|object| expression.contains(object))
    })
}

/// The kinds of Kubernetes itself know no templates; ConfigMaps and Secrets may carry one for somebody else.
pub(super) fn check(object: &Object) -> Result<(), Fault> {
    let own = [
        "",
        "apps",
        "autoscaling",
        "batch",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
    ];
    if !own.contains(&group(object)) || matches!(object.kind.as_str(), "ConfigMap" | "Secret") {
        return Ok(());
    }
    let mut path = Vec::new();
    if expression(&object.value, &mut path) {
        return Err(Fault {
            path,
            what: What::Template,
        });
    }
    Ok(())
}

/// Looks for an expression outside of annotations; the path to it is left behind.
fn expression(value: &Value, path: &mut Vec<String>) -> bool {
    let mut enter = |step: String, below: &Value| {
        path.push(step);
        let found = expression(below, path);
        if !found {
            path.pop();
        }
        found
    };
    match value {
        Value::String(text) => first(text, false).is_some(),
        Value::Array(items) => (0..)
            .zip(items)
            .any(|(index, item): (usize, _)| enter(index.to_string(), item)),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key != "annotations" && enter(key.clone(), value)),
        _ => false,
    }
}
