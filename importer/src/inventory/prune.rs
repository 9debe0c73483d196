/*! Removes what a bundle of a series no longer has, where that is nobody else's and was agreed to. */

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cluster::{Served, Session, openshift::items};
use serde_json::{Value, json};

use super::{
    keep::Known,
    record::{Entry, Inventory},
};
use crate::{
    apply::{
        FIELD_MANAGER,
        manifests::Manifest,
        object::{MANAGERS, ObjectPath, refusal_text, same, wait_until_gone},
        outcome::{Action, ObjectOutcome},
        preflight::AT_ONCE,
    },
    rollout::{Approval, Clock},
};

/// An object that may be removed, as it is now.
struct Removable {
    entry: Entry,
    manifest: Manifest,
    path: ObjectPath,
    uid: String,
}

/// What a look at a dropped object shows.
enum Found {
    Gone,
    Kept(String),
    Removable(Box<Removable>),
}

impl Inventory {
    /// What becomes of the objects that the bundle no longer has. Only what was approved is removed.
    pub(crate) async fn prune(
        &self,
        session: &Session,
        cluster: &str,
        known: &mut Known,
        clock: &mut Clock,
    ) -> Vec<ObjectOutcome> {
        let (mut gone, mut outcomes, mut removable) = (Vec::new(), Vec::new(), Vec::new());
        let serves = clock.bound(served(session, known)).await;
        for entry in known.dropped.clone() {
            let found = match &serves {
                Ok(serves) => clock.bound(self.find(session, serves, &entry)).await,
                Err(reason) => Err(reason.clone()),
            };
            let unseen = |reason| Found::Kept(format!("it cannot be looked at: {reason}"));
            match found.unwrap_or_else(unseen) {
                Found::Gone => gone.push(entry),
                Found::Kept(reason) => outcomes.push(outcome(&entry, Action::Kept, Some(reason))),
                Found::Removable(one) => match unsaved(known, &one) {
                    Some(reason) => outcomes.push(outcome(&entry, Action::Kept, Some(reason))),
                    None => removable.push(*one),
                },
            }
        }
        let refused = match known.dry_run {
            true => Some("it is no longer in the bundle; --prune would remove it".to_owned()),
            false => clock.aside(self.ask(cluster, &removable)).await.err(),
        };
        for one in removable {
            let (action, reason) = match &refused {
                Some(reason) => (Action::Kept, Some(reason.clone())),
                None => match clock.bound(remove(session, &one)).await {
                    Ok(()) => (Action::Pruned, None),
                    Err(reason) => (Action::Failed, Some(reason)),
                },
            };
            outcomes.push(outcome(&one.entry, action, reason));
            if action == Action::Pruned {
                gone.push(one.entry);
            }
        }
        let forgotten = self.forget(session, known, &gone);
        if let Err(reason) = clock.bound(forgotten).await {
            tracing::warn!("{cluster}: the inventory still lists what is gone: {reason}");
        }
        outcomes
    }

    /// What a backup is to hold besides what is applied: the list, and what may be removed. Nothing else is removed then.
    pub(crate) async fn to_save(
        &self,
        session: &Session,
        known: &mut Known,
        secrets: bool,
    ) -> Result<Vec<Manifest>, String> {
        let mut objects = vec![self.manifest(known.there.clone())];
        let mut saved = BTreeMap::new();
        if self.options.prune {
            let serves = served(session, known).await?;
            let dropped = known.dropped.iter();
            for entry in dropped.filter(|entry| secrets || !is_secret(entry)) {
                // What cannot be looked at is not removed later either.
                if let Ok(Found::Removable(one)) = self.find(session, &serves, entry).await {
                    saved.insert(one.entry, Arc::clone(&one.manifest.value));
                    objects.push(one.manifest);
                }
            }
        }
        known.saved = Some(saved);
        Ok(objects)
    }

