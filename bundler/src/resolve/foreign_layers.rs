/*!
Layers that the registry of an image need not hold: their manifest says where they are ("foreign" or non-distributable
layers, as of Windows images).

Where the registry holds one it is taken from there, else from its address, as `oc image mirror` does. What cannot be had is
left out, and the signed index says so: the image still serves whoever does not need that layer.
*/

use std::collections::{BTreeMap, HashMap};

use schema::{
    Digest,
    bundle::Missing,
    manifest::{Blob, Foreign},
};

use super::resolver::Resolver;
use crate::{
    Error,
    source::{LayerUrl, Source},
};

/// What became of the foreign layers of an image that its own source does not hold.
#[derive(Debug, Default)]
pub(super) struct ForeignLayerPlan {
    /// To be had from addresses in their manifests.
    pub foreign_sources: HashMap<Digest, Source>,
    /// Left out.
    pub left_out: Vec<Missing>,
}

impl Resolver<'_> {
    /// Decides about each foreign layer of the manifests taken.
    pub(super) async fn foreign(&self) -> Result<ForeignLayerPlan, Error> {
        let manifests = self.manifests.values();
        let layers: BTreeMap<Digest, &Foreign> = manifests
            .flat_map(|manifest| &manifest.parsed.foreign)
            .map(|layer| (layer.blob.digest, layer))
            .collect();
        let mut plan = ForeignLayerPlan::default();
        for (digest, layer) in layers {
            let reason = match self.shared.options.skip_foreign_layers {
                true => "--foreign-layers skip".to_owned(),
                false if self.held(&layer.blob).await? => continue,
                false => {
                    let allowed = &self.shared.options.allow_foreign_hosts;
                    let found = LayerUrl::find(self.shared.web, allowed, &layer.urls, &layer.blob);
                    match found.await {
                        Ok(url) => {
                            tracing::info!(
                                "{}: the foreign layer {digest} comes from {url}",
                                self.wanted.display_ref
                            );
                            plan.foreign_sources.insert(digest, Source::LayerUrl(url));
                            continue;
                        }
                        Err(reason) => reason,
                    }
                }
            };
            tracing::warn!(
                "{}: the foreign layer {digest} ({} bytes) is left out: {reason}",
                self.wanted.display_ref,
                layer.blob.size
            );
            plan.left_out.push(Missing {
                repository: self.wanted.repository.clone(),
                tags: Vec::new(),
                source: Missing::plain(&self.wanted.display_ref),
                reason: Missing::plain(&reason),
                releases: Vec::new(),
                blob: Some(digest),
            });
        }
        Ok(plan)
    }

    /// Whether the image's own source has the blob. A registry that refuses to answer does not have it.
    async fn held(&self, blob: &Blob) -> Result<bool, Error> {
        match &self.lookup {
            Source::Disk(disk, repository) => match disk.blob(repository, blob) {
                Ok(_) => Ok(true),
                Err(Error::Absent { .. }) => Ok(false),
                Err(error) => Err(error),
            },
            Source::LayerUrl(_) => Ok(false),
            Source::Registry(repository) => match repository.remote().await?.has_blob(blob).await {
                Err(error) if error.is_transient() => Err(error.into()),
                answer => Ok(answer.unwrap_or(false)),
            },
        }
    }
}
