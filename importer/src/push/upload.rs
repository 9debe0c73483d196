/*!
One blob or manifest into every repository that lacks it, and the account of it.

A blob is sent once and mounted into the other repositories. What fails is written down: whatever rests on it fails
too, the rest goes on.
*/

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use schema::{
    Digest, Manifest, MediaType, Repository, Selector, bundle,
    manifest::Blob,
    registry::{self, BlobSource, Mount, Registry, Remote},
};

use super::{
    plan::{BlobStep, ManifestStep, Plan},
    referrers::Referrer,
    releases::ReleaseStep,
    survey::Survey,
};
use crate::Error;

/// A push under way, shared by all its tasks.
#[derive(Debug)]
pub struct Upload {
    /// What is to be done.
    pub plan: Plan,
    /// What the registry lacked when it was asked.
    pub survey: Survey,
    /// Tasks at once.
    pub concurrency: usize,
    registry: Registry,
    account: Mutex<Account>,
}

/// What was done so far.
#[derive(Debug, Default, Clone)]
pub struct Account {
    /// Blobs sent.
    pub uploaded: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Mounts made.
    pub mounted: usize,
    /// Manifests put.
    pub manifests: usize,
    /// Blobs and manifests that are not everywhere they should be, with the reason.
    pub failed: HashMap<Digest, String>,
    /// Releases that are not published alone: the repository, a manifest that gets no tag there, and the reason.
    pub withheld: HashMap<(Repository, Digest), String>,
    /// The first reason in time.
    pub first_failure: Option<String>,
    /// Manifests that are about others.
    pub referrers: Vec<Referrer>,
}

impl Upload {
    /// Begins.
    pub fn new(plan: Plan, registry: Registry, survey: Survey, concurrency: usize) -> Self {
        Self {
            plan,
            survey,
            concurrency,
            registry,
            account: Mutex::default(),
        }
    }

    /// A repository at the target.
    pub fn remote(&self, repository: &Repository) -> Remote {
        self.registry.repository(repository)
    }

    /// The account, for reading and writing.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a blob where it is missing. `again` gives the bytes for repositories that refuse a mount.
    /// Only an altered bundle is an error; a registry's refusal is written down.
    pub async fn blob(
        &self,
        step: &BlobStep,
        source: &dyn BlobSource,
        again: impl Fn(Remote) -> Box<dyn BlobSource>,
    ) -> Result<(), Error> {
        match self
            .try_blob(step, source, again)
            .await
            .map_err(Error::from)
        {
            Ok(()) => Ok(()),
            Err(altered @ Error::Bundle(_)) => Err(altered),
            Err(error) => {
                self.fail(
                    step.blob.digest,
                    format!("blob {}: {error}", step.blob.digest),
                );
                Ok(())
            }
        }
    }

    async fn try_blob(
        &self,
        step: &BlobStep,
        source: &dyn BlobSource,
        again: impl Fn(Remote) -> Box<dyn BlobSource>,
    ) -> Result<(), registry::Error> {
        let mut missing = self
            .survey
            .missing_blobs
            .get(&step.blob.digest)
            .into_iter()
            .flatten();
        let holder = match self.survey.holders.get(&step.blob.digest) {
            Some(holder) => holder,
            None => {
                let Some(first) = missing.next() else {
                    return Ok(());
                };
                self.remote(first)
                    .push_blob(&step.blob, source, None)
                    .await?;
                self.sent(&step.blob);
                first
            }
        };
        for repository in missing {
            let remote = self.remote(repository);
            match remote.mount(&step.blob, holder).await? {
                Mount::Done => self.account().mounted += 1,
                Mount::Refused(session) => {
                    remote
                        .push_blob(
                            &step.blob,
                            again(self.remote(holder)).as_ref(),
                            Some(session),
                        )
                        .await?;
                    self.sent(&step.blob);
                }
            }
        }
        Ok(())
    }

    /// Counts a blob that was sent.
    pub fn sent(&self, blob: &Blob) {
        let mut account = self.account();
        account.uploaded += 1;
        account.bytes += blob.size;
    }

    /// Puts a manifest, by digest, where it is missing; `bytes` are verified. Refuses one that refers to what neither
    /// the bundle nor the index knows.
    pub async fn manifest(&self, step: &ManifestStep, bytes: Bytes) -> Result<(), Error> {
        let invalid =
            |reason: String| bundle::Error::Invalid(format!("manifest {}: {reason}", step.digest));
        let manifest =
            Manifest::parse(&bytes, step.media_type).map_err(|error| invalid(error.to_string()))?;
        if let Some(stranger) = manifest
            .blobs
            .iter()
            .find(|blob| !self.plan.known.contains(&blob.digest))
        {
            return Err(invalid(format!(
                "it needs blob {}, which the bundle does not hold",
                stranger.digest
            ))
            .into());
        }
        let needs = manifest
            .blobs
            .iter()
            .map(|blob| blob.digest)
            .chain(manifest.children.iter().map(|child| child.digest));
        let broken = {
            let account = self.account();
            needs
                .into_iter()
                .find(|digest| account.failed.contains_key(digest))
        };
        if let Some(broken) = broken {
            self.fail(
                step.digest,
                format!("manifest {} rests on {broken}", step.digest),
            );
            return Ok(());
        }
        for repository in self
            .survey
            .missing_manifests
            .get(&step.digest)
            .into_iter()
            .flatten()
        {
            let selector = Selector::Digest(step.digest);
            match self
                .remote(repository)
                .put_manifest(&selector, step.media_type, bytes.clone())
                .await
            {
                Ok(_) => self.account().manifests += 1,
                Err(error) => self.fail(step.digest, format!("manifest: {error}")),
            }
        }
        for repository in &step.repositories {
            self.note_referrer(repository, &manifest, step.media_type, &bytes);
        }
        Ok(())
    }

    /// Writes down a manifest that is about another, if it is one, for the list of such.
    pub fn note_referrer(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        media_type: MediaType,
        bytes: &Bytes,
    ) {
        let Some(subject) = manifest.subject else {
            return;
        };
        self.account().referrers.push(Referrer {
            repository: repository.clone(),
            subject,
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            media_type,
            artifact_type: manifest.artifact_type.clone(),
            annotations: manifest.annotations.clone(),
        });
    }

    /// Writes down that something is not there.
    pub fn fail(&self, digest: Digest, reason: String) {
        tracing::warn!("{reason}");
        let mut account = self.account();
        account.first_failure.get_or_insert_with(|| reason.clone());
        account.failed.entry(digest).or_insert(reason);
    }

    /// Writes down that a release is not published alone; where it was pushed with its components it stays.
    pub fn withhold(&self, step: &ReleaseStep, reason: &str) {
        let reason = format!(
            "release {} is not published in {}: {reason}",
            step.version, step.to
        );
        tracing::warn!("{reason}");
        let mut account = self.account();
        account.first_failure.get_or_insert_with(|| reason.clone());
        for (_, digest) in &step.tags {
            account
                .withheld
                .insert((step.to.clone(), *digest), reason.clone());
        }
    }
}

impl Account {
    /// Whether something that a tag there would rest on is missing.
    pub fn forbids(&self, repository: &Repository, digest: &Digest) -> bool {
        self.failed.contains_key(digest)
            || self.withheld.contains_key(&(repository.clone(), *digest))
    }
}