    async fn find(
        &self,
        session: &Session,
        serves: &Served,
        entry: &Entry,
    ) -> Result<Found, String> {
        let Some(resource) = serves.find(&entry.api_version, &entry.kind)? else {
            let reason = format!("{} ({}) is not served", entry.kind, entry.api_version);
            return Ok(Found::Kept(reason));
        };
        let mut manifest = manifest(entry);
        let path = ObjectPath::of(&manifest, resource, "")?;
        let answer = session.send(&path.read()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == 404 {
            return Ok(Found::Gone);
        }
        if !answer.is_success() {
            return Err(refusal_text(&manifest, &answer));
        }
        if let Some(reason) = self.reason_to_keep(&manifest, &answer.body) {
            return Ok(Found::Kept(reason));
        }
        let uid = answer.body.pointer("/metadata/uid").and_then(Value::as_str);
        let uid = uid.unwrap_or_default().to_owned();
        manifest.value = answer.body.into();
        Ok(Found::Removable(Box::new(Removable {
            entry: entry.clone(),
            manifest,
            path,
            uid,
        })))
    }

    fn reason_to_keep(&self, manifest: &Manifest, live: &Value) -> Option<String> {
        if manifest.is_foundation() {
            return Some("others would be deleted with it; delete it by hand".to_owned());
        }
        if !self.options.series.has(live) {
            return Some(format!(
                "it does not have the label of series {}",
                self.options.series
            ));
        }
        if let Some(manager) = other_manager(live) {
            return Some(format!("{manager} manages fields of it too"));
        }
        let reason = "it is no longer in the bundle; --prune removes it";
        (!self.options.prune).then(|| reason.to_owned())
    }

    /// Asks about what was not agreed to on an earlier cluster; why it is not to be removed.
    async fn ask(&self, cluster: &str, objects: &[Removable]) -> Result<(), String> {
        let mut approved = self.approved.lock().await;
        let new = objects.iter().map(|one| &one.entry);
        let new: BTreeSet<Entry> = new.filter(|one| !approved.contains(one)).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let lines = new.iter().map(|entry| {
            let name = schema::text::escape(&entry.name);
            let namespace = schema::text::escape(&entry.namespace);
            format!("  {} {name} {namespace}\n", entry.kind)
        });
        let question = format!(
            "{cluster}: the bundle no longer has these objects:\n{}Remove them, here and wherever else they are?",
            lines.collect::<String>()
        );
        let approval = match self.options.auto_prune {
            true => Approval::Given,
            false => Approval::Terminal,
        };
        let refused =
            |reason| format!("removing it was not approved: {reason}; --auto-prune approves it");
        approval.wait(&question).await.map_err(refused)?;
        approved.extend(new);
        Ok(())
    }
}

/// What the cluster serves of what was dropped.
async fn served(session: &Session, known: &Known) -> Result<Served, String> {
    let versions = known.dropped.iter();
    let versions: BTreeSet<_> = versions.map(|entry| entry.api_version.clone()).collect();
    let mut serves = Served::default();
    let asked = serves.ask(session, versions, AT_ONCE).await;
    asked.map_err(|error| error.to_string())?;
    Ok(serves)
}

async fn remove(session: &Session, one: &Removable) -> Result<(), String> {
    let answer = session.send(&one.path.delete(&one.uid)).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status {
        404 => Ok(()),
        _ if answer.is_success() => wait_until_gone(session, &one.path).await,
        _ => Err(refusal_text(&one.manifest, &answer)),
    }
}

/// Why an object must stay, where there is a backup that does not hold it as it is now.
fn unsaved(known: &Known, one: &Removable) -> Option<String> {
    let saved = known.saved.as_ref()?.get(&one.entry);
    let wanted = |object: &Value| {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        object
    };
    match saved {
        Some(saved) if same(wanted(saved), wanted(&one.manifest.value)) => None,
        None if is_secret(&one.entry) => Some(
            "a Secret is removed only when the backup holds it; add --backup-secrets".to_owned(),
        ),
        _ => Some(
            "the backup does not hold it as it is now; run again with another --backup".to_owned(),
        ),
    }
}

fn is_secret(entry: &Entry) -> bool {
    entry.group.is_empty() && entry.kind == "Secret"
}

/// Who else wanted something of an object; metadata and status are everybody's.
fn other_manager(live: &Value) -> Option<String> {
    let mut entries = items(live, MANAGERS).iter();
    let other = entries.find(|entry| {
        let fields = entry.get("fieldsV1").and_then(Value::as_object);
        let mut fields = fields.into_iter().flat_map(|fields| fields.keys());
        entry.get("manager") != Some(&FIELD_MANAGER.into())
            && entry.get("subresource") != Some(&"status".into())
            && fields.any(|field| field != "f:metadata" && field != "f:status")
    });
    let manager = other?.get("manager").and_then(Value::as_str);
    Some(cluster::clean(manager.unwrap_or("another manager")))
}

fn manifest(entry: &Entry) -> Manifest {
    let namespace = Some(entry.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    Manifest::named(
        &entry.api_version,
        &entry.kind,
        namespace,
        &entry.name,
        json!({}),
    )
}

fn outcome(entry: &Entry, action: Action, reason: Option<String>) -> ObjectOutcome {
    ObjectOutcome::of(&manifest(entry), action, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_else_wants_a_field_keeps_an_object() {
        let of = |manager: &str, field: &str| {
            let fields = json!({field: {}});
            other_manager(
                &json!({"metadata": {"managedFields": [{"manager": manager, "fieldsV1": fields}]}}),
            )
        };
        assert_eq!(
            of("kubectl-edit", "f:data").as_deref(),
            Some("kubectl-edit")
        );
        assert_eq!(of("controller", "f:status"), None);
        assert_eq!(of("controller", "f:metadata"), None);
        assert_eq!(of(FIELD_MANAGER, "f:data"), None);
    }
}
