/*!
The whole bundle, decided before the first blob is moved.

Pure: resolved images and gathered files in, a sealed index and a content for each of its files out. The order depends
on the content alone, so the same images give the same bytes from whatever registry and in whatever order they were named.
*/

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use jiff::Timestamp;
use schema::{
    Digest, Repository, Tag,
    bundle::{
        BundlePath, CREATED_FORMAT, ConfigPath, FORMAT, File, Image, Index, ManifestRecord,
        Missing, ObjectRecord, Release, SignError, UpdateGraph,
    },
    manifest::Blob,
};

use crate::{
    Error,
    config::ConfigFile,
    resolve::{Carried, Resolved},
    source::Source,
};

/// What will be written, and where each byte of it comes from.
#[derive(Debug)]
pub struct Plan {
    /// The index, sealed.
    pub index: Index,
    /// Where the content of each regular file is, by digest.
    pub contents: HashMap<Digest, Content>,
    /// Manifests that were made to bring signatures to clusters: paths below `config/`.
    pub signatures: Vec<ConfigPath>,
}

/// Where bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// Here.
    Memory(Bytes),
    /// At a source, and the image that needs them, for messages.
    Source(Source, Blob, String),
}

/// What a bundle is made of.
#[derive(Debug, Default)]
pub struct Parts {
    /// The images.
    pub images: Vec<Resolved>,
    /// The manifests for clusters, sorted by path.
    pub config: Vec<ConfigFile>,
    /// Which of the images are releases.
    pub releases: Vec<Release>,
    /// Which of the images is for an update service.
    pub update_graph: Option<UpdateGraph>,
    /// What was asked for and is not at its source, sorted.
    pub missing: Vec<Missing>,
    /// Which of the manifests were made here, to bring signatures: paths below `config/`.
    pub signatures: Vec<ConfigPath>,
}

/// Orders everything; `without_config` if the manifests go elsewhere.
pub fn plan(parts: Parts, without_config: bool, created: Timestamp) -> Result<Plan, Error> {
    let mut merged = MergedImages::default();
    for image in parts.images {
        merged.add(image)?;
    }
    merged.settle_left_out();
    let mut files = merged.blob_files();
    let manifests = merged.manifest_files(&mut files);
    merged.tag_files(&mut files);
    let mut contents = merged.contents;
    let mut objects = Vec::new();
    for file in parts.config.iter().filter(|_| !without_config) {
        let path = BundlePath::Config(file.path.clone());
        let bytes = Bytes::copy_from_slice(&file.bytes);
        let digest = Digest::of(&bytes);
        files.push(File::regular(path.clone(), bytes.len() as u64, digest));
        contents.insert(digest, Content::Memory(bytes));
        objects.extend(file.objects.iter().map(|object| ObjectRecord {
            path: path.clone(),
            document: object.document,
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }));
    }
    let missing: BTreeSet<Missing> = parts.missing.into_iter().chain(merged.left_out).collect();
    let index = Index {
        format: FORMAT.to_owned(),
        created: created.strftime(CREATED_FORMAT).to_string(),
        creator: concat!("bundler ", env!("CARGO_PKG_VERSION")).to_owned(),
        files,
        images: merged.images.into_iter().collect(),
        manifests,
        objects,
        assumes: Vec::new(),
        releases: parts.releases,
        update_graph: parts.update_graph,
        missing: missing.into_iter().collect(),
    };
    let (index, sums) = index.seal().map_err(SignError::Unreadable)?;
    contents.insert(Digest::of(&sums), Content::Memory(Bytes::from(sums)));
    Ok(Plan {
        index,
        contents,
        signatures: parts.signatures,
    })
}

/// Everything of all images, each once, with every repository that needs it.
#[derive(Default)]
struct MergedImages {
    images: BTreeSet<Image>,
    blobs: BTreeMap<Digest, (u64, BTreeSet<Repository>)>,
    manifests: BTreeMap<Digest, (Carried, BTreeSet<Repository>)>,
    tags: BTreeMap<(Repository, Tag), (u64, Digest)>,
    contents: HashMap<Digest, Content>,
    left_out: BTreeSet<Missing>,
}

impl MergedImages {
    /// A layer that one image leaves out and another one brings is there for both.
    fn settle_left_out(&mut self) {
        let blobs = &mut self.blobs;
        self.left_out.retain(|layer| {
            let brought = layer.blob.and_then(|digest| blobs.get_mut(&digest));
            let Some((_, repositories)) = brought else {
                return true;
            };
            repositories.insert(layer.repository.clone());
            false
        });
    }

