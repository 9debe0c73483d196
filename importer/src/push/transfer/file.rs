/*! A push from a file or directory: entries in any order, several at once, nothing read that the registry has. */

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use schema::{Progress, bundle::Random};

use super::source::FromFile;
use crate::{
    Error,
    configuration::{ConfigSink, passing},
    push::{plan::ManifestStep, upload::Upload},
};

/// Pushes blobs, then manifests. Returns an error only if the bundle is altered.
pub async fn push(
    upload: &Upload,
    bundle: Random,
    config: &dyn ConfigSink,
    progress: &Arc<dyn Progress>,
) -> Result<(), Error> {
    passing::beside_images(&bundle, config)?;
    let missing = &upload.inventory.missing_blobs;
    let mut steps: Vec<_> = upload
        .plan
        .blobs
        .iter()
        .filter(|step| missing.contains_key(&step.blob.digest))
        .collect();
    // The longest first: nothing is left at the end that one connection has to do alone.
    steps.sort_by_key(|step| std::cmp::Reverse(step.blob.size));
    let blobs = stream::iter(steps).map(Ok::<_, Error>);
    blobs
        .try_for_each_concurrent(upload.concurrency, |step| {
            let source = FromFile {
                bundle: bundle.clone(),
                position: step.position,
            };
            async move {
                upload
                    .blob(step, &source, |_| Box::new(source.clone()))
                    .await?;
                progress.advance(step.blob.size);
                Ok(())
            }
        })
        .await?;
    let read = |step: &ManifestStep| {
        let content = bundle.open(step.position);
        content
            .and_then(|mut content| content.read_whole())
            .map(Bytes::from)
    };
    // An index follows what it lists, which may be another index; so does what needs a manifest as its blob.
    let later = Mutex::new(BTreeSet::new());
    stream::iter(&upload.plan.manifests)
        .map(Ok)
        .try_for_each_concurrent(upload.concurrency, |step| {
            let (bytes, later) = (read(step), &later);
            async move {
                let bytes = bytes?;
                if step.media_type.is_index() || upload.needs_manifest_blobs(step, &bytes)? {
                    let mut later = later.lock().unwrap_or_else(PoisonError::into_inner);
                    later.insert(step.position);
                    return Ok::<_, Error>(());
                }
                upload.manifest(step, bytes).await
            }
        })
        .await?;
    let later = later.into_inner().unwrap_or_else(PoisonError::into_inner);
    for step in &upload.plan.manifests {
        if later.contains(&step.position) {
            upload.manifest(step, read(step)?).await?;
        }
    }
    Ok(())
}
