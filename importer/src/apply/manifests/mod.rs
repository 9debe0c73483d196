/*! Everything that may be applied, and of it what one cluster gets. */

pub mod collect;
mod local;
mod manifest;
pub mod select;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use cluster::Cluster;

pub use local::Local;
pub use manifest::{Manifest, Phase};
pub use select::Selection;

use crate::{
    Error, configuration::Configuration, fleet::Overlays, inventory::Series, options::MirrorConfig,
};

/// The objects of a bundle, and the mirror configuration in each form that a cluster may take.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// Each form of mirror configuration, the wanted one first; without a registry to name only none at all.
    forms: Vec<(MirrorConfig, Vec<Manifest>)>,
}

impl Manifests {
    /// Joins a bundle's own objects with what was rendered for a registry, and leaves out what is not selected. `rendered`
    /// holds a configuration for each form; the first is the wanted one.
    pub fn new(
        own: &[Manifest],
        rendered: &[(MirrorConfig, Configuration)],
        selection: &Selection,
    ) -> Result<Self, Error> {
        let mut forms = Vec::new();
        for (kind, configuration) in rendered {
            let mut all = own.to_vec();
            for made in configuration.manifests() {
                let read = Manifest::read(&made.path, made.text.as_bytes());
                let read = read.map_err(|error| Error::Usage(format!("{}: {error}", made.path)))?;
                all.extend(read.into_iter().map(|manifest| Manifest {
                    share: made.share.clone(),
                    ..manifest
                }));
            }
            let secret = configuration.pull_secret.as_ref();
            all.extend(secret.map(Manifest::pull_secret));
            forms.push((*kind, selected(all, selection)?));
        }
        if forms.is_empty() {
            forms.push((MirrorConfig::None, selected(own.to_vec(), selection)?));
        }
        Ok(Self { forms })
    }

    /// The same with the label of a series on each object.
    pub fn labelled(mut self, series: &Series) -> Self {
        let manifests = self.forms.iter_mut().flat_map(|(_, manifests)| manifests);
        for manifest in manifests.filter(|manifest| manifest.share.is_whole()) {
            series.label(Arc::make_mut(&mut manifest.value));
        }
        self
    }

    /// These objects, without any mirror configuration.
    #[cfg(test)]
    pub(super) fn of(manifests: Vec<Manifest>) -> Self {
        Self {
            forms: vec![(MirrorConfig::None, manifest::in_order(manifests))],
        }
    }

    /// The mirror configuration that is wanted; none without a registry.
    pub fn mirror_config(&self) -> MirrorConfig {
        self.forms
            .first()
            .map_or(MirrorConfig::None, |(kind, _)| *kind)
    }

    /// Everything in the wanted form, in the order in which it is applied.
    pub fn all(&self) -> &[Manifest] {
        self.form(self.mirror_config())
    }

    /// What one cluster gets, with this mirror configuration; shared where no overlay is about it.
    pub fn for_cluster<'m>(
        &'m self,
        overlays: &Overlays,
        cluster: &Cluster,
        mirror_config: MirrorConfig,
    ) -> Cow<'m, [Manifest]> {
        match overlays.for_cluster(cluster, self.form(mirror_config)) {
            shared @ Cow::Borrowed(_) => shared,
            // A patch may have changed what an object is.
            Cow::Owned(patched) => Cow::Owned(manifest::in_order(patched)),
        }
    }

    fn form(&self, mirror_config: MirrorConfig) -> &[Manifest] {
        let mut forms = self.forms.iter();
        let form = forms.find(|(kind, _)| *kind == mirror_config);
        form.map_or(&[], |(_, manifests)| manifests.as_slice())
    }
}

fn selected(all: Vec<Manifest>, selection: &Selection) -> Result<Vec<Manifest>, Error> {
    let kept = all.into_iter().filter(|manifest| selection.keeps(manifest));
    let kept = once(kept)?;
    let names = kept.iter().map(|one| {
        let namespace = one.namespace.as_deref();
        (
            &*one.path,
            &*one.api_version,
            &*one.kind,
            namespace,
            &*one.name,
        )
    });
    match manifests::one_under_two_names(names) {
        Some(sentence) => Err(Error::Usage(sentence)),
        None => Ok(manifest::in_order(kept)),
    }
}

/// Each object once. Two that are one object with other content would be applied against each other for ever.
fn once(manifests: impl Iterator<Item = Manifest>) -> Result<Vec<Manifest>, Error> {
    let mut known: BTreeMap<(String, String, Option<String>, String), usize> = BTreeMap::new();
    let mut all: Vec<Manifest> = Vec::new();
    for manifest in manifests {
        let Manifest {
            kind,
            namespace,
            name,
            path,
            ..
        } = &manifest;
        let group = manifest.group().to_owned();
        let key = (group, kind.clone(), namespace.clone(), name.clone());
        match known.get(&key).and_then(|index| all.get(*index)) {
            None => {
                known.insert(key, all.len());
                all.push(manifest);
            }
            Some(first) if first.value == manifest.value => {}
            Some(first) => {
                return Err(Error::Usage(format!(
                    "{kind} {name} is there twice with different content, in {} and in {path}; leave one of them out with --exclude path={path}",
                    first.path
                )));
            }
        }
    }
    Ok(all)
}
