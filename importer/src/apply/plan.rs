/*! What is brought to the clusters of a fleet, and of it what one of them is to get. */

use std::borrow::Cow;

use cluster::Cluster;
use schema::bundle::Release;

use super::{
    ApplyOptions,
    manifests::{Manifest, Manifests},
    skew::{self, Seen},
};
use crate::{
    backup::Backup,
    fleet::{Overlays, Wave},
    inventory::Inventory,
    options::MirrorConfig,
    prove_pull::Proof,
};

/// What is brought to the clusters of a fleet, and how.
#[derive(Debug, Clone, Copy)]
pub struct ApplyPlan<'p> {
    /// The objects.
    pub manifests: &'p Manifests,
    /// What differs from cluster to cluster.
    pub overlays: &'p Overlays,
    /// The releases of the bundle, for what there is to say of versions.
    pub releases: &'p [Release],
    /// The series whose objects are listed on each cluster.
    pub inventory: Option<&'p Inventory>,
    /// Where what will change is saved before.
    pub backup: Option<&'p Backup>,
    /// What nodes are to pull once all is applied.
    pub proof: Option<&'p Proof>,
    /// The clusters' turns, which may say what is waited for.
    pub waves: &'p [Wave],
    /// How objects are applied.
    pub options: &'p ApplyOptions,
}

/// What one cluster is to get.
pub(super) struct Chosen<'p> {
    /// The objects, in order.
    pub manifests: Cow<'p, [Manifest]>,
    /// What to look at before they are applied.
    pub warnings: Vec<String>,
}

impl<'p> ApplyPlan<'p> {
    /// How objects are applied to a cluster: as its wave says, where that says anything.
    pub(super) fn options_for(&self, cluster: &Cluster) -> Cow<'p, ApplyOptions> {
        let mut waves = self.waves.iter();
        let own = waves.find(|wave| wave.clusters.iter().any(|one| one.name == cluster.name));
        match own.map(|wave| (wave.wait, wave.health_timeout)) {
            None | Some((None, None)) => Cow::Borrowed(self.options),
            Some((wait, health_timeout)) => Cow::Owned(ApplyOptions {
                wait: wait.unwrap_or(self.options.wait),
                health_timeout: health_timeout.unwrap_or(self.options.health_timeout),
                ..self.options.clone()
            }),
        }
    }

    /// What a cluster is to get: mirror configuration in the form that is wanted, or in the other if it takes only that.
    pub(super) fn choose(&self, cluster: &Cluster, seen: &Seen<'_>) -> Chosen<'p> {
        let wanted = self.manifests.mirror_config();
        let taken = skew::mirror_kind(wanted, seen);
        let form = |kind| self.manifests.for_cluster(self.overlays, cluster, kind);
        let manifests = form(taken);
        let mut warnings = skew::warnings(seen, wanted, self.releases, &manifests);
        let lost = taken != wanted
            && taken == MirrorConfig::Icsp
            && form(wanted)
                .iter()
                .any(|manifest| manifest.kind == "ImageTagMirrorSet");
        if lost {
            warnings.push(
                "ImageContentSourcePolicy cannot mirror pulls by tag, so the cluster gets no mirrors by tag"
                    .to_owned(),
            );
        }
        Chosen {
            manifests,
            warnings,
        }
    }
}
