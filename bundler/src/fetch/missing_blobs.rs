/*!
Which images a build failed for, where a source lacks a blob that one of its manifests names.

It hardly ever happens, so sources are asked for every blob only after one was missing.
*/

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use schema::Digest;

use crate::{Error, Plan, plan::Content, source::Source};

/// The error of a build; if it is that a blob is not at its source, then one that names every image of which that is true.
pub async fn name_missing_blobs(plan: &Plan, concurrency: usize, error: Error) -> Error {
    if !matches!(error, Error::Registry(registry::Error::NotFound { .. })) {
        return error;
    }
    let asked = plan.contents.values().filter_map(|content| match content {
        Content::Source(Source::Registry(repository), blob, image) => Some(async move {
            // What cannot be asked for does not count as gone.
            let there = repository.remote().await.ok()?.has_blob(blob).await.ok()?;
            (!there).then(|| (image.clone(), blob.digest))
        }),
        _ => None,
    });
    let gone: BTreeSet<(String, Digest)> = stream::iter(asked.collect::<Vec<_>>())
        .buffer_unordered(concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let mut failures: Vec<(String, Error)> = Vec::new();
    for (image, digest) in gone {
        // One blob of an image is enough.
        if failures.last().is_none_or(|(last, _)| *last != image) {
            failures.push((image.clone(), Error::Blob { image, digest }));
        }
    }
    match failures.len() {
        0 => error,
        1 => failures.remove(0).1,
        _ => Error::Images {
            total: plan.index.images.len(),
            failures,
        },
    }
}
