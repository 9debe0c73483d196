/*!
What a push will do, as a value: where each repository goes, which blobs and manifests it needs, which tags are set.

Pure: the signed index and the operator's wishes in, steps out.
*/

mod release;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schema::{
    Digest, MediaType, Repository, Tag,
    bundle::{self, BundlePath, FileKind, Index, Missing},
    manifest::Blob,
};

pub use release::ReleaseStep;

use crate::{Error, target::Target};

/// Everything a push does, in the order it is done.
#[derive(Debug)]
pub struct Plan {
    /// Layers, configs and other blobs.
    pub blobs: Vec<BlobStep>,
    /// Manifests, children before what lists them.
    pub manifests: Vec<ManifestStep>,
    /// Releases that are also published alone, after all manifests.
    pub releases: Vec<ReleaseStep>,
    /// Releases of which the bundle lacks components: those are not published alone.
    pub incomplete: Vec<ReleaseStep>,
    /// Images that the bundle was to hold and does not.
    pub missing: Vec<Missing>,
    /// Tags, those of the releases included.
    pub tags: Vec<TagStep>,
    /// Every digest that is in the bundle, or that the index says is not.
    pub known: HashSet<Digest>,
}

/// A blob, and the repositories that need it.
#[derive(Debug, Clone)]
pub struct BlobStep {
    /// Position of its bytes in the index.
    pub position: usize,
    /// Digest and size.
    pub blob: Blob,
    /// At the target, sorted.
    pub repositories: Vec<Repository>,
}

/// A manifest, and the repositories that need it.
#[derive(Debug, Clone)]
pub struct ManifestStep {
    /// Position of its bytes in the index.
    pub position: usize,
    /// Its digest.
    pub digest: Digest,
    /// Its type, from the index.
    pub media_type: MediaType,
    /// At the target, sorted.
    pub repositories: Vec<Repository>,
}

/// A tag to be set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagStep {
    /// At the target.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What it will point to.
    pub digest: Digest,
    /// Whether the image had none and this one keeps it from being collected.
    pub added: bool,
    /// Whether it names something about an image: a signature, an attestation, an SBOM.
    pub attached: bool,
}

impl Plan {
    /// Decides everything that the index and the target decide.
    pub fn new(index: &Index, target: &Target) -> Result<Self, Error> {
        if let Some(assumed) = index.assumes.first() {
            let text = format!(
                "the bundle is a delta (it leaves out {} and more), which this version cannot push",
                assumed.digest
            );
            return Err(bundle::Error::Invalid(text).into());
        }
        let types: HashMap<Digest, MediaType> = index
            .manifests
            .iter()
            .map(|record| (record.digest, record.media_type))
            .collect();
        let mut needed: BTreeMap<Digest, (usize, u64, BTreeSet<Repository>)> = BTreeMap::new();
        let mut tags = Tags::default();
        for image in &index.images {
            let named = image.attached.iter().filter_map(|other| other.tag.as_ref());
            for tag in named {
                let repository = target.map_repository(&image.repository)?;
                tags.attached.insert((repository, tag.clone()));
            }
        }
        for (position, file) in index.files.iter().enumerate() {
            match &file.path {
                BundlePath::Blob(repository, digest) => {
                    let entry =
                        needed
                            .entry(*digest)
                            .or_insert((position, file.size, BTreeSet::new()));
                    if matches!(file.kind(), FileKind::Regular) {
                        entry.0 = position;
                    }
                    entry.2.insert(target.map_repository(repository)?);
                }
                BundlePath::Tag(repository, tag) => tags.add(
                    target.map_repository(repository)?,
                    tag.clone(),
                    file.digest,
                    false,
                )?,
                BundlePath::Sums | BundlePath::Manifest(..) | BundlePath::Config(_) => {}
            }
        }
        for image in index.images.iter().filter(|image| image.tags.is_empty()) {
            let repository = target.map_repository(&image.repository)?;
            // Not `sha256-<hex>`: that is where referrers are looked for.
            let tag = format!("digest-{}", &image.digest.hex()[..16]);
            let tag = tag
                .parse()
                .map_err(|error| Error::Usage(format!("{error}")))?;
            if !tags.names(&repository, &image.digest) {
                tags.add(repository, tag, image.digest, true)?;
            }
        }
        let (releases, incomplete) = release::steps(index, target)?
            .into_iter()
            .partition::<Vec<_>, _>(|step| step.whole);
        for step in &releases {
            for (tag, digest) in &step.tags {
                tags.add(step.to.clone(), tag.clone(), *digest, false)?;
                if *digest != step.digest {
                    tags.attached.insert((step.to.clone(), tag.clone()));
                }
            }
        }
        let left_out = index.missing.iter().filter_map(|missing| missing.blob);
        let known = needed.keys().copied().chain(left_out).collect();
        let tags = tags.steps();
        let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
        for (digest, (position, size, repositories)) in needed {
            let repositories = repositories.into_iter().collect();
            match types.get(&digest) {
                Some(media_type) => manifests.push(ManifestStep {
                    position,
                    digest,
                    media_type: *media_type,
                    repositories,
                }),
                None => blobs.push(BlobStep {
                    position,
                    blob: Blob { digest, size },
                    repositories,
                }),
            }
        }
        blobs.sort_by_key(|step| step.position);
        manifests.sort_by_key(|step| step.position);
        Ok(Self {
            blobs,
            manifests,
            releases,
            incomplete,
            missing: index.missing.clone(),
            tags,
            known,
        })
    }
}

/// Tags at the target, each with one meaning.
#[derive(Default)]
struct Tags {
    named: BTreeMap<(Repository, Tag), (Digest, bool)>,
    attached: HashSet<(Repository, Tag)>,
}

impl Tags {
    fn add(
        &mut self,
        repository: Repository,
        tag: Tag,
        digest: Digest,
        added: bool,
    ) -> Result<(), Error> {
        let (first, _) = *self
            .named
            .entry((repository.clone(), tag.clone()))
            .or_insert((digest, added));
        if first != digest {
            let text = format!(
                "{repository}:{tag} would be both {first} and {digest}; give one of the repositories another name with --map"
            );
            return Err(Error::Usage(text));
        }
        Ok(())
    }

    fn names(&self, repository: &Repository, digest: &Digest) -> bool {
        self.named
            .iter()
            .any(|((at, _), (found, _))| at == repository && found == digest)
    }

    fn steps(self) -> Vec<TagStep> {
        let Self { named, attached } = self;
        let steps = named.into_iter();
        steps
            .map(|(name, (digest, added))| {
                let attached = attached.contains(&name);
                let (repository, tag) = name;
                TagStep {
                    repository,
                    tag,
                    digest,
                    added,
                    attached,
                }
            })
            .collect()
    }
}
