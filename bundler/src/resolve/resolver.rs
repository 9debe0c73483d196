/*! One image: its manifest, the one of the wanted platform where there is a choice, and all manifests that it lists. */

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use registry::{RawManifest, Slice};
use schema::{
    Digest, Manifest, MediaType, Platform, Selector,
    manifest::{Blob, Child, ManifestError},
    readings::{self, Shape},
};

use super::{
    Carried, ReferrerPolicy, Shared,
    manifest_cache::{self, NotCached, SMALL_BLOB},
    platforms,
};
use crate::{Error, source::Source, wanted::Wanted};

/// How deep indexes may lie in indexes. Real ones have one image below them.
const DEPTH: usize = 16;

/// An image config that was read.
type Config = (Digest, Bytes);

/// One image on its way to being [`Resolved`].
pub(super) struct Resolver<'a> {
    pub wanted: &'a Wanted,
    /// Where it is, for questions that may be answered with no.
    pub lookup: Source,
    pub shared: &'a Shared<'a>,
    /// Its manifests so far.
    pub manifests: HashMap<Digest, Carried>,
    /// Its small blobs so far.
    pub blobs_in_memory: HashMap<Digest, Bytes>,
}

impl Resolver<'_> {
    /// The image itself, without what is about it: its digest, the index it was selected from, its platforms.
    pub(super) async fn own(&mut self) -> Result<(Digest, Option<Digest>, Vec<Platform>), Error> {
        let named = self.fetch(&self.wanted.selector, None).await?;
        let (top, selected_from) = self.select(named).await?;
        let digest = top.raw.digest;
        let (found, config) = self.platforms(&top).await?;
        self.blobs_in_memory.extend(config);
        if !top.raw.media_type.is_index() && self.wanted.component.is_none() {
            let wanted = &self.shared.options.platforms;
            platforms::warn_of_another(wanted, &self.wanted.display_ref, &found);
        }
        self.take(top).await?;
        Ok((digest, selected_from, found))
    }

    /// A manifest, and what it refers to. `declared` is what its index calls it.
    pub(super) async fn fetch(
        &self,
        selector: &Selector,
        declared: Option<MediaType>,
    ) -> Result<Carried, Error> {
        let raw = self.wanted.source.manifest(selector).await?;
        let declared = declared.unwrap_or(raw.media_type);
        self.read(raw, declared)
    }

    pub(super) fn read(&self, raw: RawManifest, declared: MediaType) -> Result<Carried, Error> {
        let digest = raw.digest;
        self.shared
            .manifests
            .read(raw, declared)
            .map_err(|not_cached| match not_cached {
                NotCached::Manifest(source) => Error::Manifest {
                    image: format!("{} ({digest})", self.wanted.display_ref),
                    source,
                },
                NotCached::TooMuch => Error::TooMuch {
                    image: self.wanted.display_ref.clone(),
                    bytes: manifest_cache::LIMIT,
                    blobs: manifest_cache::BLOBS,
                },
            })
    }

    /// Goes down to the child of the one platform that was asked for.
    async fn select(&self, named: Carried) -> Result<(Carried, Option<Digest>), Error> {
        let [platform] = self.shared.options.platforms.as_slice() else {
            return Ok((named, None));
        };
        let whole = self.shared.options.sparse_index || self.wanted.component.is_some();
        // An index of blobs alone is no choice of platforms.
        let choice = !named.parsed.children.is_empty() || named.parsed.blobs.is_empty();
        if !named.raw.media_type.is_index() || whole || !choice {
            return Ok((named, None));
        }
        let mut matches = platforms::matching(&named.parsed, platform);
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
        if self.shared.options.referrers != ReferrerPolicy::Skip {
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
    pub(super) async fn whole(
        &self,
        top: Carried,
        selected: bool,
    ) -> Result<HashMap<Digest, Carried>, Error> {
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
                    true => children
                        .extend(self.wanted_children(&manifest.parsed)?.into_iter().cloned()),
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
                .buffered(self.shared.options.concurrency)
                .try_collect()
                .await?;
        }
        Ok(whole)
    }

    /// All children; with `--sparse-index` those of the asked-for platforms, but for parts of a release.
    fn wanted_children<'m>(&self, manifest: &'m Manifest) -> Result<Vec<&'m Child>, Error> {
        let options = self.shared.options;
        let wanted = match options.sparse_index && self.wanted.component.is_none() {
            true => options.platforms.as_slice(),
            false => &[],
        };
        let children = platforms::children(manifest, wanted);
        if children.is_empty() && !manifest.children.is_empty() {
            return Err(self.no_platform(manifest));
        }
        Ok(children)
    }

    fn no_platform(&self, index: &Manifest) -> Error {
        let wanted = &self.shared.options.platforms;
        platforms::none_of(wanted, &self.wanted.display_ref, index)
    }

    /// From the index, or from the image's config, which then comes along.
    async fn platforms(&self, top: &Carried) -> Result<(Vec<Platform>, Option<Config>), Error> {
        let mut config = None;
        let mut platforms: Vec<Platform> = if top.raw.media_type.is_index() {
            let children = self.wanted_children(&top.parsed)?.into_iter();
            children
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
        let cache = &self.shared.manifests;
        let bytes = match cache.small_blob(&config.digest) {
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
        let platform = platforms::of_config(&bytes);
        // Altered bytes are for the fetch to find, which names them; what there is no room for is fetched again.
        let right = *size <= SMALL_BLOB && Digest::of(&bytes) == config.digest;
        let kept = (right && cache.has_room(*size))
            .then(|| (config.digest, cache.keep_small_blob(config.digest, bytes)));
        Ok((platform, kept))
    }

    fn too_deep(&self) -> Error {
        Error::Manifest {
            image: self.wanted.display_ref.clone(),
            source: ManifestError::Malformed(format!("indexes in indexes, {DEPTH} deep")),
        }
    }
}