    fn add(&mut self, resolved: Resolved) -> Result<(), Error> {
        let Resolved {
            image,
            source,
            manifests,
            blobs_in_memory,
            foreign_sources,
            left_out,
        } = resolved;
        let absent: BTreeSet<Digest> = left_out.iter().filter_map(|layer| layer.blob).collect();
        self.left_out.extend(left_out);
        let size = |digest: &Digest| {
            manifests
                .get(digest)
                .map_or(0, |carried| carried.raw.bytes.len() as u64)
        };
        let own = image.tags.iter().map(|tag| (tag, image.digest));
        let others = image
            .attached
            .iter()
            .filter_map(|other| Some((other.tag.as_ref()?, other.digest)));
        for (tag, digest) in own.chain(others) {
            let key = (image.repository.clone(), tag.clone());
            let (_, first) = *self.tags.entry(key).or_insert((size(&digest), digest));
            if first != digest {
                let (repository, tag) = (image.repository, tag.clone());
                return Err(Error::TagTwice {
                    repository,
                    tag,
                    first,
                    second: digest,
                });
            }
        }
        for (digest, carried) in manifests {
            let blobs = carried.parsed.blobs.iter();
            for blob in blobs.filter(|blob| !absent.contains(&blob.digest)) {
                let (size, repositories) = self
                    .blobs
                    .entry(blob.digest)
                    .or_insert((blob.size, BTreeSet::new()));
                if *size != blob.size {
                    return Err(Error::Size {
                        digest: blob.digest,
                        first: *size,
                        second: blob.size,
                    });
                }
                repositories.insert(image.repository.clone());
                let content = || match blobs_in_memory.get(&blob.digest) {
                    Some(bytes) => Content::Memory(bytes.clone()),
                    None => {
                        let source = foreign_sources.get(&blob.digest).unwrap_or(&source);
                        Content::Source(source.clone(), *blob, image.source.clone())
                    }
                };
                self.contents.entry(blob.digest).or_insert_with(content);
            }
            self.contents
                .insert(digest, Content::Memory(carried.raw.bytes.clone()));
            let (_, repositories) = self
                .manifests
                .entry(digest)
                .or_insert_with(|| (carried, BTreeSet::new()));
            repositories.insert(image.repository.clone());
        }
        self.images.insert(image);
        Ok(())
    }

    /// Layers and configs by digest; a manifest that is also somebody's blob stands among the manifests.
    fn blob_files(&mut self) -> Vec<File> {
        let mut files = Vec::new();
        for (digest, (size, repositories)) in std::mem::take(&mut self.blobs) {
            match self.manifests.get_mut(&digest) {
                Some((_, others)) => others.extend(repositories),
                None => stored_once(&mut files, digest, size, &repositories),
            }
        }
        files
    }

    /// Manifests by height, then digest: what needs no other first, and each index after all it lists.
    fn manifest_files(&self, files: &mut Vec<File>) -> Vec<ManifestRecord> {
        let mut heights = HashMap::new();
        let mut order: Vec<_> = self
            .manifests
            .keys()
            .map(|digest| (self.height(digest, &mut heights), *digest))
            .collect();
        order.sort();
        let mut records = Vec::new();
        for (_, digest) in order {
            let Some((carried, repositories)) = self.manifests.get(&digest) else {
                continue;
            };
            let size = carried.raw.bytes.len() as u64;
            stored_once(files, digest, size, repositories);
            for repository in repositories {
                let path = BundlePath::Manifest(repository.clone(), digest);
                files.push(File::hard_link(
                    path,
                    BundlePath::Blob(repository.clone(), digest),
                    size,
                    digest,
                ));
            }
            records.push(ManifestRecord {
                digest,
                media_type: carried.raw.media_type,
            });
        }
        records
    }

    /// Zero for what lists nothing that is here, and has none of it as a blob. A digest cannot name itself, so this ends.
    fn height(&self, digest: &Digest, known: &mut HashMap<Digest, usize>) -> usize {
        if let Some(height) = known.get(digest) {
            return *height;
        }
        let parsed = self
            .manifests
            .get(digest)
            .map(|(carried, _)| &carried.parsed);
        let needs = parsed.into_iter().flat_map(|parsed| {
            let blobs = parsed.blobs.iter().map(|blob| blob.digest);
            blobs.chain(parsed.children.iter().map(|child| child.digest))
        });
        let height = needs
            .filter(|needed| self.manifests.contains_key(needed))
            .map(|needed| self.height(&needed, known) + 1)
            .max()
            .unwrap_or(0);
        known.insert(*digest, height);
        height
    }

    fn tag_files(&self, files: &mut Vec<File>) {
        let tags = self.tags.iter();
        files.extend(tags.map(|((repository, tag), (size, digest))| {
            File::tag(repository.clone(), tag.clone(), *size, *digest)
        }));
    }
}

/// The bytes in the first repository, hard links in the others.
fn stored_once(
    files: &mut Vec<File>,
    digest: Digest,
    size: u64,
    repositories: &BTreeSet<Repository>,
) {
    let mut paths = repositories
        .iter()
        .map(|repository| BundlePath::Blob(repository.clone(), digest));
    if let Some(first) = paths.next() {
        files.push(File::regular(first.clone(), size, digest));
        files.extend(paths.map(|path| File::hard_link(path, first.clone(), size, digest)));
    }
}
