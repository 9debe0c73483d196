/*! Keeps the list of a series on one cluster while its objects are applied. */

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cluster::{Resource, Session};
use serde_json::{Value, json};

use super::record::{Entry, Inventory};
use crate::apply::{
    manifests::Manifest,
    object::{ObjectPath, refusal_text},
    preflight::Preflight,
};

/// The list as it was found, and what of it this run does not have.
pub(crate) struct Known {
    pub(super) dropped: Vec<Entry>,
    pub(super) dry_run: bool,
    /// What a backup has of what may be removed; nothing else is then. None where there is no backup.
    pub(super) saved: Option<BTreeMap<Entry, Arc<Value>>>,
    listed: BTreeSet<Entry>,
    path: ObjectPath,
    /// The ConfigMap; null if there is none.
    pub(super) there: Value,
}

impl Inventory {
    /// Reads the list.
    pub(crate) async fn look(
        &self,
        session: &Session,
        preflight: &Preflight<'_>,
        dry_run: bool,
    ) -> Result<Known, String> {
        let path = self.path()?;
        let answer = session.send(&path.read()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let (found, there) = match answer.status {
            404 => (BTreeSet::new(), Value::Null),
            _ if answer.is_success() => (Self::entries(&answer.body)?, answer.body),
            _ => return Err(refusal_text(&self.manifest(json!({})), &answer)),
        };
        let default_namespace = session.default_namespace();
        let now: BTreeSet<Entry> = preflight
            .manifests
            .iter()
            .filter(|manifest| manifest.share.is_whole())
            .map(|manifest| entry(manifest, preflight, &default_namespace))
            .collect();
        let had: Vec<Entry> = found.into_iter().collect();
        let missing = had.into_iter();
        let missing = missing.filter(|old| !now.iter().any(|new| new.is(old)));
        let missing: Vec<Entry> = missing.collect();
        let mut listed = now;
        listed.extend(missing.iter().cloned());
        // Of what was left out by flags nobody knows whether the bundle has it.
        let dropped = missing.into_iter();
        let dropped = dropped.filter(|entry| self.whole && (self.renders || !entry.rendered));
        Ok(Known {
            dropped: dropped.collect(),
            dry_run,
            saved: None,
            listed,
            path,
            there,
        })
    }

    /// Writes it with what is new, unless that changes nothing.
    pub(crate) async fn list(&self, session: &Session, known: &Known) -> Result<(), String> {
        self.write(session, known, &known.there).await
    }

    /// Takes what is gone off the list.
    pub(super) async fn forget(
        &self,
        session: &Session,
        known: &mut Known,
        gone: &[Entry],
    ) -> Result<(), String> {
        if gone.is_empty() {
            return Ok(());
        }
        known.listed.retain(|entry| !gone.contains(entry));
        self.write(session, known, &Value::Null).await
    }

    async fn write(&self, session: &Session, known: &Known, there: &Value) -> Result<(), String> {
        let wanted = self.config_map(&known.listed);
        if known.dry_run
            || (there.get("data") == wanted.get("data") && self.options.series.has(there))
        {
            return Ok(());
        }
        let call = known.path.apply(&wanted, true, false);
        let answer = session.send(&call).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.is_success() {
            true => Ok(()),
            false => Err(refusal_text(&self.manifest(wanted), &answer)),
        }
    }

    fn path(&self) -> Result<ObjectPath, String> {
        ObjectPath::of(&self.manifest(json!({})), &Resource::config_map(), "")
    }

    pub(super) fn manifest(&self, value: Value) -> Manifest {
        let name = self.options.series.config_map();
        Manifest::named(
            "v1",
            "ConfigMap",
            Some(&self.options.namespace),
            &name,
            value,
        )
    }
}

fn entry(manifest: &Manifest, preflight: &Preflight<'_>, default_namespace: &str) -> Entry {
    let resource = preflight.serves.find(&manifest.api_version, &manifest.kind);
    let namespaced = match resource {
        Ok(Some(resource)) => resource.namespaced,
        // Of a kind that is not served yet only the manifest tells.
        _ => manifest.namespace.is_some(),
    };
    let namespace = manifest.namespace.as_deref().unwrap_or(default_namespace);
    Entry {
        group: manifest.group().to_owned(),
        kind: manifest.kind.clone(),
        namespace: match namespaced {
            true => namespace.to_owned(),
            false => String::new(),
        },
        name: manifest.name.clone(),
        api_version: manifest.api_version.clone(),
        rendered: !manifest.path.starts_with("config/"),
    }
}
