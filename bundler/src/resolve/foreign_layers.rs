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

use super::Gathering;
use crate::{
    Error,
    args::ForeignLayers,
    source::{Elsewhere, Source},
};

/// What became of the foreign layers of an image that its own source does not hold.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// To be had from another place.
    pub elsewhere: HashMap<Digest, Source>,
    /// Left out.
    pub left_out: Vec<Missing>,
}

impl Gathering<'_> {
    /// Decides about each foreign layer of the manifests taken.
    pub(super) async fn foreign(&self) -> Result<Decided, Error> {
        let manifests = self.manifests.values();
        let layers: BTreeMap<Digest, &Foreign> = manifests
            .flat_map(|manifest| &manifest.parsed.foreign)
            .map(|layer| (layer.blob.digest, layer))
            .collect();
        let mut decided = Decided::default();
        for (digest, layer) in layers {
            let reason = match self.request.foreign_layers {
                ForeignLayers::Skip => "--foreign-layers skip".to_owned(),
                ForeignLayers::Include if self.held(&layer.blob).await? => continue,
                ForeignLayers::Include => {
                    let allowed = &self.request.allow_foreign_hosts;
                    let found =
                        Elsewhere::find(&self.request.web, allowed, &layer.urls, &layer.blob);
                    match found.await {
                        Ok(place) => {
                            tracing::info!(
                                "{}: the foreign layer {digest} comes from {place}",
                                self.wanted.shown
                            );
                            decided.elsewhere.insert(digest, Source::Elsewhere(place));
                            continue;
                        }
                        Err(reason) => reason,
                    }
                }
            };
            tracing::warn!(
                "{}: the foreign layer {digest} ({} bytes) is left out: {reason}",
                self.wanted.shown,
                layer.blob.size
            );
            decided.left_out.push(Missing {
                repository: self.wanted.repository.clone(),
                tags: Vec::new(),
                source: Missing::plain(&self.wanted.shown),
                reason: Missing::plain(&reason),
                releases: Vec::new(),
                blob: Some(digest),
            });
        }
        Ok(decided)
    }

    /// Whether the image's own source has the blob. One that refuses to say has it not.
    async fn held(&self, blob: &Blob) -> Result<bool, Error> {
        match &self.lookup {
            Source::Disk(disk, repository) => Ok(disk.blob(repository, blob).is_ok()),
            Source::Elsewhere(_) => Ok(false),
            Source::Registry(place) => match place.remote().await?.has_blob(blob).await {
                Err(error) if error.is_transient() => Err(error.into()),
                answer => Ok(answer.unwrap_or(false)),
            },
        }
    }
}
