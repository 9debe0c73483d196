/*! What the bundle itself provides for its other objects to rest on, so that they wait for it and are not refused. */

use std::collections::BTreeSet;

use cluster::Served;
use serde_json::Value;

use super::dry_run::DryRunResult;
use crate::apply::manifests::Manifest;

/// What the bundle itself provides for other objects to rest on.
#[derive(Debug, Default)]
pub struct Provided {
    pub(super) namespaces: BTreeSet<String>,
    kinds: Vec<DefinedKind>,
}

/// A kind that a CustomResourceDefinition makes known.
#[derive(Debug)]
pub struct DefinedKind {
    pub(super) group: String,
    name: String,
    pub(super) plural: String,
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

    pub(super) fn kind(&self, manifest: &Manifest) -> Option<&DefinedKind> {
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

/// A refusal that another object of the bundle will have made untrue by its turn: that one's definition of the kind, or an object that
/// the server's words name. `results` are those of all manifests.
pub fn waits(
    manifest: &Manifest,
    reason: &str,
    manifests: &[Manifest],
    results: &[DryRunResult],
) -> Option<DryRunResult> {
    let words = words(reason);
    let mut others = manifests.iter().zip(results);
    let (cause, _) = others.find(|(other, result)| {
        result.is_change()
            && !std::ptr::eq(*other, manifest)
            && (defines(other, manifest) || named(other, &words))
    })?;
    Some(DryRunResult::Waits {
        reason: format!(
            "waits for {} {} of the same bundle; until then {reason}",
            cause.kind, cause.name
        ),
    })
}

fn defines(other: &Manifest, manifest: &Manifest) -> bool {
    other.kind == "CustomResourceDefinition"
        && DefinedKind::defined(&other.value)
            .is_some_and(|kind| kind.group == manifest.group() && kind.name == manifest.kind)
}

/// Whether both its name and its kind, or the end of that (`quota`), are among the words.
fn named(other: &Manifest, words: &BTreeSet<String>) -> bool {
    let kind = other.kind.to_lowercase();
    words.contains(&other.name)
        && words
            .iter()
            .any(|word| word.len() >= 4 && kind.ends_with(&word.to_lowercase()))
}

fn words(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.')));
    parts
        .map(|word| word.trim_matches('.').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}
