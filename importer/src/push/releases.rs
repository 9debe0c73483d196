/*!
Release images published alone, besides among their components.

What has a tag there is what an update service offers to clusters, so a release gets its tags there last and only when
all of it, components included, is at the target. The copy is made inside the registry, from the repository that the
push has filled: the index does not say which blobs a release image needs, and a pipe is past them when its manifest comes.
*/

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use registry::Mount;
use schema::{Digest, Manifest, MediaType, Selector, bundle, manifest::Blob};

use super::{plan::ReleaseStep, transfer::source::FromTarget, upload::Upload};
use crate::Error;

/// Copies each release that is at the target whole, then what is about it. What fails is written down.
pub async fn publish(upload: &Upload) {
    for step in &upload.plan.releases {
        let missing = {
            let stats = upload.stats();
            let mut needed = step.rests_on.iter();
            needed.find_map(|digest| stats.obstacle(&step.from, digest))
        };
        let outcome = match missing {
            Some(reason) => Err(reason),
            None if step.from == step.to => Ok(()),
            None => copy(upload, step, step.digest)
                .await
                .map_err(|error| error.to_string()),
        };
        if let Err(reason) = outcome {
            upload.withhold(step, &reason);
        } else if step.from != step.to {
            attachments(upload, step).await;
        }
    }
}

/// Whatever of it cannot be copied, the release stays published.
async fn attachments(upload: &Upload, step: &ReleaseStep) {
    for root in step.roots.iter().filter(|root| **root != step.digest) {
        let missing = upload.stats().obstacle(&step.from, root);
        let outcome = match missing {
            Some(reason) => Err(reason),
            None => copy(upload, step, *root)
                .await
                .map_err(|error| format!("manifest {root} in {}: {error}", step.to)),
        };
        if let Err(reason) = outcome {
            upload.fail(&step.to, *root, reason);
        }
    }
}

async fn copy(upload: &Upload, step: &ReleaseStep, root: Digest) -> Result<(), Error> {
    let manifests = gather(upload, step, root).await?;
    let blobs: HashMap<Digest, Blob> = manifests
        .values()
        .flat_map(|(_, manifest)| &manifest.blobs)
        .map(|blob| (blob.digest, *blob))
        .collect();
    stream::iter(blobs.into_values().map(Ok))
        .try_for_each_concurrent(upload.concurrency, |blob| copy_blob(upload, step, blob))
        .await?;
    let to = upload.remote(&step.to);
    // In the order of the bundle, which has children before what lists them.
    for planned in &upload.plan.manifests {
        let Some((bytes, manifest)) = manifests.get(&planned.digest) else {
            continue;
        };
        let selector = Selector::Digest(planned.digest);
        if to.find_manifest(&selector).await?.is_none() {
            to.put_manifest(&selector, planned.media_type, bytes.clone())
                .await?;
            upload.stats().manifests += 1;
        }
        upload.note_referrer(&step.to, manifest, planned.media_type, bytes);
    }
    Ok(())
}

/// A manifest and all it lists, by digest, and so verified.
async fn gather(
    upload: &Upload,
    step: &ReleaseStep,
    root: Digest,
) -> Result<HashMap<Digest, (Bytes, Manifest)>, Error> {
    let planned = upload.plan.manifests.iter();
    let types: HashMap<Digest, MediaType> =
        planned.map(|step| (step.digest, step.media_type)).collect();
    let from = upload.remote(&step.from);
    let (mut found, mut open) = (HashMap::new(), vec![root]);
    while let Some(digest) = open.pop() {
        // A list may name machines that the bundle is not for.
        let Some(media_type) = types.get(&digest).filter(|_| !found.contains_key(&digest)) else {
            continue;
        };
        let raw = from.manifest(&Selector::Digest(digest)).await?;
        let manifest = Manifest::parse(&raw.bytes, *media_type)
            .map_err(|error| bundle::Error::Invalid(format!("manifest {digest}: {error}")))?;
        open.extend(manifest.children.iter().map(|child| child.digest));
        found.insert(digest, (raw.bytes, manifest));
    }
    Ok(found)
}

async fn copy_blob(upload: &Upload, step: &ReleaseStep, blob: Blob) -> Result<(), Error> {
    let to = upload.remote(&step.to);
    if !upload.inventory.unasked.contains(&step.to) && to.has_blob(&blob).await? {
        return Ok(());
    }
    match to.mount(&blob, &step.from).await? {
        Mount::Done => upload.stats().mounted += 1,
        Mount::Refused(session) => {
            let holder = upload.remote(&step.from);
            let source = FromTarget { holder, blob };
            to.push_blob(&blob, &source, Some(session)).await?;
            upload.sent(&blob);
        }
    }
    Ok(())
}
