/*!
From references to manifests: everything that is small, read before anything that is large is moved.

Manifests are kept as the bytes the source gave. What refers to an image (signatures, attestations, SBOMs) is found by
tag and by the referrers API and travels with it.
*/

mod attached;
pub mod failures;
mod foreign_layers;
mod manifest_cache;
mod refusals;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use registry::{RawManifest, Slice};
use schema::{
    Digest, Manifest, MediaType, Platform, Selector,
    bundle::{Image, Missing},
    manifest::{Blob, Child, ManifestError},
    readings::{self, Shape},
};

pub use manifest_cache::{BLOBS as BLOBS_LIMIT, LIMIT as MANIFESTS_LIMIT, ManifestCache};
pub use refusals::{ReferrerPolicy, Refusals};

use attached::SMALL;
use failures::UnreachableHosts;
use manifest_cache::NotCached;

use crate::{Error, Request, request::Wanted, source::Source};

/// How deep indexes may lie in indexes. Real ones have one image below them.
const DEPTH: usize = 16;

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

/// Resolves every wanted image, several at once: the outcome of each, in the order they were asked for.
pub async fn all(request: &Request, images: &[&Wanted]) -> Vec<Result<Resolved, Error>> {
    let unreachable = UnreachableHosts::default();
    let resolved = images.iter().map(|wanted| async {
        unreachable.check(wanted)?;
        one(request, wanted)
            .await
            .inspect_err(|error| unreachable.note(wanted, error))
    });
    stream::iter(resolved.collect::<Vec<_>>())
        .buffered(request.concurrency)
        .collect()
        .await
}

