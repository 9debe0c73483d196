/*!
What a ClusterVersion and MachineConfigPools say, read leniently: other versions of OpenShift leave fields out or add some.

Field names are those of `config.openshift.io/v1` and `machineconfiguration.openshift.io/v1`.
*/

use schema::{Digest, text::escape};
use serde_json::Value;

/// A condition of the object that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'v> {
    /// `True`, `False` or `Unknown`.
    pub status: &'v str,
    /// One word.
    pub reason: &'v str,
    /// For people.
    pub message: &'v str,
}

impl Condition<'_> {
    /// Its reason and its message on one line, harmless for a terminal.
    pub fn text(&self) -> String {
        let message = one_line(self.message);
        match (self.reason, message.is_empty()) {
            ("", _) => message,
            (reason, true) => escape(reason),
            (reason, false) => format!("{message} ({})", escape(reason)),
        }
    }
}

/// The condition of this type among `status.conditions`.
pub fn condition<'v>(object: &'v Value, kind: &str) -> Option<Condition<'v>> {
    among(object.pointer("/status/conditions")?, kind)
}

/// The condition of this type in a list of them.
pub fn among<'v>(conditions: &'v Value, kind: &str) -> Option<Condition<'v>> {
    let mut conditions = conditions.as_array()?.iter();
    let found = conditions.find(|condition| text(condition, "/type") == kind)?;
    Some(Condition {
        status: text(found, "/status"),
        reason: text(found, "/reason"),
        message: text(found, "/message"),
    })
}

/// The condition of this type if it is `True`.
pub fn when_true<'v>(object: &'v Value, kind: &str) -> Option<Condition<'v>> {
    condition(object, kind).filter(|condition| condition.status == "True")
}

/// Whether all nodes of a MachineConfigPool are at its configuration. `Updated` may still be about the configuration before: it
/// counts once the pool's status is about the wanted one.
pub fn is_updated(pool: &Value) -> bool {
    when_true(pool, "Updated").is_some()
        && text(pool, "/spec/configuration/name") == text(pool, "/status/configuration/name")
}

/// The text at a JSON pointer, empty if there is none.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The items of the list at a JSON pointer; none if it is missing or null.
pub fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The digest that an image is named by.
pub fn digest_of(image: &str) -> Option<Digest> {
    image.rsplit_once('@')?.1.parse().ok()
}

/// The version that the cluster is at or on its way to.
pub fn desired_version(cluster_version: &Value) -> Option<&str> {
    Some(text(cluster_version, "/status/desired/version")).filter(|version| !version.is_empty())
}

/// The version that the cluster has reached; while it is being installed, the one that it is on its way to.
pub fn version(cluster_version: &Value) -> Option<&str> {
    reached_version(cluster_version).or_else(|| desired_version(cluster_version))
}

/// The version that the cluster has reached: that of the newest completed entry of its history.
fn reached_version(cluster_version: &Value) -> Option<&str> {
    let mut history = items(cluster_version, "/status/history").iter();
    let completed = history.find(|entry| text(entry, "/state") == "Completed")?;
    Some(text(completed, "/version")).filter(|version| !version.is_empty())
}

/// Lines joined, harmless for a terminal.
pub fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.split_whitespace().collect();
    escape(&lines.join(" "))
}
