/*!
Manifests from the moment they are verified until their tag is set.

A manifest that gets a tag is put once, under the tag and last of all, instead of by digest first and under the tag later:
as soon as the registry has taken one by digest and called it what it is. Its bytes are held meanwhile; what there is no
room for is put by digest, and read back for its tag.
*/

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use schema::{Digest, Manifest, MediaType, Repository};

use crate::push::{
    plan::{ManifestStep, Plan},
    tag_change::{TagAction, TagChange},
};

/// Bytes held at most: 8 MiB.
const LIMIT: usize = 8 << 20;

/// What gets a tag, and what of it is at hand.
#[derive(Debug)]
pub struct HeldManifests {
    /// What will get a tag, and where.
    tagged: HashSet<(Repository, Digest)>,
    /// What must be there before any tag: releases rest on it, or it is about others.
    early: HashSet<Digest>,
    /// The registry has taken a manifest by digest.
    proved: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    manifests: HashMap<Digest, (MediaType, Bytes)>,
    bytes: usize,
    waiting: HashSet<(Repository, Digest)>,
}

impl HeldManifests {
    /// Nothing is at hand yet.
    pub fn new(plan: &Plan, changes: &[TagChange]) -> Self {
        let set =
            |change: &&TagChange| matches!(change.action, TagAction::Created | TagAction::Moved);
        // What is about others must be found by digest: lists of referrers name it so.
        let attached = plan.tags.iter().filter(|step| step.attached);
        let attached = attached.map(|step| step.digest);
        let tagged = changes.iter().filter(set);
        let releases = plan.releases.iter();
        Self {
            tagged: tagged
                .map(|change| (change.repository.clone(), change.new))
                .collect(),
            early: releases
                .flat_map(|step| step.rests_on.iter().chain(&step.roots).copied())
                .chain(attached)
                .collect(),
            proved: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Holds the verified bytes of a manifest that gets a tag, if there is room.
    pub fn add(&self, step: &ManifestStep, bytes: &Bytes) {
        let mut repositories = step.repositories.iter();
        let tagged = repositories.any(|one| self.tagged.contains(&(one.clone(), step.digest)));
        let mut state = self.state();
        if tagged && state.bytes + bytes.len() <= LIMIT {
            state.bytes += bytes.len();
            let held = (step.media_type, bytes.clone());
            state.manifests.insert(step.digest, held);
        }
    }

    /// Its type and bytes.
    pub fn get(&self, digest: &Digest) -> Option<(MediaType, Bytes)> {
        self.state().manifests.get(digest).cloned()
    }

    /// Whether a manifest that is missing there may wait for its tag. What is about others may not: the lists of such come
    /// before the tags.
    pub fn can_wait(
        &self,
        repository: &Repository,
        step: &ManifestStep,
        manifest: &Manifest,
    ) -> bool {
        let key = (repository.clone(), step.digest);
        let mut state = self.state();
        let waits = self.proved.load(Ordering::Relaxed)
            && self.tagged.contains(&key)
            && !self.early.contains(&step.digest)
            && manifest.subject.is_none()
            && state.manifests.contains_key(&step.digest);
        if waits {
            state.waiting.insert(key);
        }
        waits
    }

    /// The registry took a manifest by digest.
    pub fn prove(&self) {
        self.proved.store(true, Ordering::Relaxed);
    }

    /// Whether a manifest was waiting there; it is no longer.
    pub fn stop_waiting(&self, repository: &Repository, digest: &Digest) -> bool {
        self.state().waiting.remove(&(repository.clone(), *digest))
    }

    /// A manifest that waits there and has to be put now.
    pub fn take_waiting(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<(MediaType, Bytes)> {
        self.stop_waiting(repository, digest)
            .then(|| self.get(digest))?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