/// Resolves one image: its manifests, those it lists, and what is about them.
pub async fn one(request: &Request, wanted: &Wanted) -> Result<Resolved, Error> {
    tracing::debug!(image = %wanted.display_ref, "resolving");
    let mut resolver = Resolver {
        wanted,
        lookup: wanted.source.lookup(),
        request,
        manifests: HashMap::new(),
        blobs_in_memory: HashMap::new(),
        concurrency: request.concurrency,
    };
    let own = resolver.own().await;
    let (digest, selected_from, platforms) = own.map_err(|error| failures::gone(wanted, error))?;
    let attached = match request.attachments.wish {
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

/// An image config that was read.
type Config = (Digest, Bytes);

/// One image on its way to being [`Resolved`].
struct Resolver<'a> {
    wanted: &'a Wanted,
    /// Where it is, for questions that may be answered with no.
    lookup: Source,
    request: &'a Request,
    manifests: HashMap<Digest, Carried>,
    blobs_in_memory: HashMap<Digest, Bytes>,
    concurrency: usize,
}

impl Resolver<'_> {
    /// The image itself, without what is about it: its digest, the index it was selected from, its platforms.
    async fn own(&mut self) -> Result<(Digest, Option<Digest>, Vec<Platform>), Error> {
        let named = self.fetch(&self.wanted.selector, None).await?;
        let (top, selected_from) = self.select(named).await?;
        let digest = top.raw.digest;
        let (platforms, config) = self.platforms(&top).await?;
        self.blobs_in_memory.extend(config);
        if !top.raw.media_type.is_index() {
            self.warn_of_another_platform(&platforms);
        }
        self.take(top).await?;
        Ok((digest, selected_from, platforms))
    }

    /// There is nothing to choose in an image of one platform, so it is taken, as docker does; but it may be a mistake.
    fn warn_of_another_platform(&self, found: &[Platform]) {
        let wishes = &self.request.platforms;
        let accepted = |found: &Platform| wishes.iter().any(|wish| wish.accepts(found));
        if self.wanted.component.is_some() || wishes.is_empty() {
            return;
        }
        if let Some(other) = found.iter().find(|found| !accepted(found)) {
            let asked: Vec<String> = wishes.iter().map(ToString::to_string).collect();
            tracing::warn!(
                "{} is an image of {other} alone, and {} was asked for; it is taken as it is",
                self.wanted.display_ref,
                asked.join(", ")
            );
        }
    }

    /// A manifest, and what it refers to. `declared` is what its index calls it.
    async fn fetch(
        &self,
        selector: &Selector,
        declared: Option<MediaType>,
    ) -> Result<Carried, Error> {
        let raw = self.wanted.source.manifest(selector).await?;
        let declared = declared.unwrap_or(raw.media_type);
        self.read(raw, declared)
    }

    fn read(&self, raw: RawManifest, declared: MediaType) -> Result<Carried, Error> {
        let digest = raw.digest;
        self.request
            .held
            .read(raw, declared)
            .map_err(|not_cached| match not_cached {
                NotCached::Manifest(source) => Error::Manifest {
                    image: format!("{} ({digest})", self.wanted.display_ref),
                    source,
                },
                NotCached::TooMuch => Error::TooMuch {
                    image: self.wanted.display_ref.clone(),
                },
            })
    }

    /// Goes down to the child of the one platform that was asked for.
    async fn select(&self, named: Carried) -> Result<(Carried, Option<Digest>), Error> {
        let [platform] = self.request.platforms.as_slice() else {
            return Ok((named, None));
        };
        let whole = self.request.sparse_index || self.wanted.component.is_some();
        // An index of blobs alone is no choice of platforms.
        let choice = !named.parsed.children.is_empty() || named.parsed.blobs.is_empty();
        if !named.raw.media_type.is_index() || whole || !choice {
            return Ok((named, None));
        }
        let mut matches = matching(&named.parsed, platform);
        let child = matches
            .next()
            .ok_or_else(|| self.no_platform(&named.parsed))?;
        let more = matches.filter_map(|child| child.platform.as_ref());
        let more: Vec<String> = more.map(ToString::to_string).collect();
        if !more.is_empty() {
            tracing::warn!(
                "{}: of several images for {platform} the first is taken, and left out are: {}; name the variant, or keep them with --sparse-index",
                self.wanted.display_ref,
                more.join(", ")
            );
        }
        let selected = self
            .fetch(&Selector::Digest(child.digest), child.media_type)
            .await?;
        if self.request.attachments.wish != ReferrerPolicy::Skip {
            self.leave_behind(&named).await?;
        }
        Ok((selected, Some(named.raw.digest)))
    }

    /// Takes a manifest and all it lists.
    async fn take(&mut self, top: Carried) -> Result<(), Error> {
        let whole = self.whole(top, true).await?;
        self.manifests.extend(whole);
        Ok(())
    }

    /// A manifest and, level by level, all it lists that was not taken before; only the wanted platforms where they are
    /// `selected`.
    async fn whole(&self, top: Carried, selected: bool) -> Result<HashMap<Digest, Carried>, Error> {
        let mut whole = HashMap::new();
        let (mut level, mut depth) = (vec![top], 0);
        while !level.is_empty() {
            depth += 1;
            if depth > DEPTH {
                return Err(self.too_deep());
            }
            let mut children: Vec<Child> = Vec::new();
            for manifest in level {
                match selected {
                    true => children.extend(self.wanted_children(&manifest.parsed)?.cloned()),
                    false => children.extend(manifest.parsed.children.iter().cloned()),
                }
                whole.insert(manifest.raw.digest, manifest);
            }
            let mut seen = HashSet::new();
            children.retain(|child| {
                let known =
                    |digest| whole.contains_key(digest) || self.manifests.contains_key(digest);
                seen.insert(child.digest) && !known(&child.digest)
            });
            let fetches = children.iter().map(|child| async move {
                let selector = Selector::Digest(child.digest);
                let fetched = self.fetch(&selector, child.media_type).await?;
                match fetched.raw.bytes.len() as u64 == child.size {
                    true => Ok(fetched),
                    false => Err(Error::Size {
                        digest: child.digest,
                        first: child.size,
                        second: fetched.raw.bytes.len() as u64,
                    }),
                }
            });
            level = stream::iter(fetches.collect::<Vec<_>>())
                .buffered(self.concurrency)
                .try_collect()
                .await?;
        }
        Ok(whole)
    }

    /// All children; with `--sparse-index` those of the asked-for platforms, but for parts of a release.
    fn wanted_children<'m>(
        &self,
        manifest: &'m Manifest,
    ) -> Result<impl Iterator<Item = &'m Child> + use<'m>, Error> {
        let sparse = self.request.sparse_index && self.wanted.component.is_none();
        let platforms = if sparse {
            self.request.platforms.clone()
        } else {
            Vec::new()
        };
        let chosen: Vec<&Child> = match platforms.as_slice() {
            [] => manifest.children.iter().collect(),
            some => some
                .iter()
                .flat_map(|platform| matching(manifest, platform))
                .collect(),
        };
        if chosen.is_empty() && !manifest.children.is_empty() {
            return Err(self.no_platform(manifest));
        }
        Ok(chosen.into_iter())
    }

    fn too_deep(&self) -> Error {
        Error::Manifest {
            image: self.wanted.display_ref.clone(),
            source: ManifestError::Malformed(format!("indexes in indexes, {DEPTH} deep")),
        }
    }

    fn no_platform(&self, manifest: &Manifest) -> Error {
        let text = |platforms: &mut dyn Iterator<Item = &Platform>| {
            let shown: Vec<_> = platforms.map(ToString::to_string).collect();
            if shown.is_empty() {
                "none".to_owned()
            } else {
                shown.join(", ")
            }
        };
        Error::Platform {
            image: self.wanted.display_ref.clone(),
            wanted: text(&mut self.request.platforms.iter()),
            offered: text(
                &mut manifest
                    .children
                    .iter()
                    .filter_map(|child| child.platform.as_ref()),
            ),
        }
    }

    /// From the index, or from the image's config (image-spec, "Image Configuration"), which then comes along.
    async fn platforms(&self, top: &Carried) -> Result<(Vec<Platform>, Option<Config>), Error> {
        let mut config = None;
        let mut platforms: Vec<Platform> = if top.raw.media_type.is_index() {
            self.wanted_children(&top.parsed)?
                .filter_map(|child| child.platform.clone())
                .collect()
        } else {
            let platform;
            (platform, config) = self.config_platform(&top.parsed).await?;
            platform.into_iter().collect()
        };
        platforms.sort();
        platforms.dedup();
        Ok((platforms, config))
    }

    async fn config_platform(
        &self,
        manifest: &Manifest,
    ) -> Result<(Option<Platform>, Option<Config>), Error> {
        #[derive(serde::Deserialize)]
        struct Read {
            os: String,
            architecture: String,
            variant: Option<String>,
        }
        /// Real image configs have a few KiB; what is larger is no reason to fail.
        const LIMIT: u64 = 1 << 20;
        let image_config = manifest.artifact_type.as_deref().is_some_and(|kind| {
            kind.ends_with("image.config.v1+json") || kind.ends_with("container.image.v1+json")
        });
        let Some(config @ Blob { size, .. }) = manifest
            .blobs
            .first()
            .filter(|config| image_config && config.size <= LIMIT)
        else {
            return Ok((None, None));
        };
        let held = &self.request.held;
        let bytes = match held.small_blob(&config.digest) {
            Some(bytes) => Slice::Bytes(bytes),
            None => self.wanted.source.slice(config, 0, *size).await?,
        };
        let Slice::Bytes(bytes) = bytes else {
            return Ok((None, None));
        };
        if let Some(reason) = readings::differ(&bytes, Shape::ImageConfig) {
            return Err(Error::Manifest {
                image: format!("{} ({})", self.wanted.display_ref, config.digest),
                source: ManifestError::TwoReadings(format!("in its config, {reason}")),
            });
        }
        let parsed = serde_json::from_slice::<Read>(&bytes).ok();
        let text =
            parsed.map(
                |config| match config.variant.filter(|variant| !variant.is_empty()) {
                    Some(variant) => format!("{}/{}/{variant}", config.os, config.architecture),
                    None => format!("{}/{}", config.os, config.architecture),
                },
            );
        // Altered bytes are for the fetch to find, which says so; what there is no room for is fetched again.
        let right = *size <= SMALL && Digest::of(&bytes) == config.digest;
        let kept = (right && held.has_room(*size))
            .then(|| (config.digest, held.keep_small_blob(config.digest, bytes)));
        Ok((text.and_then(|text| text.parse().ok()), kept))
    }
}

fn matching<'m>(manifest: &'m Manifest, wish: &Platform) -> impl Iterator<Item = &'m Child> {
    let wish = wish.clone();
    manifest.children.iter().filter(move |child| {
        child
            .platform
            .as_ref()
            .is_some_and(|offered| wish.accepts(offered))
    })
}
