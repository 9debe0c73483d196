/*! One manifest into every repository that lacks it, after all that it refers to. */

use bytes::Bytes;
use schema::{Digest, Manifest, MediaType, Repository, Selector, bundle};

use super::Upload;
use crate::{
    Error,
    push::plan::{ManifestStep, TagStep},
};

impl Upload {
    /// Puts a manifest where it is missing, by digest, unless it may wait for its tag; `bytes` are verified. Refuses one that
    /// refers to what neither the bundle nor the index knows.
    pub async fn manifest(&self, step: &ManifestStep, bytes: Bytes) -> Result<(), Error> {
        let manifest = self.parsed(step, &bytes)?;
        let needs = manifest.blobs.iter().map(|blob| blob.digest);
        let needs = needs.chain(manifest.children.iter().map(|child| child.digest));
        let needs: Vec<Digest> = needs.collect();
        let missing = self.inventory.missing_manifests.get(&step.digest);
        self.held.add(step, &bytes);
        let own = step.repositories.iter();
        for repository in own.filter(|repository| !self.is_only_blob(&manifest, repository)) {
            let broken = {
                let failed = &self.stats().failed;
                let lacks = |digest: &&Digest| failed.contains_key(&(repository.clone(), **digest));
                needs.iter().find(lacks).copied()
            };
            if let Some(broken) = broken {
                let why = self.closed_for(repository, &broken);
                let why = why.unwrap_or_else(|| {
                    format!("{} rests on {broken}", self.named(repository, step))
                });
                self.fail(repository, step.digest, why);
                continue;
            }
            if missing.is_some_and(|missing| missing.contains(repository))
                && let Err(error) = self.put(repository, step, &manifest, &bytes).await
            {
                let reason = self.reason(&self.named(repository, step), &error.into());
                self.fail(repository, step.digest, reason);
                continue;
            }
            self.note_referrer(repository, &manifest, step.media_type, &bytes);
        }
        Ok(())
    }

    async fn put(
        &self,
        repository: &Repository,
        step: &ManifestStep,
        manifest: &Manifest,
        bytes: &Bytes,
    ) -> Result<(), registry::Error> {
        // What it refers to must be there before it.
        let children = manifest.children.iter().map(|child| child.digest);
        let manifest_blobs = self.manifest_blobs(manifest).map(|blob| blob.digest);
        for early in children.chain(manifest_blobs) {
            if let Some((media_type, bytes)) = self.held.take_waiting(repository, &early) {
                self.put_one(repository, early, media_type, bytes).await?;
            }
        }
        let needs_manifest_blobs = self.manifest_blobs(manifest).next().is_some();
        if !needs_manifest_blobs && self.held.can_wait(repository, step, manifest) {
            return Ok(());
        }
        self.put_manifest_blobs(manifest, repository).await?;
        self.put_one(repository, step.digest, step.media_type, bytes.clone())
            .await
    }

    async fn put_one(
        &self,
        repository: &Repository,
        digest: Digest,
        media_type: MediaType,
        bytes: Bytes,
    ) -> Result<(), registry::Error> {
        let (remote, selector) = (self.remote(repository), Selector::Digest(digest));
        remote.put_manifest(&selector, media_type, bytes).await?;
        self.held.prove();
        self.stats().manifests += 1;
        Ok(())
    }

    pub(super) fn parsed(&self, step: &ManifestStep, bytes: &Bytes) -> Result<Manifest, Error> {
        let invalid =
            |reason: String| bundle::Error::Invalid(format!("manifest {}: {reason}", step.digest));
        let manifest =
            Manifest::parse(bytes, step.media_type).map_err(|error| invalid(error.to_string()))?;
        match manifest
            .blobs
            .iter()
            .find(|blob| !self.plan.known.contains(&blob.digest))
        {
            Some(stranger) => Err(invalid(format!(
                "it needs blob {}, which the bundle does not hold",
                stranger.digest
            ))
            .into()),
            None => Ok(manifest),
        }
    }

    /// A manifest as people know it: with a tag that it is to have.
    fn named(&self, repository: &Repository, step: &ManifestStep) -> String {
        let own = |tag: &&TagStep| tag.repository == *repository && tag.digest == step.digest;
        match self.plan.tags.iter().find(own) {
            Some(tag) => format!("manifest {} ({repository}:{})", step.digest, tag.tag),
            None => format!("manifest {} in {repository}", step.digest),
        }
    }
}
