/*! Rules for what keeps replicas of pods, by the numbers in their status. */

use serde_json::Value;

use super::{Health, conditions, failed, underway};

/// What the controller writes where no deadline is set (`math.MaxInt32`).
const NO_DEADLINE: i64 = i32::MAX as i64;

fn count(object: &Value, key: &str) -> i64 {
    object["status"][key].as_i64().unwrap_or_default()
}

fn wanted(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// A controller has looked at it: its kind always says which generation that was.
pub(super) fn observed(object: &Value) -> Health {
    match object["status"]["observedGeneration"].is_null() {
        true => underway("no controller has observed it yet"),
        false => Ok(()),
    }
}

/// At least so many replicas are what the word says.
fn enough(object: &Value, wanted: i64, key: &str, word: &str) -> Health {
    let have = count(object, key);
    if have >= wanted {
        return Ok(());
    }
    let why = conditions::said(object, "ReplicaFailure", "True");
    let why = why.map_or_else(String::new, |why| format!("; {why}"));
    underway(format!("{have} of {wanted} replicas are {word}{why}"))
}

/// No replicas of an earlier specification are left.
fn no_surplus(object: &Value, wanted: i64) -> Health {
    match count(object, "replicas") - wanted {
        old if old > 0 => underway(format!("{old} old replicas are still there")),
        _ => Ok(()),
    }
}

pub(super) fn deployment(object: &Value) -> Health {
    let spec = &object["spec"];
    if conditions::reason(object, "Progressing") == "ProgressDeadlineExceeded" {
        let said = conditions::said(object, "Progressing", "False");
        return failed(match said {
            Some(said) => format!("its progress deadline is exceeded: {said}"),
            None => "its progress deadline is exceeded".to_owned(),
        });
    }
    observed(object)?;
    let wanted = wanted(object);
    let paused = spec["paused"] == true;
    if paused && count(object, "updatedReplicas") < wanted {
        return failed("it is paused, and its replicas stay as they are until it is resumed");
    }
    enough(object, wanted, "replicas", "there")?;
    enough(object, wanted, "updatedReplicas", "updated")?;
    no_surplus(object, wanted)?;
    enough(object, wanted, "availableReplicas", "available")?;
    enough(object, wanted, "readyReplicas", "ready")?;
    let deadline = spec["progressDeadlineSeconds"].as_i64();
    let arrived = conditions::is(object, "Progressing", "True")
        && conditions::reason(object, "Progressing") == "NewReplicaSetAvailable";
    if deadline.is_some_and(|deadline| deadline != NO_DEADLINE) && !arrived && !paused {
        return underway("its new ReplicaSet is not available yet");
    }
    conditions::required(object, "Available")
}

pub(super) fn replica_set(object: &Value) -> Health {
    observed(object)?;
    if let Some(failure) = conditions::said(object, "ReplicaFailure", "True") {
        return underway(failure);
    }
    let wanted = wanted(object);
    enough(object, wanted, "fullyLabeledReplicas", "labelled")?;
    enough(object, wanted, "availableReplicas", "available")?;
    enough(object, wanted, "readyReplicas", "ready")?;
    no_surplus(object, wanted)
}

/// One whose pods somebody deletes by hand (`OnDelete`) is healthy whatever they are.
pub(super) fn stateful_set(object: &Value) -> Health {
    observed(object)?;
    let strategy = &object["spec"]["updateStrategy"];
    if strategy["type"] == "OnDelete" {
        return Ok(());
    }
    let wanted = wanted(object);
    enough(object, wanted, "replicas", "there")?;
    enough(object, wanted, "readyReplicas", "ready")?;
    no_surplus(object, wanted)?;
    if let Some(partition) = strategy["rollingUpdate"]["partition"].as_i64()
        && partition != 0
    {
        return enough(object, wanted - partition, "updatedReplicas", "updated");
    }
    let status = &object["status"];
    if status["currentRevision"] != status["updateRevision"] {
        enough(object, wanted, "updatedReplicas", "updated")?;
        return underway("its new revision is not the current one yet");
    }
    enough(object, wanted, "currentReplicas", "current")
}

pub(super) fn daemon_set(object: &Value) -> Health {
    observed(object)?;
    let Some(wanted) = object["status"]["desiredNumberScheduled"].as_i64() else {
        return underway("how many nodes it is for is not reported yet");
    };
    enough(object, wanted, "currentNumberScheduled", "scheduled")?;
    if object["spec"]["updateStrategy"]["type"] != "OnDelete" {
        enough(object, wanted, "updatedNumberScheduled", "updated")?;
    }
    enough(object, wanted, "numberAvailable", "available")?;
    enough(object, wanted, "numberReady", "ready")
}
