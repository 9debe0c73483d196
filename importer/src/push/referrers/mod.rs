/*!
Which manifests of a bundle are about others, and in which repositories of the target.

The index does not say what a referrer is about; its manifest does. A file is read before anything is pushed, a
pipe as it passes.
*/

pub mod lists;

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use schema::{
    Digest, Manifest, MediaType, Repository,
    bundle::{self, Random},
};

use crate::{
    Error,
    push::plan::{ManifestStep, Plan},
};

/// A manifest that is about another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Where it is, at the target.
    pub repository: Repository,
    /// What it is about.
    pub subject: Digest,
    /// Its own digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its type.
    pub media_type: MediaType,
    /// What the list says of its content.
    pub artifact_type: Option<String>,
    /// What the list says besides.
    pub annotations: BTreeMap<String, String>,
}

impl Referrer {
    /// A manifest in a repository, if it is about another.
    pub fn of(
        repository: &Repository,
        manifest: &Manifest,
        media_type: MediaType,
        bytes: &Bytes,
    ) -> Option<Self> {
        Some(Self {
            repository: repository.clone(),
            subject: manifest.subject?,
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            media_type,
            artifact_type: manifest.artifact_type.clone(),
            annotations: manifest.annotations.clone(),
        })
    }
}

/// Finds the referrers that a push will bring in the verified manifests of a bundle.
#[derive(Debug, Default)]
pub struct ReferrerScan {
    referrers: Vec<Referrer>,
    children: HashMap<Digest, Vec<Digest>>,
}

impl ReferrerScan {
    /// Reads them from a bundle that can be read again.
    pub fn of_bundle(plan: &Plan, bundle: &Random) -> Result<Vec<Referrer>, Error> {
        let mut scan = Self::default();
        for step in &plan.manifests {
            let bytes = bundle.open(step.position)?.read_whole()?;
            scan.add(step, bytes)?;
        }
        Ok(scan.finish(plan))
    }

    /// The next manifest.
    pub fn add(&mut self, step: &ManifestStep, bytes: Vec<u8>) -> Result<(), bundle::Error> {
        let bytes = Bytes::from(bytes);
        let manifest = Manifest::parse(&bytes, step.media_type).map_err(|error| {
            bundle::Error::Invalid(format!("manifest {}: {error}", step.digest))
        })?;
        let at = |repository| Referrer::of(repository, &manifest, step.media_type, &bytes);
        self.referrers
            .extend(step.repositories.iter().filter_map(at));
        let children = manifest.children.iter().map(|child| child.digest);
        self.children.insert(step.digest, children.collect());
        Ok(())
    }

    /// All of them, those of releases that are published alone included.
    pub fn finish(mut self, plan: &Plan) -> Vec<Referrer> {
        for release in plan.releases.iter().filter(|step| step.from != step.to) {
            let (mut copied, mut open) = (HashSet::new(), release.roots.clone());
            while let Some(digest) = open.pop() {
                if copied.insert(digest) {
                    open.extend(self.children.get(&digest).into_iter().flatten());
                }
            }
            let here = |referrer: &&Referrer| {
                referrer.repository == release.from && copied.contains(&referrer.digest)
            };
            let copies: Vec<Referrer> = self.referrers.iter().filter(here).cloned().collect();
            self.referrers
                .extend(copies.into_iter().map(|referrer| Referrer {
                    repository: release.to.clone(),
                    ..referrer
                }));
        }
        self.referrers
    }
}
