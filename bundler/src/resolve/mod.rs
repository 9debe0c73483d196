/*!
From references to manifests: everything that is small, read before anything that is large is moved.

Manifests are kept as the bytes the source gave. What refers to an image (signatures, attestations, SBOMs) is found by
tag and by the referrers API and travels with it.
*/

mod attached;
pub mod failures;
mod foreign_layers;
mod manifest_cache;
mod platforms;
mod refusals;
mod resolver;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use registry::{RawManifest, web::Web};
use schema::{
    Digest, Manifest, MediaType, Platform,
    bundle::{Image, Missing},
    manifest::ManifestError,
};

pub use refusals::ReferrerPolicy;

use failures::UnreachableHosts;
use manifest_cache::ManifestCache;
use refusals::Refusals;
use resolver::Resolver;

use crate::{Error, source::Source, wanted::Wanted};

/// What is taken of each image of a build.
#[derive(Debug)]
pub struct Options {
    /// Which platforms of multi-platform images; all if empty.
    pub platforms: Vec<Platform>,
    /// Keep indexes of which children are left out.
    pub sparse_index: bool,
    /// What to do about signatures, attestations and other referrers.
    pub referrers: ReferrerPolicy,
    /// Leave out layers that are not meant to be distributed, even where they can be had.
    pub skip_foreign_layers: bool,
    /// `HOST[:PORT]`s that may be asked for such layers wherever they are.
    pub allow_foreign_hosts: Vec<String>,
    /// Connections under way at once.
    pub concurrency: usize,
}

/// An image whose manifests are all known.
#[derive(Debug)]
pub struct Resolved {
    /// What the index will say of it.
    pub image: Image,
    /// Where its blobs are.
    pub source: Source,
    /// Its manifests, signatures and referrers included, by digest.
    pub manifests: HashMap<Digest, Carried>,
    /// Blobs that are at hand: made here, or small and fetched already.
    pub blobs_in_memory: HashMap<Digest, Bytes>,
    /// Foreign layers that come from other sources than `source`.
    pub foreign_sources: HashMap<Digest, Source>,
    /// Foreign layers that are left out.
    pub left_out: Vec<Missing>,
}

/// A manifest that goes into the bundle.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its bytes and type.
    pub raw: RawManifest,
    /// What it refers to; annotations are left out.
    pub parsed: Arc<Manifest>,
}

impl Carried {
    /// A manifest that was made here.
    pub fn made(bytes: Bytes, media_type: MediaType) -> Result<Self, ManifestError> {
        let parsed = Manifest::parse(&bytes, media_type)?.into();
        let digest = Digest::of(&bytes);
        let raw = RawManifest {
            bytes,
            media_type,
            digest,
        };
        Ok(Self { raw, parsed })
    }
}

/// What the images of one build share while they are resolved.
#[derive(Debug)]
struct Shared<'a> {
    options: &'a Options,
    /// The way to foreign layers.
    web: &'a Web,
    manifests: ManifestCache,
    refusals: Refusals,
}

/// Resolves every wanted image, several at once: the outcome of each, in the order they were asked for.
pub async fn all(options: &Options, web: &Web, images: &[&Wanted]) -> Vec<Result<Resolved, Error>> {
    let unreachable = UnreachableHosts::default();
    let shared = Shared {
        options,
        web,
        manifests: ManifestCache::default(),
        refusals: Refusals::default(),
    };
    let resolved = images.iter().map(|wanted| async {
        unreachable.check(wanted)?;
        one(&shared, wanted)
            .await
            .inspect_err(|error| unreachable.note(wanted, error))
    });
    stream::iter(resolved.collect::<Vec<_>>())
        .buffered(options.concurrency)
        .collect()
        .await
}

/// Resolves one image: its manifests, those it lists, and what is about them.
async fn one(shared: &Shared<'_>, wanted: &Wanted) -> Result<Resolved, Error> {
    tracing::debug!(image = %wanted.display_ref, "resolving");
    let mut resolver = Resolver {
        wanted,
        lookup: wanted.source.lookup(),
        shared,
        manifests: HashMap::new(),
        blobs_in_memory: HashMap::new(),
    };
    let own = resolver.own().await;
    let (digest, selected_from, platforms) = own.map_err(|error| failures::gone(wanted, error))?;
    let attached = match shared.options.referrers {
        ReferrerPolicy::Skip => Vec::new(),
        ReferrerPolicy::Require | ReferrerPolicy::Take => resolver.attached(digest).await?,
    };
    let foreign = resolver.foreign().await?;
    Ok(Resolved {
        image: Image {
            repository: wanted.repository.clone(),
            digest,
            tags: wanted.tags.clone(),
            source: wanted.display_ref.clone(),
            platforms,
            selected_from,
            attached,
        },
        source: wanted.source.clone(),
        manifests: resolver.manifests,
        blobs_in_memory: resolver.blobs_in_memory,
        foreign_sources: foreign.foreign_sources,
        left_out: foreign.left_out,
    })
}
