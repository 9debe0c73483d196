/*!
Why an API server refuses, in one sentence: its `Status` (Kubernetes API conventions, "Response Status Kind") for people.
*/

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{classify::clean, request::Answer};

/// How many fields of one manager a message lists.
const FIELDS: usize = 5;

/// Who holds which fields, where that is why an apply patch was refused: `kubectl holds .data.x (v1)`.
pub fn holders(answer: &Answer) -> Option<String> {
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
    let held = held.iter().map(|(manager, fields)| {
        let shown = fields.iter().take(FIELDS).cloned().collect::<Vec<_>>();
        let more = match fields.len().checked_sub(FIELDS) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        format!("{manager} holds {}{more}", shown.join(", "))
    });
    Some(held.collect::<Vec<_>>().join("; "))
}

/// The manager of `conflict with "kubectl" using v1` or `conflict with "kubectl" with subresource "status" using v1 at …`.
fn manager(message: &str) -> &str {
    let rest = message.strip_prefix("conflict with ").unwrap_or(message);
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest;
    };
    quoted.split('"').next().unwrap_or(rest)
}

/// The server's words alone, fit for a message.
pub fn words(answer: &Answer) -> String {
    match clean(answer.message()) {
        words if words.is_empty() => "it gives no reason".to_owned(),
        words => words,
    }
}

/// The server's words, with its status where it has none or may be at fault itself.
pub fn text(answer: &Answer) -> String {
    let message = clean(answer.message());
    match (answer.status, message.trim()) {
        (status, "") => format!("the server answered {status}"),
        (status @ (429 | 500..=599), message) if !answer.is_misfit() => {
            format!("the server answered {status}: {message}")
        }
        (_, message) => format!("the server refuses it: {message}"),
    }
}

/// What a 404 says is not there: `namespaces`, `configmaps`; empty for a path that is not served.
pub fn missing(answer: &Answer) -> Option<&str> {
    let missing = || answer.body.pointer("/details/kind").and_then(Value::as_str);
    (answer.status == 404).then(|| missing().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn managers_are_named_with_their_fields() {
        let cause = |message: &str, field: &str| json!({"reason": "FieldManagerConflict", "message": message, "field": field});
        let causes = [
            cause(r#"conflict with "kubectl" using v1"#, ".data.x"),
            cause(
                r#"conflict with "argo cd" with subresource "status" using v1 at 2024-01-01T00:00:00Z"#,
                ".status.phase",
            ),
            cause(r#"conflict with "kubectl" using v1"#, ".data.y"),
        ];
        let refused = Answer::of(
            409,
            json!({"reason": "Conflict", "details": {"causes": causes}}),
        );
        let expected = "argo cd holds .status.phase; kubectl holds .data.x, .data.y";
        assert_eq!(holders(&refused).as_deref(), Some(expected));
    }

    #[test]
    fn many_fields_are_counted() {
        let cause = |n: usize| json!({"reason": "FieldManagerConflict", "message": "conflict with \"a\" using v1", "field": format!(".data.{n}")});
        let causes: Vec<_> = (0..7).map(cause).collect();
        let refused = Answer::of(409, json!({"details": {"causes": causes}}));
        let expected = "a holds .data.0, .data.1, .data.2, .data.3, .data.4 and 2 more";
        assert_eq!(holders(&refused).as_deref(), Some(expected));
    }

    #[test]
    fn a_409_of_another_kind_is_no_matter_of_managers() {
        let modified = Answer::of(409, json!({"message": "the object has been modified"}));
        assert_eq!(holders(&modified), None);
        assert_eq!(
            text(&modified),
            "the server refuses it: the object has been modified"
        );
    }

    #[test]
    fn the_servers_words_cannot_steer_a_terminal() {
        let refused = Answer::of(422, json!({"message": "bad\u{1b}[31m\nname"}));
        assert_eq!(text(&refused), "the server refuses it: bad\\u{1b}[31m name");
        assert_eq!(
            text(&Answer::of(502, Value::Null)),
            "the server answered 502"
        );
        let misfit = Answer::of(
            500,
            json!({"message": "failed to create typed patch object: .a: field not declared in schema"}),
        );
        assert!(text(&misfit).starts_with("the server refuses it: failed to create"));
    }
}
