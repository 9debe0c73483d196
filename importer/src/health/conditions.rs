/*! Rules for objects whose `status.conditions` say how they are: custom resources, OpenShift's operators and pools, and OLM's objects. */

use cluster::openshift::one_line;
use serde_json::Value;

/// The condition of a type that has this status, in words.
fn is(object: &Value, kind: &str, status: &str) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions
        .iter()
        .find(|one| one["type"] == kind && one["status"] == status)?;
    let text = ["message", "reason"].map(|key| found[key].as_str().unwrap_or_default());
    let text = text.into_iter().find(|text| !text.is_empty());
    Some(match text {
        Some(text) => format!("{kind} is {status}: {}", one_line(text)),
        None => format!("{kind} is {status}"),
    })
}

/// A condition that must be `True`.
pub(super) fn required(object: &Value, kind: &str) -> Option<String> {
    if is(object, kind, "True").is_some() {
        return None;
    }
    let not = is(object, kind, "False").or_else(|| is(object, kind, "Unknown"));
    Some(not.unwrap_or_else(|| format!("{kind} is not reported yet")))
}

/// Any other kind: nothing it reports may speak against it.
pub(super) fn generic(object: &Value) -> Option<String> {
    let against = [("Stalled", "True"), ("Reconciling", "True")];
    let missing = ["Ready", "Available"].into_iter();
    let missing = missing.flat_map(|kind| [(kind, "False"), (kind, "Unknown")]);
    against
        .into_iter()
        .chain(missing)
        .find_map(|(kind, status)| is(object, kind, status))
}

/// Available, and not degraded.
pub(super) fn cluster_operator(object: &Value) -> Option<String> {
    is(object, "Degraded", "True").or_else(|| required(object, "Available"))
}

/// Updated, and not degraded.
pub(super) fn machine_config_pool(object: &Value) -> Option<String> {
    is(object, "Degraded", "True").or_else(|| required(object, "Updated"))
}

/// The version that it asks for is installed.
pub(super) fn subscription(object: &Value) -> Option<String> {
    let failed = ["CatalogSourcesUnhealthy", "ResolutionFailed"];
    let failed = failed.into_iter().find_map(|kind| is(object, kind, "True"));
    failed.or_else(|| match object["status"]["state"].as_str() {
        Some("AtLatestKnown") => None,
        Some(state) => Some(format!("its state is {state}, not AtLatestKnown")),
        None => Some("its state is not reported yet".to_owned()),
    })
}

/// The catalog answers.
pub(super) fn catalog_source(object: &Value) -> Option<String> {
    match object["status"]["connectionState"]["lastObservedState"].as_str() {
        Some("READY") => None,
        Some(state) => Some(format!("its connection is {state}, not READY")),
        None => Some("its connection is not reported yet".to_owned()),
    }
}
