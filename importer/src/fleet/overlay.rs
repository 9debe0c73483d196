/*!
What differs from cluster to cluster: objects that are left out, and fields that are others.

Pure, and made once for each cluster when its turn comes; what does not differ is shared, so that hundreds of clusters do
not hold hundreds of copies.
*/

#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::Arc};

use cluster::Cluster;
use serde_json::{Map, Value};

use super::selector::Selector;
use crate::apply::manifests::{
    Manifest,
    select::{KindName, PathGlob},
};

/// Every overlay of a CLUSTERS.yaml, in its order.
#[derive(Debug, Clone, Default)]
pub struct Overlays(pub(super) Vec<Overlay>);

/// What differs on some clusters.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlay {
    /// On which; on all where it asks for nothing.
    pub(super) selector: Selector,
    pub(super) patches: Vec<Patch>,
    pub(super) excludes: Vec<Target>,
}

/// Fields that are others.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) target: Target,
    pub(super) merge: Merge,
}

/// Which objects; what is given must all hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub(super) path: Option<PathGlob>,
    pub(super) kind: Option<KindName>,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Overlays {
    /// The objects as a cluster gets them, in the same order.
    pub fn for_cluster<'a>(
        &self,
        cluster: &Cluster,
        manifests: &'a [Manifest],
    ) -> Cow<'a, [Manifest]> {
        let overlays = self.0.iter();
        let mine: Vec<&Overlay> = overlays
            .filter(|overlay| overlay.selector.matches(&cluster.labels))
            .collect();
        if mine.is_empty() {
            return Cow::Borrowed(manifests);
        }
        let overlaid = manifests.iter().filter_map(|manifest| {
            let excluded = |overlay: &&Overlay| {
                let mut excludes = overlay.excludes.iter();
                excludes.any(|target| target.matches(manifest))
            };
            if mine.iter().any(excluded) {
                return None;
            }
            let mut manifest = manifest.clone();
            for patch in mine.iter().flat_map(|overlay| &overlay.patches) {
                if patch.target.matches(&manifest) {
                    patch.merge.apply(Arc::make_mut(&mut manifest.value));
                }
            }
            Some(manifest)
        });
        Cow::Owned(overlaid.collect())
    }

    /// A sentence for each patch and exclude that no object is the target of: most likely mistyped.
    pub fn idle(&self, manifests: &[Manifest]) -> Vec<String> {
        let targets = self.0.iter().zip(1..).flat_map(|(overlay, number)| {
            let patches = overlay.patches.iter().map(|patch| &patch.target).zip(1..);
            let patches = patches.map(|(target, nth)| (target, format!("patch {nth}")));
            let excludes = overlay.excludes.iter().zip(1..);
            let excludes = excludes.map(|(target, nth)| (target, format!("exclude {nth}")));
            let named = patches.chain(excludes);
            named.map(move |(target, what)| (target, format!("{what} of overlay {number}")))
        });
        let idle = targets.filter(|(target, _)| {
            let mut manifests = manifests.iter();
            !manifests.any(|manifest| target.matches(manifest))
        });
        idle.map(|(_, what)| format!("{what} in the clusters file is for no object of this bundle"))
            .collect()
    }
}

impl Target {
    /// Whether it leaves out nothing.
    pub(super) fn is_everything(&self) -> bool {
        let Self {
            path,
            kind,
            namespace,
            name,
        } = self;
        path.is_none() && kind.is_none() && namespace.is_none() && name.is_none()
    }

    fn matches(&self, manifest: &Manifest) -> bool {
        let path = self.path.as_ref();
        let kind = self.kind.as_ref();
        path.is_none_or(|path| path.matches(&manifest.path))
            && kind.is_none_or(|kind| kind.matches(manifest))
            && (self.namespace.is_none() || self.namespace == manifest.namespace)
            && self.name.as_ref().is_none_or(|name| *name == manifest.name)
    }
}

/// A JSON merge patch (RFC 7386) that leaves an object the one it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merge(Map<String, Value>);

impl Merge {
    /// Takes a patch that says nothing of what names an object; the error says what is wrong.
    pub(super) fn new(patch: Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("a merge patch is a mapping of the fields that differ".to_owned());
        };
        let names = ["apiVersion", "kind"]
            .iter()
            .map(|&field| (field, patch.get(field)));
        let metadata = match patch.get("metadata") {
            None => None,
            Some(Value::Object(metadata)) => Some(metadata),
            Some(_) => return Err("metadata of a merge patch is a mapping".to_owned()),
        };
        let within = [
            ("metadata.name", "name"),
            ("metadata.namespace", "namespace"),
        ];
        let within = within
            .iter()
            .map(|&(shown, field)| (shown, metadata.and_then(|metadata| metadata.get(field))));
        if let Some((field, _)) = names.chain(within).find(|(_, value)| value.is_some()) {
            return Err(format!(
                "a patch may not change {field}, which would make it another object; leave it out"
            ));
        }
        if patch.is_empty() {
            return Err("a merge patch that changes nothing; say which fields differ".to_owned());
        }
        Ok(Self(patch))
    }

    fn apply(&self, object: &mut Value) {
        merge(object, &self.0);
    }
}

/// RFC 7386, section 2.
fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => {
                fields.remove(key);
            }
            Value::Object(below) => merge(fields.entry(key).or_insert(Value::Null), below),
            other => {
                fields.insert(key.clone(), other.clone());
            }
        }
    }
}
