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
use schema::{
    Digest, Manifest, MediaType, Repository, Selector, Tag,
    bundle::{self, Image, Index, Release},
    manifest::Blob,
};

use super::{source::FromTarget, target::Target, upload::Upload};
use crate::Error;

/// A release, where it is pushed, and where it is published.
#[derive(Debug, Clone)]
pub struct ReleaseStep {
    /// As people call it.
    pub version: String,
    /// The release image, or the list of those for several architectures.
    pub digest: Digest,
    /// At the target: where it is with its components.
    pub from: Repository,
    /// At the target: where it goes alone.
    pub to: Repository,
    /// What gets which tag there: the release, then its signatures.
    pub tags: Vec<(Tag, Digest)>,
    /// The manifests to be copied, without those they list: the release, then all that is about it.
    pub roots: Vec<Digest>,
    /// Everything without which no cluster should be offered it: components, itself. Not what is about them: a registry
    /// that refuses signatures keeps nobody from the rest.
    pub rests_on: Vec<Digest>,
    /// The OpenPGP keys that signed it, as the index says.
    pub verified_by: Vec<String>,
    /// Whether the bundle has all its components.
    pub whole: bool,
}

/// Decides what the index and the target decide, in the order of the index.
pub fn steps(index: &Index, target: &Target) -> Result<Vec<ReleaseStep>, Error> {
    let releases = index.releases.iter();
    releases
        .map(|release| step(index, target, release))
        .collect()
}

fn step(index: &Index, target: &Target, release: &Release) -> Result<ReleaseStep, Error> {
    let (mut tags, mut roots) = (Vec::new(), vec![release.digest]);
    tags.push((target.release_tag(release, index)?, release.digest));
    let own =
        |image: &&Image| image.repository == release.repository && image.digest == release.digest;
    let images = index.images.iter().filter(own);
    for attached in images.flat_map(|image| &image.attached) {
        roots.push(attached.digest);
        tags.extend(attached.tag.clone().map(|tag| (tag, attached.digest)));
    }
    let prefix = format!("{}-", release.tag);
    let component = |image: &&Image| {
        let mut tags = image.tags.iter();
        image.repository == release.repository && tags.any(|tag| tag.as_str().starts_with(&prefix))
    };
    let components = index.images.iter().filter(component);
    let rests_on = components.map(|image| image.digest);
    Ok(ReleaseStep {
        version: release.version.clone(),
        digest: release.digest,
        from: target.place(&release.repository)?,
        to: target.release_images()?,
        rests_on: rests_on.chain([release.digest]).collect(),
        tags,
        roots,
        verified_by: release.verified_by.clone(),
        whole: index.missing_of(release).next().is_none(),
    })
}

/// Copies each release that is at the target whole, then what is about it. What fails is written down.
pub async fn publish(upload: &Upload) {
    for step in &upload.plan.releases {
        let missing = {
            let account = upload.account();
            let mut needed = step.rests_on.iter();
            needed.find_map(|digest| account.forbids(&step.from, digest))
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
        let missing = upload.account().forbids(&step.from, root);
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
            upload.account().manifests += 1;
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
    if !upload.survey.unasked.contains(&step.to) && to.has_blob(&blob).await? {
        return Ok(());
    }
    match to.mount(&blob, &step.from).await? {
        Mount::Done => upload.account().mounted += 1,
        Mount::Refused(session) => {
            let holder = upload.remote(&step.from);
            let source = FromTarget { holder, blob };
            to.push_blob(&blob, &source, Some(session)).await?;
            upload.sent(&blob);
        }
    }
    Ok(())
}
