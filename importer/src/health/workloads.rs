/*! Rules for workloads, by the numbers and phases in their status. */

use serde_json::Value;

use super::conditions;

fn count(object: &Value, key: &str) -> i64 {
    object["status"][key].as_i64().unwrap_or_default()
}

fn wanted(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// The first of these numbers that is too low.
fn short(object: &Value, wanted: i64, keys: &[(&str, &str)]) -> Option<String> {
    let mut keys = keys.iter().map(|(key, word)| (count(object, key), word));
    let (have, word) = keys.find(|(have, _)| *have < wanted)?;
    Some(format!("{have} of {wanted} replicas are {word}"))
}

/// No status at all: no controller has looked at it yet.
fn unobserved(object: &Value) -> Option<String> {
    match object["status"]["observedGeneration"].is_null() {
        true => Some("no controller has observed it yet".to_owned()),
        false => None,
    }
}

pub(super) fn deployment(object: &Value) -> Option<String> {
    let wanted = wanted(object);
    let keys = [
        ("updatedReplicas", "updated"),
        ("readyReplicas", "ready"),
        ("availableReplicas", "available"),
    ];
    let late = object["status"]["conditions"].as_array();
    let late = late.into_iter().flatten();
    let mut late = late
        .filter(|one| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded");
    if late.next().is_some() {
        return Some("its progress deadline is exceeded".to_owned());
    }
    unobserved(object)
        .or_else(|| short(object, wanted, &keys))
        .or_else(|| surplus(object, wanted))
}

/// Replicas of an earlier specification.
fn surplus(object: &Value, wanted: i64) -> Option<String> {
    let old = count(object, "replicas") - wanted;
    (old > 0).then(|| format!("{old} old replicas are still there"))
}

pub(super) fn stateful_set(object: &Value) -> Option<String> {
    let unobserved = unobserved(object);
    if object["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return unobserved;
    }
    let wanted = wanted(object);
    let partition = &object["spec"]["updateStrategy"]["rollingUpdate"]["partition"];
    let updated = wanted - partition.as_i64().unwrap_or_default();
    unobserved
        .or_else(|| short(object, wanted, &[("readyReplicas", "ready")]))
        .or_else(|| short(object, updated, &[("updatedReplicas", "updated")]))
        .or_else(|| surplus(object, wanted))
}

pub(super) fn daemon_set(object: &Value) -> Option<String> {
    let keys = [
        ("updatedNumberScheduled", "updated"),
        ("numberAvailable", "available"),
        ("numberReady", "ready"),
    ];
    let wanted = count(object, "desiredNumberScheduled");
    unobserved(object).or_else(|| short(object, wanted, &keys))
}

/// A Job is healthy when it is complete.
pub(super) fn job(object: &Value) -> Option<String> {
    conditions::required(object, "Complete")
}

/// A Pod is healthy when it is ready, or has succeeded.
pub(super) fn pod(object: &Value) -> Option<String> {
    match object["status"]["phase"].as_str() {
        Some("Succeeded") => None,
        Some("Failed") => Some("its phase is Failed".to_owned()),
        _ => conditions::required(object, "Ready"),
    }
}

/// Where `status.phase` says all.
pub(super) fn phase(object: &Value, healthy: &str) -> Option<String> {
    match object["status"]["phase"].as_str() {
        Some(phase) if phase == healthy => None,
        Some(phase) => Some(format!("its phase is {phase}, not {healthy}")),
        None => Some("its phase is not reported yet".to_owned()),
    }
}
