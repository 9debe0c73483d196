/*! What a push has done so far, and what failed in it: written down by all its tasks, read by its report. */

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{MutexGuard, PoisonError},
};

use bytes::Bytes;
use schema::{Digest, Manifest, MediaType, Repository, manifest::Blob};

use super::Upload;
use crate::{
    Error,
    push::{plan::ReleaseStep, referrers::Referrer},
};

/// Counts, failures and referrers of a push so far.
#[derive(Debug, Default, Clone)]
pub struct PushStats {
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
    /// Those of the reasons that were logged.
    logged: HashSet<String>,
    /// Tags and lists that were refused.
    pub refused: BTreeSet<String>,
    /// Releases that are not published alone: the repository, a manifest that gets no tag there, and the reason.
    pub withheld: HashMap<(Repository, Digest), String>,
    /// The first reason in time.
    pub first_failure: Option<String>,
    /// Manifests that are about others.
    pub referrers: Vec<Referrer>,
}

impl PushStats {
    /// Why a tag there would rest on something that is missing, if so.
    pub fn obstacle(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        let key = (repository.clone(), *digest);
        let reason = self.failed.get(&key).or(self.withheld.get(&key));
        reason.cloned()
    }
}

impl Upload {
    /// Locked: for reading and writing, and not across an await.
    pub fn stats(&self) -> MutexGuard<'_, PushStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a blob that was sent.
    pub fn sent(&self, blob: &Blob) {
        let mut stats = self.stats();
        stats.uploaded += 1;
        stats.bytes += blob.size;
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
        self.stats().referrers.extend(referrer);
    }

    /// Why something is not there. A reason that holds for everything names no single thing, so that it is reported once.
    pub(super) fn reason(&self, what: &str, error: &Error) -> String {
        if !matches!(error, Error::Registry(registry::Error::Closed { .. })) {
            return format!("{what}: {error}");
        }
        let reason = error.to_string();
        self.stats().closed.insert(reason.clone());
        reason
    }

    /// The reason for which something is not there, if it holds for everything.
    pub(super) fn closed_for(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        let stats = self.stats();
        let reason = stats.failed.get(&(repository.clone(), *digest));
        reason
            .filter(|reason| stats.closed.contains(*reason))
            .cloned()
    }

    /// Writes down that a blob or a manifest is not in a repository.
    pub fn fail(&self, repository: &Repository, digest: Digest, reason: String) {
        let mut stats = self.stats();
        if stats.logged.insert(reason.clone()) {
            tracing::warn!("{reason}");
        }
        stats.first_failure.get_or_insert_with(|| reason.clone());
        let key = (repository.clone(), digest);
        stats.failed.entry(key).or_insert(reason);
    }

    /// Writes down that a tag or a list was refused.
    pub fn refused(&self, reason: String) {
        tracing::warn!("{reason}");
        let mut stats = self.stats();
        stats.first_failure.get_or_insert_with(|| reason.clone());
        stats.refused.insert(reason);
    }

    /// Writes down that a release is not published alone; where it was pushed with its components it stays.
    pub fn withhold(&self, step: &ReleaseStep, reason: &str) {
        let reason = format!(
            "release {} is not published in {}: {reason}",
            step.version, step.to
        );
        tracing::warn!("{reason}");
        let mut stats = self.stats();
        stats.first_failure.get_or_insert_with(|| reason.clone());
        for (_, digest) in &step.tags {
            stats
                .withheld
                .insert((step.to.clone(), *digest), reason.clone());
        }
    }
}
