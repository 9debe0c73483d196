/*!
One blob or manifest into every repository that lacks it, and the account of it.

A blob is sent once and mounted into the other repositories. What fails is written down: whatever rests on it fails
too, the rest goes on.
*/

mod held_manifests;
mod manifest_blobs;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use registry::{BlobSource, Mount, Registry, Remote};
use schema::{Digest, Manifest, MediaType, Repository, Selector, bundle, manifest::Blob};

use held_manifests::Kept;

use crate::{
    Error,
    push::{
        inventory::Survey,
        plan::{BlobStep, ManifestStep, Plan, ReleaseStep, TagStep},
        referrers::Referrer,
        tag_change::TagChange,
    },
};

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
    /// Where each blob and manifest goes.
    pub(super) places: HashMap<Digest, Vec<Repository>>,
    /// Digests that are manifests.
    pub(super) manifests: HashSet<Digest>,
    account: Mutex<Account>,
    pub(super) kept: Kept,
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
    /// Blobs and manifests that are not where they should be, with the reason.
    pub failed: HashMap<(Repository, Digest), String>,
    /// Those of the reasons that hold for everything in a repository, or at the registry.
    pub closed: HashSet<String>,
    /// What was logged of them.
    told: HashSet<String>,
    /// Tags and lists that were refused.
    pub refused: BTreeSet<String>,
    /// Releases that are not published alone: the repository, a manifest that gets no tag there, and the reason.
    pub withheld: HashMap<(Repository, Digest), String>,
    /// The first reason in time.
    pub first_failure: Option<String>,
    /// Manifests that are about others.
    pub referrers: Vec<Referrer>,
}

impl Upload {
    /// Begins. `changes` is what will become of the tags in the end.
    pub fn new(
        plan: Plan,
        registry: Registry,
        survey: Survey,
        changes: &[TagChange],
        concurrency: usize,
    ) -> Self {
        let manifests = plan.manifests.iter().map(|step| step.digest).collect();
        let blobs = plan.blobs.iter();
        let places = blobs.map(|step| (step.blob.digest, step.repositories.clone()));
        let others = plan.manifests.iter();
        let places = places.chain(others.map(|step| (step.digest, step.repositories.clone())));
        let places = places.collect();
        Self {
            kept: Kept::new(&plan, changes),
            plan,
            places,
            manifests,
            survey,
            concurrency,
            registry,
            account: Mutex::default(),
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
    pub fn kept(&self, digest: &Digest) -> Option<(MediaType, Bytes)> {
        self.kept.get(digest)
    }

    /// A manifest was put under a tag. Counts it if it was not there before.
    pub fn arrived(&self, repository: &Repository, digest: &Digest) {
        if self.kept.put_now(repository, digest) {
            self.account().manifests += 1;
        }
    }

    /// The account, for reading and writing.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a blob where it is missing. `again` gives the bytes for repositories that refuse a mount.
    /// Only an altered bundle is an error; a registry's refusal is written down, and concerns no other repository.
    pub async fn blob(
        &self,
        step: &BlobStep,
        source: &dyn BlobSource,
        again: impl Fn(Remote) -> Box<dyn BlobSource>,
    ) -> Result<(), Error> {
        let digest = step.blob.digest;
        let mut missing = self.survey.missing_blobs.get(&digest).into_iter().flatten();
        let mut holder = self.survey.holders.get(&digest);
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
        let session = match self.survey.unasked.contains(to) {
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
            Mount::Done => self.account().mounted += 1,
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

    /// Counts a blob that was sent.
    pub fn sent(&self, blob: &Blob) {
        let mut account = self.account();
        account.uploaded += 1;
        account.bytes += blob.size;
    }

    /// Puts a manifest where it is missing, by digest, unless it may wait for its tag; `bytes` are verified. Refuses one that
    /// refers to what neither the bundle nor the index knows.
    pub async fn manifest(&self, step: &ManifestStep, bytes: Bytes) -> Result<(), Error> {
        let manifest = self.parsed(step, &bytes)?;
        let needs = manifest.blobs.iter().map(|blob| blob.digest);
        let needs = needs.chain(manifest.children.iter().map(|child| child.digest));
        let needs: Vec<Digest> = needs.collect();
        let missing = self.survey.missing_manifests.get(&step.digest);
        self.kept.add(step, &bytes);
        let own = step.repositories.iter();
        for repository in own.filter(|repository| !self.is_only_blob(&manifest, repository)) {
            let broken = {
                let failed = &self.account().failed;
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
        let doubles = self.doubles(manifest).map(|blob| blob.digest);
        for early in children.chain(doubles) {
            if let Some((media_type, bytes)) = self.kept.taken(repository, &early) {
                self.put_one(repository, early, media_type, bytes).await?;
            }
        }
        let needs_doubles = self.doubles(manifest).next().is_some();
        if !needs_doubles && self.kept.can_wait(repository, step, manifest) {
            return Ok(());
        }
        self.put_doubles(manifest, repository).await?;
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
        self.kept.prove();
        self.account().manifests += 1;
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

    /// Writes down a manifest that is about another, if it is one, for the list of such.
    pub fn note_referrer(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        media_type: MediaType,
        bytes: &Bytes,
    ) {
        let referrer = Referrer::of(repository, manifest, media_type, bytes);
        self.account().referrers.extend(referrer);
    }

    /// Why something is not there. What the registry says of everything is told once, and not for each thing anew.
    fn reason(&self, what: &str, error: &Error) -> String {
        if !matches!(error, Error::Registry(registry::Error::Closed { .. })) {
            return format!("{what}: {error}");
        }
        let reason = error.to_string();
        self.account().closed.insert(reason.clone());
        reason
    }

    /// The reason for which something is not there, if it holds for everything.
    fn closed_for(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        let account = self.account();
        let reason = account.failed.get(&(repository.clone(), *digest));
        reason
            .filter(|reason| account.closed.contains(*reason))
            .cloned()
    }

    /// Writes down that a blob or a manifest is not in a repository.
    pub fn fail(&self, repository: &Repository, digest: Digest, reason: String) {
        let mut account = self.account();
        if account.told.insert(reason.clone()) {
            tracing::warn!("{reason}");
        }
        account.first_failure.get_or_insert_with(|| reason.clone());
        let place = (repository.clone(), digest);
        account.failed.entry(place).or_insert(reason);
    }

    /// Writes down that a tag or a list was refused.
    pub fn refused(&self, reason: String) {
        tracing::warn!("{reason}");
        let mut account = self.account();
        account.first_failure.get_or_insert_with(|| reason.clone());
        account.refused.insert(reason);
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
    /// Why a tag there would rest on something that is missing, if so.
    pub fn forbids(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        let place = (repository.clone(), *digest);
        let reason = self.failed.get(&place).or(self.withheld.get(&place));
        reason.cloned()
    }
}
