/*!
Tags, last of all: what each pointed to and points to now.

A tag that is already right is not put again (registries with immutable tags refuse even that), and none moves without
being listed.
*/

use futures_util::{StreamExt, TryStreamExt, stream};
use schema::{Selector, registry::Registry};

use super::{
    plan::{Plan, TagStep},
    report::{TagAction, TagChange},
    upload::Upload,
};
use crate::Error;

/// What each tag points to now, and so what would happen to it.
pub async fn changes(
    plan: &Plan,
    registry: &Registry,
    concurrency: usize,
) -> Result<Vec<TagChange>, Error> {
    let asked = stream::iter(&plan.tags).map(|step| async move {
        let old = registry
            .repository(&step.repository)
            .find_manifest(&Selector::Tag(step.tag.clone()))
            .await?;
        let action = match old {
            None => TagAction::Created,
            Some(old) if old == step.digest => TagAction::Unchanged,
            Some(_) => TagAction::Moved,
        };
        let TagStep {
            repository,
            tag,
            digest,
            added,
        } = step.clone();
        Ok(TagChange {
            repository,
            tag,
            old,
            new: digest,
            action,
            added,
        })
    });
    asked.buffered(concurrency * 2).try_collect().await
}

/// `--keep-tags`.
pub fn refuse_moves(changes: &[TagChange]) -> Result<(), Error> {
    let moves: Vec<_> = changes
        .iter()
        .filter(|change| change.action == TagAction::Moved)
        .collect();
    match moves.first() {
        Some(first) => Err(Error::KeepTags(moves.len(), first.to_string())),
        None => Ok(()),
    }
}

/// Sets the tags whose manifests are there, with all they rest on.
pub async fn publish(upload: &Upload, changes: Vec<TagChange>) -> Result<Vec<TagChange>, Error> {
    let done = stream::iter(changes).map(|mut change| async move {
        if upload.account().forbids(&change.repository, &change.new) {
            change.action = TagAction::Failed;
        }
        if !matches!(change.action, TagAction::Created | TagAction::Moved) {
            return change;
        }
        if let Err(error) = publish_one(upload, &change).await {
            upload.fail(
                change.new,
                format!("tag {}:{}: {error}", change.repository, change.tag),
            );
            change.action = TagAction::Failed;
        }
        change
    });
    Ok(done.buffered(upload.concurrency).collect().await)
}

/// The manifest's bytes come from the registry, where they were put by digest: it is checked again on the way.
async fn publish_one(upload: &Upload, change: &TagChange) -> Result<(), Error> {
    let remote = upload.remote(&change.repository);
    let manifest = remote.manifest(&Selector::Digest(change.new)).await?;
    let step = upload
        .plan
        .manifests
        .iter()
        .find(|step| step.digest == change.new);
    let media_type = step.map_or(manifest.media_type, |step| step.media_type);
    remote
        .put_manifest(
            &Selector::Tag(change.tag.clone()),
            media_type,
            manifest.bytes,
        )
        .await?;
    Ok(())
}
