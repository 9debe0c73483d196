/*!
Why an API server refuses, in one sentence: its `Status` (Kubernetes API conventions, "Response Status Kind") for people.
*/

use std::collections::BTreeMap;

use serde_json::Value;

use super::{session::Answer, transport::clean};

/// How many fields of one manager a message lists.
const FIELDS: usize = 5;

/// Who holds which fields, where that is why an apply patch was refused: `kubectl holds .data.x (v1)`.
pub(super) fn holders(answer: &Answer) -> Option<String> {
    if answer.status != 409 {
        return None;
    }
    let causes = answer.body.pointer("/details/causes")?.as_array()?;
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cause in causes {
        if cause.get("reason").and_then(Value::as_str) != Some("FieldManagerConflict") {
            continue;
        }
        let text = |key| cause.get(key).and_then(Value::as_str).unwrap_or_default();
        held.entry(clean(manager(text("message"))))
            .or_default()
            .push(clean(text("field")));
    }
    if held.is_empty() {
        return None;
    }
    let told = held.iter().map(|(manager, fields)| {
        let shown = fields.iter().take(FIELDS).cloned().collect::<Vec<_>>();
        let more = match fields.len().checked_sub(FIELDS) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        format!("{manager} holds {}{more}", shown.join(", "))
    });
    Some(told.collect::<Vec<_>>().join("; "))
}

/// The manager of `conflict with "kubectl" using v1` or `conflict with "kubectl" with subresource "status" using v1 at …`.
fn manager(message: &str) -> &str {
    let rest = message.strip_prefix("conflict with ").unwrap_or(message);
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest;
    };
    quoted.split('"').next().unwrap_or(rest)
}

/// The server's words, with its status where it has none.
pub(super) fn said(answer: &Answer) -> String {
    let message = answer.body.get("message").and_then(Value::as_str);
    let message = message.map(clean).unwrap_or_default();
    let message = message.trim();
    match (answer.status, message) {
        (status, "") => format!("the server answered {status}"),
        (429 | 500..=599, message) => format!("the server answered {}: {message}", answer.status),
        (_, message) => format!("the server refuses it: {message}"),
    }
}

/// What a 404 says is not there: `namespaces`, `configmaps`; empty for a path that is not served.
pub(super) fn missing(answer: &Answer) -> Option<&str> {
    let missing = || answer.body.pointer("/details/kind").and_then(Value::as_str);
    (answer.status == 404).then(|| missing().unwrap_or_default())
}
