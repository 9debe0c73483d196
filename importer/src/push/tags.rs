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
        let TagStep {
            repository,
            tag,
            digest,
            added,
            attached,
        } = step.clone();
        let found = registry
            .repository(&repository)
            .find_manifest(&Selector::Tag(tag.clone()))
            .await;
        let (old, reason) = match found {
            Ok(old) => (old, None),
            // No signature costs an image its tag. What may be there is unknown, so it is not moved.
            Err(error) if attached && error.is_refusal() => {
                (None, Some(format!("tag {repository}:{tag}: {error}")))
            }
            Err(error) => return Err(error.into()),
        };
        let action = match old {
            _ if reason.is_some() => TagAction::Failed,
            old => TagAction::of(old, digest),
        };
        Ok(TagChange {
            repository,
            tag,
            old,
            new: digest,
            action,
            added,
            reason,
        })
    });
    asked.buffered(concurrency * 2).try_collect().await
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
        let forbidden = upload.account().forbids(&change.repository, &change.new);
        if let Some(reason) = forbidden {
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
