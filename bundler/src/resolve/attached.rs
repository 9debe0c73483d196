/*!
What is about an image and must cross with it: cosign's tags, and referrers with all that refers to them.

Clusters that demand Sigstore signatures look for `sha256-<hex>.sig` on the mirror they pull from; a mirror without it
is a mirror they refuse. But what cannot be had is [left out](super::refusals), and costs nobody the image: so whatever
is named is fetched, its blobs too, before the plan counts on it.
*/

use std::collections::{BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{join, try_join, try_join_all},
    stream,
};
use registry::{REFERRERS_LIMIT, Slice};
use schema::{Digest, Selector, Tag, bundle::Attached, manifest::Blob};

use super::{
    Carried, ReferrerPolicy,
    manifest_cache::SMALL_BLOB,
    refusals::{self, Lookup},
    resolver::Resolver,
};
use crate::{Error, source::Source};

/// The tags that cosign gives signatures, attestations and SBOMs.
const SUFFIXES: [&str; 3] = [SIGNATURE, "att", "sbom"];
const SIGNATURE: &str = "sig";

/// An attachment that is there whole.
struct Attachment {
    manifests: HashMap<Digest, Carried>,
    /// Its small blobs.
    blobs: HashMap<Digest, Bytes>,
}

impl Resolver<'_> {
    /// Finds and takes what is about the manifests taken so far (`image` is the one that was asked for), and about what is
    /// found.
    pub(super) async fn attached(&mut self, image: Digest) -> Result<Vec<Attached>, Error> {
        let mut attached = BTreeSet::new();
        let mut asked: HashSet<Digest> = HashSet::new();
        let mut left = Vec::new();
        let mut queue: Vec<Digest> = self.manifests.keys().copied().collect();
        while !queue.is_empty() {
            let level: Vec<Digest> = queue
                .drain(..)
                .filter(|digest| asked.insert(*digest))
                .collect();
            let this = &*self;
            let questions = level
                .iter()
                .map(|digest| this.about(*digest, *digest == image));
            let named: Vec<Vec<Attached>> = stream::iter(questions.collect::<Vec<_>>())
                .buffer_unordered(this.shared.options.concurrency)
                .try_collect()
                .await?;
            let named: BTreeSet<Attached> = named.into_iter().flatten().collect();
            let named: Vec<_> = named.difference(&attached).cloned().collect();
            if attached.len() + named.len() > REFERRERS_LIMIT {
                return Err(self.too_many());
            }
            let wholes = named.into_iter().map(|other| async move {
                let whole = this.whole_attachment(&other).await;
                (other, whole)
            });
            let wholes: Vec<(Attached, Result<Attachment, Error>)> =
                stream::iter(wholes.collect::<Vec<_>>())
                    .buffered(this.shared.options.concurrency)
                    .collect()
                    .await;
            for (other, whole) in wholes {
                match whole {
                    Ok(whole) => {
                        queue.push(other.digest);
                        attached.insert(other);
                        self.manifests.extend(whole.manifests);
                        self.blobs_in_memory.extend(whole.blobs);
                    }
                    Err(error) => left.push(self.unfetched(&other, error)?),
                }
            }
        }
        refusals::left_out(&self.wanted.display_ref, &left);
        Ok(attached.into_iter().collect())
    }

    /// What is about one manifest. What the repository's list of tags lacks is not asked for; what is left, at once.
    pub(super) async fn about(&self, subject: Digest, image: bool) -> Result<Vec<Attached>, Error> {
        let signature = match image {
            true => Some(self.signature(subject).await?),
            false => None,
        };
        let tagged = SUFFIXES.map(|suffix| {
            let known = signature.clone().filter(|_| suffix == SIGNATURE);
            async move {
                match known {
                    Some(found) => Ok(found),
                    None => self.tagged(subject, suffix).await,
                }
            }
        });
        let (tagged, referrers) = try_join(try_join_all(tagged), self.referrers(&subject)).await?;
        let untagged = referrers
            .into_iter()
            .map(|digest| Attached { digest, tag: None });
        let all = tagged.into_iter().flatten().chain(untagged);
        // Some registries take `sha256-<hex>` for another way to name the image itself.
        Ok(all.filter(|other| other.digest != subject).collect())
    }

    /// Says what stays behind with an index that one image is selected from.
    pub(super) async fn leave_behind(&self, index: &Carried) -> Result<(), Error> {
        let digest = index.raw.digest;
        let about = self.about(digest, true).await?;
        if about.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = about.iter().map(name).collect();
        let policy = self.shared.options.referrers;
        refusals::left_behind(policy, &self.wanted.display_ref, &digest, &names)
    }

    /// What is found under the tag of an image's signature.
    ///
    /// Caches that pull through list only what somebody has pulled. So the signature of each image is asked for whatever
    /// the list says, and a list that lacks it, or the very image, is not trusted any more.
    async fn signature(&self, image: Digest) -> Result<Option<Attached>, Error> {
        let Some(tag) = attached_tag(&image, SIGNATURE) else {
            return Ok(None);
        };
        let asked = self.asked(tag.clone(), SIGNATURE);
        let (signature, listed) = join(asked, self.lookup.tags()).await;
        let signature = signature?;
        let own = match &self.wanted.selector {
            Selector::Tag(own) => Some(own),
            Selector::Digest(_) => None,
        };
        let there = own.into_iter().chain(signature.is_some().then_some(&tag));
        if there.into_iter().any(|tag| listed.lacks(tag)) {
            self.lookup.distrust_tags();
        }
        Ok(signature)
    }

    async fn tagged(
        &self,
        subject: Digest,
        suffix: &'static str,
    ) -> Result<Option<Attached>, Error> {
        match attached_tag(&subject, suffix) {
            Some(tag) if !self.lookup.tags().await.lacks(&tag) => self.asked(tag, suffix).await,
            _ => Ok(None),
        }
    }

    async fn asked(&self, tag: Tag, suffix: &'static str) -> Result<Option<Attached>, Error> {
        match self.lookup.find(&tag).await {
            Ok(found) => Ok(found.map(|digest| Attached {
                digest,
                tag: Some(tag),
            })),
            Err(error) => {
                self.refused(Lookup::Tag(suffix), &format!("manifests/{tag}"), error)?;
                Ok(None)
            }
        }
    }

    /// From the referrers API, else from the fallback tag (distribution-spec, "Listing Referrers"). A registry that
    /// refuses the one may well have the other.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Digest>, Error> {
        match self.lookup.referrers(subject).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => {
                self.refused(Lookup::Referrers, &format!("referrers/{subject}"), error)?;
            }
        }
        let tag = match format!("sha256-{}", subject.hex()).parse::<Tag>() {
            Ok(tag) if !self.lookup.tags().await.lacks(&tag) => tag,
            _ => return Ok(Vec::new()),
        };
        match self.listed(subject, &tag).await {
            Ok(found) => Ok(found),
            Err(error) => {
                self.refused(Lookup::List, &format!("manifests/{tag}"), error)?;
                Ok(Vec::new())
            }
        }
    }

    async fn listed(&self, subject: &Digest, tag: &Tag) -> Result<Vec<Digest>, Error> {
        let list = match self.lookup.manifest(&Selector::Tag(tag.clone())).await {
            Ok(list) => list,
            Err(Error::Registry(registry::Error::NotFound { .. }) | Error::Missing { .. }) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        // Some tools put an image under such a tag, and some registries find the subject there: that is no list.
        if list.digest == *subject || !list.media_type.is_index() {
            return Ok(Vec::new());
        }
        let media_type = list.media_type;
        let list = self.read(list, media_type)?;
        if list.parsed.children.len() > REFERRERS_LIMIT {
            return Err(self.too_many());
        }
        Ok(list
            .parsed
            .children
            .iter()
            .map(|child| child.digest)
            .collect())
    }

    /// An attachment with all it lists, and with its blobs looked at, so that none of them is missed later.
    async fn whole_attachment(&self, named: &Attached) -> Result<Attachment, Error> {
        let top = self.fetch(&Selector::Digest(named.digest), None).await?;
        let manifests = self.whole(top, false).await?;
        let mut blobs = HashMap::new();
        let mut seen = HashSet::new();
        let needed = manifests
            .values()
            .flat_map(|manifest| &manifest.parsed.blobs);
        for blob in needed.filter(|blob| seen.insert(blob.digest)) {
            if let Some(bytes) = self.small_blob(blob).await? {
                blobs.insert(blob.digest, bytes);
            }
        }
        Ok(Attachment { manifests, blobs })
    }

    /// A blob of an attachment, if it is small; else it is only made sure that it can be had.
    async fn small_blob(&self, blob: &Blob) -> Result<Option<Bytes>, Error> {
        let held = &self.shared.manifests;
        if let Some(bytes) = held.small_blob(&blob.digest) {
            return Ok(Some(bytes));
        }
        let wanted = blob.size <= SMALL_BLOB && held.has_room(blob.size);
        let length = if wanted { blob.size } else { blob.size.min(1) };
        match self.wanted.source.slice(blob, 0, length).await? {
            Slice::Bytes(bytes) if wanted => {
                let found = Digest::of(&bytes);
                if found != blob.digest {
                    return Err(Error::WrongBytes {
                        image: self.wanted.display_ref.clone(),
                        expected: blob.digest.to_string(),
                        found: found.to_string(),
                    });
                }
                Ok(Some(held.keep_small_blob(blob.digest, bytes)))
            }
            _ => Ok(None),
        }
    }

    /// Whether refusals are errors: whoever asked for a release asked for its signatures.
    fn strict(&self) -> bool {
        self.shared.options.referrers == ReferrerPolicy::Require || self.wanted.component.is_some()
    }

    /// The host and repository, if the source is a registry.
    fn remote(&self) -> Option<(&str, String)> {
        match &self.wanted.source {
            Source::Registry(repository) => {
                let remote = repository.chosen()?;
                Some((remote.host(), remote.repository().to_string()))
            }
            Source::Disk(..) | Source::LayerUrl(_) => None,
        }
    }

    /// Takes in that a question was refused; a directory refuses none that is answered wrong later.
    fn refused(&self, kind: Lookup, path: &str, error: Error) -> Result<(), Error> {
        let Some((host, repository)) = self.remote() else {
            return Err(error);
        };
        self.shared.refusals.refused(
            &self.wanted.display_ref,
            &format!("{host}/{repository}"),
            kind,
            &format!("/v2/{repository}/{path}"),
            error,
            self.strict(),
        )
    }

    /// What to say of something that was named and is not there whole; an error where it must be.
    fn unfetched(&self, named: &Attached, error: Error) -> Result<String, Error> {
        let name = name(named);
        if self.remote().is_none() {
            return Err(error);
        }
        if self.strict() || !refusals::is_refusal(&error) {
            return Err(Error::Attachment {
                image: self.wanted.display_ref.clone(),
                what: name,
                source: Box::new(error),
            });
        }
        Ok(format!("{name}: {error}"))
    }

    fn too_many(&self) -> Error {
        Error::Attachment {
            image: self.wanted.display_ref.clone(),
            what: "what is about it".to_owned(),
            source: Box::new(Error::Registry(registry::Error::TooMuch {
                target: self.wanted.display_ref.clone(),
                detail: format!(
                    "there are more than {REFERRERS_LIMIT} signatures and referrers of one image"
                ),
            })),
        }
    }
}

/// As people can look for it.
fn name(attached: &Attached) -> String {
    let tag = attached.tag.as_ref();
    tag.map_or_else(
        || format!("referrer {}", attached.digest),
        ToString::to_string,
    )
}

/// `sha256-<hex>.SUFFIX`.
fn attached_tag(digest: &Digest, suffix: &str) -> Option<Tag> {
    format!("sha256-{}.{suffix}", digest.hex()).parse().ok()
}
