/*!
Tags, last of all: what each pointed to and points to now.

A tag that is already right is not put again (registries with immutable tags refuse even that), and none moves without
being listed.
*/

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use registry::{Registry, Remote, TagList};
use schema::{Digest, Repository, Selector};

use super::{
    plan::{Plan, TagStep},
    tag_change::{TagAction, TagChange},
    upload::Upload,
};
use crate::Error;

/// The tags at the target before anything is done.
#[derive(Debug, Default)]
pub struct CurrentTags {
    /// What each tag points to now, and so what would happen to it.
    pub changes: Vec<TagChange>,
    /// Repositories that do not exist: nothing in them need be asked for.
    pub absent: HashSet<Repository>,
}

/// Asks for every tag of the plan. A repository that is new needs one question, whatever number of tags it gets.
pub async fn current(
    plan: &Plan,
    registry: &Registry,
    concurrency: usize,
) -> Result<CurrentTags, Error> {
    let mut current = CurrentTags::default();
    // Bundles mostly come to registries that have all of their repositories, or none.
    let new = AtomicBool::new(false);
    let mut repositories = plan
        .tags
        .chunk_by(|one, next| one.repository == next.repository);
    if let Some(first) = repositories.next() {
        current.add(
            first,
            one_repository(first, registry, concurrency, &new).await?,
        );
    }
    let asked = repositories.map(|steps| {
        let new = &new;
        async move {
            Ok::<_, Error>((
                steps,
                one_repository(steps, registry, concurrency, new).await?,
            ))
        }
    });
    let mut answers = stream::iter(asked.collect::<Vec<_>>()).buffered(concurrency * 2);
    while let Some((steps, found)) = answers.try_next().await? {
        current.add(steps, found);
    }
    Ok(current)
}

impl CurrentTags {
    /// `found` is what the tags point to, or nothing where the repository does not exist.
    fn add(&mut self, steps: &[TagStep], found: Option<Vec<Found>>) {
        if let (None, Some(first)) = (&found, steps.first()) {
            self.absent.insert(first.repository.clone());
        }
        let found = found.unwrap_or_else(|| vec![Ok(None); steps.len()]);
        self.changes.extend(steps.iter().zip(found).map(change));
    }
}

/// What the tags of one repository point to; nothing where there is no such repository. `new` is what was found of its
/// neighbours: then its list is asked for first, which a repository that does not exist answers for all its tags.
async fn one_repository(
    steps: &[TagStep],
    registry: &Registry,
    concurrency: usize,
    new: &AtomicBool,
) -> Result<Option<Vec<Found>>, Error> {
    let Some((first, others)) = steps.split_first() else {
        return Ok(Some(Vec::new()));
    };
    let remote = registry.repository(&first.repository);
    let absent = async || matches!(*remote.tags().await, TagList::NoRepository);
    let find = |step: &TagStep| {
        let (remote, step) = (remote.clone(), step.clone());
        async move { find(&remote, &step).await }
    };
    let listed = new.load(Ordering::Relaxed);
    if listed && absent().await {
        return Ok(None);
    }
    let found = find(first).await?;
    if found == Ok(None) && !listed && absent().await {
        new.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    new.store(false, Ordering::Relaxed);
    let asked = stream::iter(others.iter().map(find).collect::<Vec<_>>());
    let mut all = vec![found];
    all.extend(
        asked
            .buffered(concurrency * 2)
            .try_collect::<Vec<_>>()
            .await?,
    );
    Ok(Some(all))
}

/// What a tag points to; the reason where it may not be known.
type Found = Result<Option<Digest>, String>;

async fn find(remote: &Remote, step: &TagStep) -> Result<Found, Error> {
    match remote.find_manifest(&Selector::Tag(step.tag.clone())).await {
        Ok(old) => Ok(Ok(old)),
        // No signature costs an image its tag. What may be there is unknown, so it is not moved.
        Err(error) if step.attached && error.is_refusal() => Ok(Err(format!(
            "tag {}:{}: {error}",
            step.repository, step.tag
        ))),
        Err(error) => Err(error.into()),
    }
}

fn change((step, found): (&TagStep, Found)) -> TagChange {
    let TagStep {
        repository,
        tag,
        digest,
        added,
        attached,
    } = step.clone();
    let (old, reason) = match found {
        Ok(old) => (old, None),
        Err(reason) => (None, Some(reason)),
    };
    let action = match reason {
        Some(_) => TagAction::Failed,
        None => TagAction::of(old, digest),
    };
    TagChange {
        repository,
        tag,
        old,
        new: digest,
        action,
        added,
        attached,
        reason,
    }
}

/// `--keep-tags`; `so_far` says what was done until now.
pub fn refuse_moves<'c>(
    changes: impl IntoIterator<Item = &'c TagChange>,
    so_far: &'static str,
) -> Result<(), Error> {
    let moves: Vec<_> = changes
        .into_iter()
        .filter(|change| change.action == TagAction::Moved)
        .collect();
    match moves.first() {
        Some(first) => Err(Error::KeepTags(moves.len(), first.to_string(), so_far)),
        None => Ok(()),
    }
}

/// Sets the tags whose manifests are there, with all they rest on. One that is refused is written down.
pub async fn publish(upload: &Upload, changes: Vec<TagChange>) -> Vec<TagChange> {
    let done = stream::iter(changes).map(|mut change| async move {
        let obstacle = upload.stats().obstacle(&change.repository, &change.new);
        if let Some(reason) = obstacle {
            change.fail(reason);
        } else if let Some(reason) = &change.reason {
            upload.refused(reason.clone());
        } else if matches!(change.action, TagAction::Created | TagAction::Moved)
            && let Err(error) = publish_one(upload, &change).await
        {
            let reason = format!("tag {}:{}: {error}", change.repository, change.tag);
            upload.refused(reason.clone());
            change.fail(reason);
        }
        change
    });
    done.buffered(upload.concurrency).collect().await
}

/// The manifest's bytes are those that were verified on the way here, or come from the registry, where they were put by
/// digest: then that is checked again.
async fn publish_one(upload: &Upload, change: &TagChange) -> Result<(), Error> {
    let remote = upload.remote(&change.repository);
    let (media_type, bytes) = match upload.held(&change.new) {
        Some(held) => held,
        None => {
            let manifest = remote.manifest(&Selector::Digest(change.new)).await?;
            let mut steps = upload.plan.manifests.iter();
            let step = steps.find(|step| step.digest == change.new);
            let media_type = step.map_or(manifest.media_type, |step| step.media_type);
            (media_type, manifest.bytes)
        }
    };
    remote
        .put_manifest(&Selector::Tag(change.tag.clone()), media_type, bytes)
        .await?;
    upload.arrived(&change.repository, &change.new);
    Ok(())
}
