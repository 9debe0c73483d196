/*!
What is about an image and must cross with it: cosign's tags, and referrers with all that refers to them.

Clusters that demand Sigstore signatures look for `sha256-<hex>.sig` on the mirror they pull from; a mirror without it
is a mirror they refuse.
*/

use std::collections::{BTreeSet, HashSet, VecDeque};

use futures_util::{
    StreamExt, TryStreamExt,
    future::{try_join, try_join_all},
    stream,
};
use schema::{Digest, Selector, Tag, bundle::Attached};

use super::{Carried, Gathering};
use crate::Error;

/// The tags that cosign gives signatures, attestations and SBOMs.
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// Referrers of referrers of …: enough for any real chain, and an end to a made-up one.
const LIMIT: usize = 10_000;

impl Gathering<'_> {
    /// Finds and takes what is about the manifests taken so far, and about what is found.
    pub(super) async fn attached(&mut self) -> Result<Vec<Attached>, Error> {
        let mut attached = BTreeSet::new();
        let mut asked: HashSet<Digest> = HashSet::new();
        let mut queue: VecDeque<Digest> = self.manifests.keys().copied().collect();
        while !queue.is_empty() {
            let level: Vec<Digest> = queue
                .drain(..)
                .filter(|digest| asked.insert(*digest))
                .collect();
            if asked.len() > LIMIT {
                let reason = format!("more than {LIMIT} referrers");
                return Err(Error::Disk {
                    path: self.wanted.shown.clone().into(),
                    reason,
                });
            }
            let this = &*self;
            let found: Vec<Vec<(Attached, Carried)>> = stream::iter(
                level
                    .iter()
                    .map(|digest| this.about(*digest))
                    .collect::<Vec<_>>(),
            )
            .buffer_unordered(this.concurrency)
            .try_collect()
            .await?;
            for (other, manifest) in found.into_iter().flatten() {
                queue.push_back(other.digest);
                attached.insert(other);
                self.take(manifest).await?;
            }
        }
        Ok(attached.into_iter().collect())
    }

    /// What is about one manifest: all questions at once, since each costs a round trip.
    async fn about(&self, digest: Digest) -> Result<Vec<(Attached, Carried)>, Error> {
        let source = &self.wanted.source;
        let tagged = SUFFIXES.map(|suffix| async move {
            let Ok(tag) = format!("sha256-{}.{suffix}", digest.hex()).parse::<Tag>() else {
                return Ok(None);
            };
            let found = source.find(&tag).await?;
            Ok::<_, Error>(found.map(|digest| Attached {
                digest,
                tag: Some(tag),
            }))
        });
        let (tagged, referrers) = try_join(try_join_all(tagged), source.referrers(&digest)).await?;
        let untagged = referrers
            .into_iter()
            .map(|digest| Attached { digest, tag: None });
        let all = tagged.into_iter().flatten().chain(untagged);
        let fetched = all.map(|other| async move {
            let manifest = self.fetch(&Selector::Digest(other.digest), None).await?;
            Ok((other, manifest))
        });
        try_join_all(fetched).await
    }
}
