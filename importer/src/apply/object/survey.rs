/*! What would come of one object, asked of the cluster on a dry run: before anything is changed, and again for what had to wait. */

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use cluster::{
    Answer, ClusterError, Served, Session,
    access::{AccessReview, denied},
    clean,
    openshift::text,
    refusal::{holders, missing},
};
use serde_json::Value;

use super::{
    call::call,
    conflict::refusal_text,
    diff,
    dry_run::DryRunResult,
    gitops,
    immutable::{Doomed, content, unchangeable},
    path::{ObjectPath, same},
    provided::Provided,
    takeover,
};
use crate::apply::{ApplyOptions, manifests::Manifest};

/// Asks about objects, one by one.
pub struct Survey<'a> {
    pub session: &'a Session,
    pub serves: &'a Served,
    pub provided: &'a Provided,
    pub options: &'a ApplyOptions,
    /// Where namespaced objects without a namespace go.
    pub default_namespace: &'a str,
    /// Where what else was seen is written down.
    pub notes: &'a Mutex<Notes>,
}

/// What else is seen while objects are asked about.
#[derive(Debug, Default)]
pub struct Notes {
    /// Objects that somebody puts back, and what the server warns of: a sentence each.
    pub warnings: BTreeSet<String>,
    /// How objects would change, by where they stand.
    pub diffs: BTreeMap<(String, u32, String), String>,
}

