/*!
One blob, or one [manifest], into every repository that lacks it, and [stats] of that.

A blob is sent once and mounted into the other repositories. What fails is written down: whatever rests on it fails
too, the rest goes on.
*/

mod held_manifests;
mod manifest;
mod manifest_blobs;
mod stats;

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use bytes::Bytes;
use registry::{BlobSource, Mount, Registry, Remote};
use schema::{Digest, MediaType, Repository};

use held_manifests::HeldManifests;
use stats::PushStats;

use crate::{
    Error,
    push::{
        inventory::Inventory,
        plan::{BlobStep, Plan},
        tag_change::TagChange,
    },
};

/// A push under way, shared by all its tasks.
#[derive(Debug)]
pub struct Upload {
    /// What is to be done.
    pub plan: Plan,
    /// What the registry lacked when it was asked.
    pub inventory: Inventory,
    /// Tasks at once.
    pub concurrency: usize,
    registry: Registry,
    /// Where each blob and manifest goes.
    destinations: HashMap<Digest, Vec<Repository>>,
    /// Digests that are manifests.
    manifests: HashSet<Digest>,
    stats: Mutex<PushStats>,
    held: HeldManifests,
}

impl Upload {
    /// Begins. `changes` is what will become of the tags in the end.
    pub fn new(
        plan: Plan,
        registry: Registry,
        inventory: Inventory,
        changes: &[TagChange],
        concurrency: usize,
    ) -> Self {
        let manifests = plan.manifests.iter().map(|step| step.digest).collect();
        let blobs = plan.blobs.iter();
        let blobs = blobs.map(|step| (step.blob.digest, step.repositories.clone()));
        let others = plan.manifests.iter();
        let others = others.map(|step| (step.digest, step.repositories.clone()));
        Self {
            held: HeldManifests::new(&plan, changes),
            destinations: blobs.chain(others).collect(),
            manifests,
            plan,
            inventory,
            concurrency,
            registry,
            stats: Mutex::default(),
        }
    }

    /// The target.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A repository at the target.
    pub fn remote(&self, repository: &Repository) -> Remote {
        self.registry.repository(repository)
    }

    /// The type and bytes of a manifest that gets a tag, if they are still at hand.
    pub fn held(&self, digest: &Digest) -> Option<(MediaType, Bytes)> {
        self.held.get(digest)
    }

    /// A manifest was put under a tag. Counts it if it was not there before.
    pub fn arrived(&self, repository: &Repository, digest: &Digest) {
        if self.held.stop_waiting(repository, digest) {
            self.stats().manifests += 1;
        }
    }

    /// Sends a blob where it is missing. `again` gives the bytes for repositories that refuse a mount.
    ///
    /// Only an altered bundle is an error; a registry's refusal is written down, and concerns no other repository.
    pub async fn blob(
        &self,
        step: &BlobStep,
        source: &dyn BlobSource,
        again: impl Fn(Remote) -> Box<dyn BlobSource>,
    ) -> Result<(), Error> {
        let digest = step.blob.digest;
        let missing = self.inventory.missing_blobs.get(&digest);
        let mut missing = missing.into_iter().flatten();
        let mut holder = self.inventory.holders.get(&digest);
        while let Some(repository) = missing.next() {
            let done = match holder {
                Some(holder) => self.copy(step, holder, repository, &again).await,
                None => self.send(step, repository, source).await,
            };
            let Err(error) = done else {
                holder = holder.or(Some(repository));
                continue;
            };
            // What is not a refusal would be the same everywhere.
            let ends = !error.is_refusal();
            match Error::from(error) {
                altered @ Error::Bundle(_) => return Err(altered),
                error => {
                    let reason = self.reason(&format!("blob {digest}"), &error);
                    let others = missing.by_ref().take(if ends { usize::MAX } else { 0 });
                    for repository in std::iter::once(repository).chain(others) {
                        self.fail(repository, digest, reason.clone());
                    }
                }
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        step: &BlobStep,
        to: &Repository,
        source: &dyn BlobSource,
    ) -> Result<(), registry::Error> {
        let remote = self.remote(to);
        let session = match self.inventory.unasked.contains(to) {
            false => None,
            // The answer to the request that opens the upload says what a HEAD would.
            true => match remote.begin_blob(&step.blob).await? {
                Mount::Done => return Ok(()),
                Mount::Refused(session) => Some(session),
            },
        };
        remote.push_blob(&step.blob, source, session).await?;
        self.sent(&step.blob);
        Ok(())
    }

    async fn copy(
        &self,
        step: &BlobStep,
        holder: &Repository,
        to: &Repository,
        again: &impl Fn(Remote) -> Box<dyn BlobSource>,
    ) -> Result<(), registry::Error> {
        let remote = self.remote(to);
        match remote.mount(&step.blob, holder).await? {
            Mount::Done => self.stats().mounted += 1,
            Mount::Refused(session) => {
                let source = again(self.remote(holder));
                remote
                    .push_blob(&step.blob, source.as_ref(), Some(session))
                    .await?;
                self.sent(&step.blob);
            }
        }
        Ok(())
    }
}
