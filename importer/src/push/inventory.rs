/*! Asks the registry, in parallel, what it has: what it holds is neither read from the medium nor sent. */

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use registry::Registry;
use schema::{Digest, Repository, Selector};

use super::plan::Plan;
use crate::Error;

/// What is missing where.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Blobs: the repositories that lack them, in order.
    pub missing_blobs: HashMap<Digest, Vec<Repository>>,
    /// Manifests: likewise.
    pub missing_manifests: HashMap<Digest, Vec<Repository>>,
    /// Blobs: a repository of ours that holds them, to mount from.
    pub holders: HashMap<Digest, Repository>,
    /// Repositories in which nothing was asked for, since they do not exist. What is left of an interrupted push may be
    /// there all the same: some registries count a repository without tags as none.
    pub unasked: HashSet<Repository>,
}

impl Inventory {
    /// Bytes that no repository of ours holds, so that they must be sent.
    pub fn bytes_missing(&self, plan: &Plan) -> u64 {
        let absent = plan
            .blobs
            .iter()
            .filter(|step| !self.holders.contains_key(&step.blob.digest));
        absent.map(|step| step.blob.size).sum()
    }
}

/// One HEAD for each blob and manifest in each repository, but for those that are `absent`.
pub async fn query(
    plan: &Plan,
    registry: &Registry,
    absent: &HashSet<Repository>,
    concurrency: usize,
) -> Result<Inventory, Error> {
    let mut inventory = Inventory {
        unasked: absent.clone(),
        ..Inventory::default()
    };
    let blobs = plan.blobs.iter().flat_map(|step| {
        step.repositories
            .iter()
            .map(move |repository| (step, repository))
    });
    let asked = stream::iter(blobs.collect::<Vec<_>>()).map(|(step, repository)| async move {
        let remote = registry.repository(repository);
        let there = !absent.contains(repository) && remote.has_blob(&step.blob).await?;
        Ok::<_, Error>((step.blob.digest, repository, there))
    });
    let mut answers = asked.buffered(concurrency * 2);
    while let Some((digest, repository, there)) = answers.try_next().await? {
        if there {
            inventory
                .holders
                .entry(digest)
                .or_insert_with(|| repository.clone());
        } else {
            inventory
                .missing_blobs
                .entry(digest)
                .or_default()
                .push(repository.clone());
        }
    }
    let manifests = plan.manifests.iter().flat_map(|step| {
        step.repositories
            .iter()
            .map(move |repository| (step, repository))
    });
    let asked = stream::iter(manifests.collect::<Vec<_>>()).map(|(step, repository)| async move {
        if absent.contains(repository) {
            return Ok((step.digest, repository, false));
        }
        let selector = Selector::Digest(step.digest);
        let found = registry
            .repository(repository)
            .find_manifest(&selector)
            .await;
        let there = match found {
            Ok(found) => found.is_some(),
            // Putting it shows whether it may, and fails for nothing else.
            Err(error) if error.is_refusal() => false,
            Err(error) => return Err(error.into()),
        };
        Ok::<_, Error>((step.digest, repository, there))
    });
    let mut answers = asked.buffered(concurrency * 2);
    while let Some((digest, repository, there)) = answers.try_next().await? {
        if !there {
            inventory
                .missing_manifests
                .entry(digest)
                .or_default()
                .push(repository.clone());
        }
    }
    Ok(inventory)
}
