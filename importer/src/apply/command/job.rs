/*! What is to be done on clusters, once everything that a bundle brings is known; it can be done again and again. */

use cli::StatusTable;
use schema::{
    Digest,
    bundle::{Index, Release},
};

use crate::{
    apply::{
        ApplyOptions,
        manifests::{Manifests, collect::Collected},
        outcome::Applied,
        plan::ApplyPlan,
    },
    backup::Backup,
    configuration::Configuration,
    inventory::Inventory,
    options::MirrorConfig,
    prove_pull::Proof,
    rollout::{Finished, Rollout},
};

/// What a bundle brings to clusters.
#[derive(Debug)]
pub struct Brought<'b> {
    /// Its index.
    pub index: &'b Index,
    /// Its id: the digest of `bundle.json`.
    pub bundle: Digest,
    /// Its manifests.
    pub collected: Collected,
    /// What was rendered for the registry that it is in: the wanted form first.
    pub rendered: &'b [(MirrorConfig, Configuration)],
}

/// Objects, and the clusters that get them.
#[derive(Debug)]
pub struct Job<'j> {
    pub(super) rollout: &'j Rollout,
    pub(super) options: &'j ApplyOptions,
    pub(super) manifests: Manifests,
    pub(super) releases: &'j [Release],
    pub(super) bundle: Digest,
    pub(super) backup: Option<Backup>,
    pub(super) inventory: Option<Inventory>,
    pub(super) proof: Option<Proof>,
}

impl Job<'_> {
    /// Does it on all clusters. Nothing that an earlier run saw is used, and each cluster is connected to anew.
    pub async fn run(&self, status: StatusTable) -> Finished<Applied> {
        let plan = ApplyPlan {
            proof: self.proof.as_ref(),
            inventory: self.inventory.as_ref(),
            backup: self.backup.as_ref(),
            manifests: &self.manifests,
            overlays: &self.rollout.fleet.overlays,
            waves: &self.rollout.fleet.waves,
            releases: self.releases,
            options: self.options,
        };
        self.rollout.run(&plan, Some(self.bundle), status).await
    }
}
