/*! Rules for what stands in `status.conditions` of any kind, and for kinds of which the conditions say all. */

use cluster::openshift::one_line;
use schema::text::escape;
use serde_json::Value;

use super::{Health, failed, underway};

/// The condition of a type.
fn find<'v>(object: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind)
}

/// Whether a condition has this status.
pub(super) fn is(object: &Value, kind: &str, status: &str) -> bool {
    find(object, kind).is_some_and(|one| one["status"] == status)
}

/// The reason of a condition, one word; empty if there is none.
pub(super) fn reason<'v>(object: &'v Value, kind: &str) -> &'v str {
    find(object, kind).map_or("", |one| one["reason"].as_str().unwrap_or_default())
}

/// What a condition says, if it has this status: `Ready is False: MESSAGE (REASON)`.
pub(super) fn said(object: &Value, kind: &str, status: &str) -> Option<String> {
    let found = find(object, kind).filter(|one| one["status"] == status)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    let words = match (one_line(text("message")), escape(text("reason"))) {
        (message, reason) if reason.is_empty() => message,
        (message, reason) if message.is_empty() => reason,
        (message, reason) => format!("{message} ({reason})"),
    };
    Some(match words.as_str() {
        "" => format!("{kind} is {status}"),
        words => format!("{kind} is {status}: {words}"),
    })
}

/// A condition that must be `True`, and about this generation where it names one.
pub(super) fn required(object: &Value, kind: &str) -> Health {
    let Some(found) = find(object, kind) else {
        return underway(format!("{kind} is not reported yet"));
    };
    let generation = object["metadata"]["generation"].as_i64();
    let observed = found["observedGeneration"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed < generation
    {
        return underway(format!(
            "{kind} is about generation {observed}, not yet {generation}"
        ));
    }
    match found["status"].as_str() {
        Some("True") => Ok(()),
        status => {
            let status = status.unwrap_or_default();
            underway(said(object, kind, status).unwrap_or_default())
        }
    }
}

/// The conditions that kstatus asks every controller for.
pub(super) fn standard(object: &Value) -> Health {
    if let Some(stalled) = said(object, "Stalled", "True") {
        return failed(stalled);
    }
    match said(object, "Reconciling", "True") {
        Some(reconciling) => underway(reconciling),
        None => Ok(()),
    }
}

/// A kind without rules: `Ready` and `Available`, where it reports them, must be true.
pub(super) fn ready(object: &Value) -> Health {
    for kind in ["Ready", "Available"] {
        if find(object, kind).is_some() {
            required(object, kind)?;
        }
    }
    Ok(())
}

/// A CustomResourceDefinition: its names are accepted, and it is served.
pub(super) fn definition(object: &Value) -> Health {
    if let Some(taken) = said(object, "NamesAccepted", "False") {
        return failed(taken);
    }
    let installing = reason(object, "Established") == "Installing";
    match said(object, "Established", "False") {
        Some(refused) if !installing => failed(refused),
        _ => required(object, "Established"),
    }
}
