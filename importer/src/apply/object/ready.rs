/*! Waits until namespaces and kinds can be used: an API server takes them before it serves what goes in them. */

use std::time::Duration;

use cluster::{Resource, Served, Session, clean};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{path::ObjectPath, provided::DefinedKind, survey::being_deleted};
use crate::apply::manifests::Manifest;

/// Pauses between attempts at what takes a cluster some seconds at most.
pub const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Waits until a namespace is active, or a kind is established and served. It ends by itself only where that cannot come any
/// more: the caller bounds it.
pub async fn wait(session: &Session, manifest: &Manifest, applied: &Value) -> Result<(), String> {
    match DefinedKind::defined(&manifest.value) {
        Some(kind) if manifest.kind == "CustomResourceDefinition" => {
            until(session, manifest, applied, established).await?;
            until_served(session, &kind).await
        }
        _ => until(session, manifest, applied, active).await,
    }
}

/// How long an object that is being deleted is waited for.
const DELETION: Duration = Duration::from_secs(15);

/// Waits until an object that is being deleted is gone, for a quarter of a minute; why it is still there.
pub async fn wait_until_gone(session: &Session, path: &ObjectPath) -> Result<(), String> {
    let mut pauses = pauses();
    let begun = Instant::now();
    loop {
        let answer = session.send(&path.read()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match being_deleted(&answer.body) {
            None => return Ok(()),
            Some(_) if answer.status == 404 => return Ok(()),
            Some(reason) if begun.elapsed() >= DELETION => {
                return Err(format!("{reason}; run again when it is gone"));
            }
            Some(_) => sleep(pauses.next().unwrap_or_default()).await,
        }
    }
}

/// Reads the object again and again until it is as it must be.
async fn until(
    session: &Session,
    manifest: &Manifest,
    applied: &Value,
    is_ready: fn(&Value) -> Result<bool, String>,
) -> Result<(), String> {
    let resource = Resource::foundation(&manifest.kind);
    let place = ObjectPath::of(manifest, &resource, "")?;
    let mut object = applied.clone();
    let mut pauses = pauses();
    while !is_ready(&object)? {
        if let Some(reason) = being_deleted(&object) {
            return Err(format!("{reason}; run again when it is gone"));
        }
        sleep(pauses.next().unwrap_or_default()).await;
        let answer = session.send(&place.read()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == 404 {
            return Err("it was deleted at once".to_owned());
        }
        object = answer.body;
    }
    Ok(())
}

async fn until_served(session: &Session, kind: &DefinedKind) -> Result<(), String> {
    let mut pauses = pauses();
    loop {
        let mut serves = Served::default();
        let asked = serves.ask(session, kind.api_versions(), 1).await;
        asked.map_err(|error| error.to_string())?;
        if kind.is_served(&serves) {
            return Ok(());
        }
        sleep(pauses.next().unwrap_or_default()).await;
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let last = PAUSES.last().copied().unwrap_or_default();
    PAUSES.into_iter().chain(std::iter::repeat(last))
}

/// `status.phase` of a namespace.
fn active(namespace: &Value) -> Result<bool, String> {
    match namespace.pointer("/status/phase").and_then(Value::as_str) {
        Some("Terminating") => Err("it is being deleted; run again when it is gone".to_owned()),
        phase => Ok(phase == Some("Active")),
    }
}

/// `status.conditions` of a CustomResourceDefinition.
fn established(crd: &Value) -> Result<bool, String> {
    let conditions = crd.pointer("/status/conditions").and_then(Value::as_array);
    let is = |kind: &str, status: &str| {
        let mut conditions = conditions.into_iter().flatten();
        conditions.find(|condition| {
            let text = |key| condition.get(key).and_then(Value::as_str);
            text("type") == Some(kind) && text("status") == Some(status)
        })
    };
    if let Some(refused) = is("NamesAccepted", "False") {
        let message = refused
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return Err(format!("its names are taken: {}", clean(message)));
    }
    Ok(is("Established", "True").is_some())
}
