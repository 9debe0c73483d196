/*!
`--diff`: what would change in an object, as a unified diff of YAML.

What the server keeps for itself is left out, and what a Secret holds is never shown.
*/

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use manifests::write;
use schema::text::escape;
use serde_json::{Map, Value};
use similar::TextDiff;

/// Longest search for the shortest diff; after it a longer one will do.
const SEARCH: Duration = Duration::from_secs(1);

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// Fields of `metadata` that the server sets.
const SERVERS: [&str; 6] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A whole object as client-side apply once left it, Secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How an object changes; empty where it does not. `name` says which it is, `old` is none where it does not exist yet, and
/// `new` is what the server would make of it: what it fills in would seem to go otherwise.
pub fn unified(old: Option<&Value>, new: &Value, name: &str) -> String {
    let (old, new) = (old.map(essential), essential(new));
    let (old, new) = match is_secret(&new) {
        true => hidden(old, new),
        false => (old, new),
    };
    let name = escape(name);
    let from = match old {
        Some(_) => format!("live/{name}"),
        None => "/dev/null".to_owned(),
    };
    let old = old.map_or(String::new(), |old| write::document(&old));
    let new = write::document(&new);
    if old == new {
        return String::new();
    }
    let diff = TextDiff::configure().timeout(SEARCH).diff_lines(&old, &new);
    let mut unified = diff.unified_diff();
    unified
        .context_radius(CONTEXT)
        .header(&from, &format!("new/{name}"))
        .to_string()
}

/// The object without what the server keeps in it.
fn essential(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            metadata.retain(|field, _| !SERVERS.contains(&field.as_str()));
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove(LAST_APPLIED);
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
        }
    }
    object
}

/// Whether it is a Secret of Kubernetes.
pub(super) fn is_secret(object: &Value) -> bool {
    object["apiVersion"] == "v1" && object["kind"] == "Secret"
}

/// Secrets with their content replaced by whether it changes.
fn hidden(old: Option<Value>, new: Value) -> (Option<Value>, Value) {
    let (mut old, mut new) = (old.map(decoded), decoded(new));
    let before = old.as_ref().map(content).unwrap_or_default();
    let after = content(&new);
    if let Some(old) = &mut old {
        hide(old, |_| "hidden");
    }
    hide(&mut new, |key| match before.get(key) {
        Some(value) if after.get(key) != Some(value) => "hidden and changed",
        _ => "hidden",
    });
    (old, new)
}

/// With `stringData` where the server puts it, in `data`.
fn decoded(mut secret: Value) -> Value {
    if let Value::Object(fields) = &mut secret
        && let Some(Value::Object(plain)) = fields.remove("stringData")
    {
        let data = fields.entry("data").or_insert_with(|| Map::new().into());
        if !data.is_object() {
            *data = Map::new().into();
        }
        for (key, value) in plain {
            data[key] = match value {
                Value::String(text) => STANDARD.encode(text).into(),
                other => other,
            };
        }
    }
    secret
}

fn content(secret: &Value) -> Map<String, Value> {
    match &secret["data"] {
        Value::Object(data) => data.clone(),
        _ => Map::new(),
    }
}

fn hide(secret: &mut Value, shown: impl Fn(&str) -> &'static str) {
    match secret.get_mut("data") {
        Some(Value::Object(data)) => {
            for (key, value) in data {
                *value = shown(key).into();
            }
        }
        Some(other) => *other = "hidden".into(),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data})
    }

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let old = map(json!({"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "0644"}));
        let new = map(json!({"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "0600"}));
        let expected = "--- live/ConfigMap web\n+++ new/ConfigMap web\n@@ -5,7 +5,7 @@\n   c: \"3\"\n   d: \"4\"\n   e: \"5\"\n\
                        -  f: \"0644\"\n+  f: \"0600\"\n kind: ConfigMap\n metadata:\n   name: web\n";
        assert_eq!(unified(Some(&old), &new, "ConfigMap web"), expected);
    }

    #[test]
    fn what_is_new_is_all_shown() {
        let expected = "--- /dev/null\n+++ new/x\n@@ -0,0 +1,6 @@\n+apiVersion: v1\n+data:\n+  a: b\n+kind: ConfigMap\n+metadata:\n+  name: web\n";
        assert_eq!(unified(None, &map(json!({"a": "b"})), "x"), expected);
    }

    #[test]
    fn what_the_server_keeps_is_no_difference() {
        let new = map(json!({"a": "b"}));
        let mut old = new.clone();
        old["status"] = json!({"x": 1});
        old["metadata"] = json!({
            "name": "web", "uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "t", "managedFields": [],
            "annotations": {LAST_APPLIED: "{}"},
        });
        assert_eq!(unified(Some(&old), &new, "x"), "");
        old["metadata"]["labels"] = json!({"a": "b"});
        assert!(unified(Some(&old), &new, "x").contains("-  labels:\n-    a: b\n"));
    }

    #[test]
    fn secrets_stay_secret() {
        let secret = |fields: Value| {
            let mut secret =
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
            if let (Value::Object(secret), Value::Object(fields)) = (&mut secret, fields) {
                secret.extend(fields);
            }
            secret
        };
        let mut old =
            secret(json!({"data": {"same": "c2FtZQ==", "other": "b2xk", "gone": "Z29uZQ=="}}));
        old["metadata"]["annotations"] = json!({LAST_APPLIED: "c2FtZQ=="});
        let new = secret(json!({"stringData": {"same": "same", "other": "new", "added": "added"}}));
        let shown = unified(Some(&old), &new, "s");
        for line in [
            "-  gone: hidden\n",
            "-  other: hidden\n",
            "+  added: hidden\n",
            "+  other: hidden and changed\n",
            "   same: hidden\n",
        ] {
            assert!(shown.contains(line), "{line}{shown}");
        }
        let created = unified(None, &new, "s");
        for secret in ["c2FtZQ==", "b2xk", "Z29uZQ==", "bmV3", "YWRkZWQ="] {
            assert!(
                !shown.contains(secret) && !created.contains(secret),
                "{shown}{created}"
            );
        }
        let same = secret(json!({"data": {"same": "c2FtZQ=="}}));
        assert_eq!(
            unified(
                Some(&same),
                &secret(json!({"stringData": {"same": "same"}})),
                "s"
            ),
            ""
        );
        let odd = unified(None, &secret(json!({"data": "b2xk"})), "s");
        assert!(odd.contains("+data: hidden\n"), "{odd}");
    }

    #[test]
    fn nothing_reaches_the_terminal_as_it_is() {
        let shown = unified(None, &map(json!({"a": "\u{1b}[2J\nx"})), "\u{1b}[31m");
        assert!(
            !shown.contains('\u{1b}') && shown.contains("\\u001b[2J"),
            "{shown}"
        );
    }
}
