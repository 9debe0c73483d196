/*! What objects as clusters show them come to, kind by kind, and what is waited for. */

mod cluster_kinds;
mod kubernetes;
mod pods;
mod watch;

use serde_json::{Value, json};

use super::{Lack, check};

/// Empty for what is healthy; `FAILED …` for what does not come right any more.
fn why(object: &Value) -> String {
    match check(object) {
        Ok(()) => String::new(),
        Err(Lack::Underway(reason)) => reason,
        Err(Lack::Failed(reason)) => format!("FAILED {reason}"),
    }
}

/// An object of a kind, with more fields.
fn object(api_version: &str, kind: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "it", "generation": 2}});
    merge(&mut object, more);
    object
}

/// Merges fields into an object; lists are replaced.
fn merge(object: &mut Value, more: Value) {
    match (object, more) {
        (Value::Object(object), Value::Object(more)) => {
            for (key, value) in more {
                merge(object.entry(key).or_insert_with(|| json!({})), value);
            }
        }
        (object, more) => *object = more,
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// Each is what the first is, with some fields different.
fn table(whole: &Value, rows: &[(Value, &str)]) {
    assert_eq!(why(whole), "", "{whole:#}");
    for (more, expected) in rows {
        let mut object = whole.clone();
        merge(&mut object, more.clone());
        assert_eq!(why(&object), *expected, "{more}");
    }
}