impl Survey<'_> {
    /// What would come of an object. Nothing is changed.
    pub async fn dry_run(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let asked = self.ask(manifest).await;
        match asked {
            // Something about this object alone; the others may do better.
            Err(error) if error.is_passing() => Ok(DryRunResult::Unanswered {
                reason: error.to_string(),
            }),
            asked => asked,
        }
    }

    async fn ask(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let Manifest {
            api_version, kind, ..
        } = manifest;
        let resource = match self.serves.find(api_version, kind) {
            Ok(Some(resource)) => resource,
            Ok(None) => return self.unserved(manifest).await,
            Err(reason) => {
                let reason =
                    format!("whether {kind} ({api_version}) is served is not known: {reason}");
                return Ok(DryRunResult::Refused { reason });
            }
        };
        let place = match ObjectPath::of(manifest, resource, self.default_namespace) {
            Ok(place) => place,
            Err(reason) => return Ok(DryRunResult::Impossible { reason }),
        };
        let live = self.session.send(&place.read()).await?;
        // Who may not read may still apply; what is there is then taken to differ.
        if !live.is_success() && !matches!(live.status, 403 | 404) {
            return Ok(self.refusal(manifest, &live));
        }
        if let Some(reason) = being_deleted(&live.body) {
            return Ok(DryRunResult::Deleting { reason });
        }
        let verbs: &[&'static str] = if live.status == 404 {
            &["patch", "create"]
        } else {
            &["patch"]
        };
        if let Some(reason) = self
            .refused(manifest, &resource.plural, &place.namespace, verbs)
            .await?
        {
            return Ok(DryRunResult::Refused { reason });
        }
        let there = (live.status != 404).then_some(&live);
        let call = match call(manifest, &place, there, self.options.overwrite, true) {
            Ok(call) => call,
            Err(reason) => return Ok(DryRunResult::Refused { reason }),
        };
        let tried = self.session.send(&call).await?;
        if tried.status == 415 {
            let reason = self.session.no_server_side_apply(manifest.group()).await?;
            return Ok(DryRunResult::Refused { reason });
        }
        self.notice(manifest, &live, &tried);
        if live.is_success()
            && let Some(reason) = unchangeable(manifest, &tried)
            && self.options.recreate.covers(manifest)
        {
            return self
                .recreate(manifest, &resource.plural, &place, &live, reason)
                .await;
        }
        Ok(self.result(manifest, live, tried, &place))
    }

    fn notice(&self, manifest: &Manifest, live: &Answer, tried: &Answer) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let there = live.is_success().then_some(&live.body);
        let name = format!("{} {}", manifest.kind, manifest.name);
        let warned = tried.warnings.iter();
        notes.warnings.extend(warned.map(|text| warning(text)));
        if let Some(owner) = there.and_then(gitops::owner_of) {
            notes.warnings.insert(format!(
                "{name} is managed by {owner}, which may undo what is applied here; change it there, or leave it out with --exclude"
            ));
        }
        if self.options.diff && tried.is_success() {
            let diff = diff::unified(there, &tried.body, &name);
            let place = (manifest.path.clone(), manifest.document, name);
            notes.diffs.insert(place, diff);
        }
    }

    fn result(
        &self,
        manifest: &Manifest,
        live: Answer,
        tried: Answer,
        place: &ObjectPath,
    ) -> DryRunResult {
        if tried.is_success() {
            if live.status == 404 || tried.status == 201 {
                return DryRunResult::Create;
            }
            let resource_version = resource_version(&live.body).to_owned();
            let due = manifest.share.is_whole() && takeover::is_due(&live.body);
            let is_right = live.status == 200 && !due && same(live.body, tried.body);
            return match is_right {
                true => DryRunResult::Unchanged { resource_version },
                false => DryRunResult::Configure { resource_version },
            };
        }
        if let Some(reason) = holders(&tried) {
            return DryRunResult::Conflict { reason };
        }
        if tried.message().contains("does not support dry run") {
            let there = live.is_success().then_some(&live.body);
            return DryRunResult::Untried {
                reason: refusal_text(manifest, &tried),
                resource_version: there.map(|there| resource_version(there).to_owned()),
            };
        }
        if missing(&tried) == Some("namespaces") {
            let namespace = &place.namespace;
            return if self.provided.namespaces.contains(namespace) {
                let reason = format!("waits for namespace {namespace} of the same bundle");
                DryRunResult::Waits { reason }
            } else {
                let reason = format!(
                    "namespace {namespace} is not there, and is not in the bundle; create it, or add it to the bundle"
                );
                DryRunResult::Impossible { reason }
            };
        }
        self.refusal(manifest, &tried)
    }

    /// Whether an object that cannot be changed for a reason can be deleted, and would then be taken.
    async fn recreate(
        &self,
        manifest: &Manifest,
        plural: &str,
        place: &ObjectPath,
        live: &Answer,
        reason: String,
    ) -> Result<DryRunResult, ClusterError> {
        let verbs = ["delete", "create"];
        if let Some(reason) = self
            .refused(manifest, plural, &place.namespace, &verbs)
            .await?
        {
            return Ok(DryRunResult::Refused { reason });
        }
        let anew = self
            .session
            .send(&place.try_create(&manifest.wanted()))
            .await?;
        if !would_be_taken(&anew) {
            let reason = format!(
                "{reason}; created anew it would be refused too: {}",
                refusal_text(manifest, &anew)
            );
            return Ok(DryRunResult::Refused { reason });
        }
        let name = format!("{} {}", manifest.kind, manifest.name);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.warnings.insert(format!(
            "{name} will be recreated, which deletes it and what it owns"
        ));
        Ok(DryRunResult::Recreate(Doomed {
            uid: text(&live.body, "/metadata/uid").to_owned(),
            resource_version: resource_version(&live.body).to_owned(),
            content: content(&live.body),
            reason,
        }))
    }

    async fn unserved(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let Manifest {
            api_version, kind, ..
        } = manifest;
        let Some(provided) = self.provided.kind(manifest) else {
            let others = self.session.versions_of(manifest.group(), kind).await?;
            let reason = match others.as_slice() {
                [] => format!(
                    "the cluster does not serve {kind} ({api_version}), and the bundle does not define it; check the spelling, or install what it belongs to first"
                ),
                others => format!(
                    "the cluster serves {kind} as {}, not as {api_version}; bring it in that version to clusters of this age",
                    others.join(", ")
                ),
            };
            return Ok(DryRunResult::Impossible { reason });
        };
        let namespace = manifest.namespace.as_deref().unwrap_or_default();
        let refused = self
            .refused(manifest, &provided.plural, namespace, &["patch", "create"])
            .await?;
        Ok(match refused {
            Some(reason) => DryRunResult::Refused { reason },
            None => DryRunResult::Waits {
                reason: format!(
                    "waits for {}.{} of the same bundle",
                    provided.plural, provided.group
                ),
            },
        })
    }

    fn refusal(&self, manifest: &Manifest, answer: &Answer) -> DryRunResult {
        let reason = self.options.recreate.refusal(manifest, answer);
        match is_unanswered(answer) {
            true => DryRunResult::Unanswered { reason },
            false => DryRunResult::Refused { reason },
        }
    }

    /// Why the user may not do one of these, where rights are asked for.
    async fn refused(
        &self,
        manifest: &Manifest,
        plural: &str,
        namespace: &str,
        verbs: &[&'static str],
    ) -> Result<Option<String>, ClusterError> {
        for verb in verbs {
            let review = AccessReview {
                verb,
                group: manifest.group().to_owned(),
                resource: plural.to_owned(),
                namespace: namespace.to_owned(),
                name: manifest.name.clone(),
            };
            if let Some(reason) = denied(self.session, &review).await? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }
}

/// Whether the answer to [`ObjectPath::try_create`] says that a new object would be taken but for the one that is there.
pub fn would_be_taken(answer: &Answer) -> bool {
    let there = text(&answer.body, "/reason") == "AlreadyExists";
    // The object that is to go holds its addresses and ports.
    let held = answer.message().contains("already allocated");
    answer.is_success() || there || held
}

/// Whether the server could not do its part. A webhook that could not be called is a refusal: the bundle may bring what it needs.
pub fn is_unanswered(answer: &Answer) -> bool {
    answer.is_transient() && !answer.message().contains("failed calling webhook")
}

/// What the server warns of, fit for a report.
pub fn warning(text: &str) -> String {
    format!("the server warns: {}", clean(text))
}

/// `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> &str {
    let version = object.pointer("/metadata/resourceVersion");
    version.and_then(Value::as_str).unwrap_or_default()
}

/// Since when an object is on its way out, and what holds it, if it is.
pub fn being_deleted(object: &Value) -> Option<String> {
    let metadata = object.get("metadata")?;
    let since = metadata.get("deletionTimestamp")?.as_str()?;
    let finalizers = metadata.get("finalizers").and_then(Value::as_array);
    let finalizers = finalizers.into_iter().flatten().filter_map(Value::as_str);
    let finalizers: Vec<_> = finalizers.map(clean).collect();
    let held = match finalizers.as_slice() {
        [] => String::new(),
        held => format!(", held by the finalizers {}", held.join(", ")),
    };
    Some(format!("it is being deleted since {}{held}", clean(since)))
}
