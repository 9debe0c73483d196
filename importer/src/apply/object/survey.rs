/*! What would come of one object, asked of the cluster on a dry run: before anything is changed, and again for what had to wait. */

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use cluster::{
    Answer, ClusterError, Served, Session,
    access::{AccessReview, denied},
    refusal::{holders, missing},
};
use serde_json::Value;

use super::{
    conflict::refusal_text,
    diff,
    dry_run::DryRunResult,
    gitops,
    path::{ObjectPath, same},
};
use crate::apply::{ApplyOptions, manifests::Manifest};

/// What the bundle itself provides for other objects to rest on.
#[derive(Debug, Default)]
pub struct Provided {
    namespaces: BTreeSet<String>,
    kinds: Vec<DefinedKind>,
}

/// A kind that a CustomResourceDefinition makes known.
#[derive(Debug)]
pub struct DefinedKind {
    group: String,
    name: String,
    plural: String,
    versions: Vec<String>,
}

impl Provided {
    /// By these manifests.
    pub fn by(manifests: &[Manifest]) -> Self {
        let mut provided = Self::default();
        for manifest in manifests {
            match (manifest.group(), manifest.kind.as_str()) {
                ("", "Namespace") => {
                    provided.namespaces.insert(manifest.name.clone());
                }
                ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                    provided.kinds.extend(DefinedKind::defined(&manifest.value));
                }
                _ => {}
            }
        }
        provided
    }

    fn kind(&self, manifest: &Manifest) -> Option<&DefinedKind> {
        let version = manifest.api_version.rsplit('/').next().unwrap_or_default();
        self.kinds.iter().find(|kind| {
            kind.group == manifest.group()
                && kind.name == manifest.kind
                && kind.versions.iter().any(|served| served == version)
        })
    }
}

impl DefinedKind {
    /// What a CustomResourceDefinition defines (`apiextensions.k8s.io/v1`, or `v1beta1` with its single `version`).
    pub fn defined(crd: &Value) -> Option<Self> {
        let text = |pointer: &str| {
            crd.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        let versions = versions.into_iter().flatten();
        let served = versions.filter(|version| version.get("served") == Some(&Value::Bool(true)));
        let names = served.filter_map(|version| version.get("name")?.as_str());
        Some(Self {
            group: text("/spec/group")?,
            name: text("/spec/names/kind")?,
            plural: text("/spec/names/plural")?,
            versions: names
                .map(str::to_owned)
                .chain(text("/spec/version"))
                .collect(),
        })
    }

    /// Whether all of it is served.
    pub fn is_served(&self, serves: &Served) -> bool {
        self.api_versions()
            .all(|api_version| serves.has(&api_version, &self.name))
    }

    /// Its `apiVersion`s.
    pub fn api_versions(&self) -> impl Iterator<Item = String> {
        self.versions
            .iter()
            .map(|version| format!("{}/{version}", self.group))
    }
}

/// Asks about objects, one by one.
pub struct Survey<'a> {
    pub session: &'a Session,
    pub serves: &'a Served,
    pub provided: &'a Provided,
    pub options: &'a ApplyOptions,
    /// Where namespaced objects without a namespace go.
    pub default_namespace: &'a str,
    /// Whether the user's rights are asked for as well; else the dry run has to tell.
    pub review: bool,
    /// Where what else was seen is written down.
    pub notes: &'a Mutex<Notes>,
}

/// What else is seen while objects are asked about.
#[derive(Debug, Default)]
pub struct Notes {
    /// Objects that somebody rolls out by Git already, a sentence each.
    pub managed: BTreeSet<String>,
    /// How objects would change, by where they stand.
    pub diffs: BTreeMap<(String, u32, String), String>,
}

impl Survey<'_> {
    /// What would come of an object. Nothing is changed.
    pub async fn dry_run(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let asked = self.ask(manifest).await;
        match asked {
            // Something about this object alone; the others may do better.
            Err(error) if error.is_passing() => Ok(DryRunResult::Refused {
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
            return Ok(DryRunResult::Refused {
                reason: refusal_text(manifest, &live),
            });
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
        let call = place.apply(&manifest.value, self.options.overwrite, true);
        let tried = self.session.send(&call).await?;
        self.notice(manifest, &live, &tried);
        Ok(self.result(manifest, live, tried, &place))
    }

    fn notice(&self, manifest: &Manifest, live: &Answer, tried: &Answer) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let there = live.is_success().then_some(&live.body);
        let name = format!("{} {}", manifest.kind, manifest.name);
        if let Some(owner) = there.and_then(gitops::owner_of) {
            notes.managed.insert(format!(
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
            return match (live.status, tried.status) {
                (404, _) | (_, 201) => DryRunResult::Create,
                (200, _) if same(live.body, tried.body) => DryRunResult::Unchanged,
                _ => DryRunResult::Configure,
            };
        }
        if let Some(reason) = holders(&tried) {
            return DryRunResult::Conflict { reason };
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
        DryRunResult::Refused {
            reason: refusal_text(manifest, &tried),
        }
    }

    async fn unserved(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let Manifest {
            api_version, kind, ..
        } = manifest;
        let Some(provided) = self.provided.kind(manifest) else {
            let reason = format!(
                "the cluster does not serve {kind} ({api_version}), and the bundle does not define it; check the spelling, or install what it belongs to first"
            );
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

    /// Why the user may not do one of these, where rights are asked for.
    async fn refused(
        &self,
        manifest: &Manifest,
        plural: &str,
        namespace: &str,
        verbs: &[&'static str],
    ) -> Result<Option<String>, ClusterError> {
        for verb in verbs.iter().filter(|_| self.review) {
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
