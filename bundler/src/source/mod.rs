/*! Where images come from: a repository at a registry, or a directory on disk. Both give manifests, tags and slices. */

mod disk;
mod files;
mod layer_url;
mod layout;
mod mirrored;
mod oc_mirror;
mod registries;

use std::{os::unix::fs::FileExt as _, sync::Arc};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use registry::{RawManifest, Remote, Slice, TagList};
use schema::{Digest, Repository, Selector, Tag, manifest::Blob};

pub use disk::Disk;
pub use files::DirectoryImage;
pub use layer_url::LayerUrl;
pub use mirrored::MirroredRepository;
pub use registries::Registries;

use crate::Error;

/// Where the manifests and blobs of an image are.
#[derive(Debug, Clone)]
pub enum Source {
    /// A directory, and the repository in it.
    Disk(Arc<Disk>, Repository),
    /// An address that a manifest gives for one of its layers; it has no manifests.
    LayerUrl(LayerUrl),
    /// A repository at a registry, or at one of its mirrors.
    Registry(MirroredRepository),
}

impl Source {
    /// A manifest's bytes, digest checked, and its type.
    pub async fn manifest(&self, selector: &Selector) -> Result<RawManifest, Error> {
        match self {
            Self::Disk(disk, repository) => match selector {
                Selector::Digest(digest) => disk.manifest(repository, digest),
                Selector::Tag(tag) => match disk.find(repository, tag) {
                    Some(digest) => disk.manifest(repository, &digest),
                    None => Err(Error::Missing {
                        image: format!("file://{repository}:{tag}"),
                        reason: format!("{} holds no such tag", disk.root().display()),
                    }),
                },
            },
            Self::LayerUrl(layer) => Err(layer.no_manifests()),
            Self::Registry(repository) => Ok(repository.manifest(selector).await?),
        }
    }

    /// What a tag points to, if it exists.
    pub async fn find(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        match self {
            Self::Disk(disk, repository) => Ok(disk.find(repository, tag)),
            Self::LayerUrl(_) => Ok(None),
            Self::Registry(repository) => {
                let remote = repository.remote().await?;
                Ok(remote.find_manifest(&Selector::Tag(tag.clone())).await?)
            }
        }
    }

    /// The manifests that name `subject` as theirs, where the source knows them; else they may be listed under the tag
    /// `sha256-<hex>` (distribution-spec, "Listing Referrers").
    pub async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Digest>>, Error> {
        match self {
            Self::Disk(disk, _) => disk.referrers(subject),
            Self::LayerUrl(_) => Ok(None),
            Self::Registry(repository) => Ok(repository.remote().await?.referrers(subject).await?),
        }
    }

    /// What the repository's list says of its tags; a directory is asked for single tags, which costs nothing.
    pub async fn tags(&self) -> Arc<TagList> {
        match self {
            Self::Disk(..) | Self::LayerUrl(_) => Arc::new(TagList::Unknown),
            Self::Registry(repository) => match repository.remote().await {
                Ok(remote) => remote.tags().await,
                // The same failure comes back, and is reported, where a single tag is asked for.
                Err(_) => Arc::new(TagList::Unknown),
            },
        }
    }

    /// A tag is there that the list lacks: the list is not to be trusted.
    pub fn distrust_tags(&self) {
        if let Self::Registry(repository) = self {
            repository
                .chosen()
                .into_iter()
                .for_each(Remote::distrust_tags);
        }
    }

    /// The same source, for questions that may well be answered with no.
    pub fn lookup(&self) -> Self {
        match self {
            Self::Disk(..) | Self::LayerUrl(_) => self.clone(),
            Self::Registry(repository) => Self::Registry(repository.lookup()),
        }
    }

    /// A whole blob in order, its digest unchecked.
    pub fn stream(&self, blob: &Blob) -> BoxStream<'static, Result<Bytes, Error>> {
        match self {
            Self::Disk(..) => {
                let blocks = self.part(blob, 0, blob.size);
                let bytes = blocks.try_filter_map(|block| async move {
                    Ok(match block {
                        Slice::Bytes(bytes) => Some(bytes),
                        Slice::Unsupported => None,
                    })
                });
                bytes.boxed()
            }
            Self::LayerUrl(layer) => layer.stream(blob).boxed(),
            Self::Registry(repository) => {
                let (repository, blob) = (repository.clone(), *blob);
                let opened = async move {
                    Ok::<_, registry::Error>(repository.remote().await?.blob_stream(&blob))
                };
                let bytes = stream::once(opened).try_flatten();
                bytes.map_err(Error::from).boxed()
            }
        }
    }

    /// `length` bytes of a blob from `offset`, as blocks in order; see [`Remote::blob_part`].
    pub fn part(
        &self,
        blob: &Blob,
        offset: u64,
        length: u64,
    ) -> BoxStream<'static, Result<Slice, Error>> {
        /// Bytes read at a time from a file.
        const BLOCK: u64 = 512 << 10;
        match self {
            Self::Disk(disk, repository) => {
                let (disk, repository, blob) = (Arc::clone(disk), repository.clone(), *blob);
                let end = offset + length;
                let offsets = (offset..end).step_by(BLOCK as usize);
                let blocks = stream::iter(offsets).then(move |at| {
                    let (disk, repository) = (Arc::clone(&disk), repository.clone());
                    read(disk, repository, blob, at, BLOCK.min(end - at))
                });
                blocks.map_ok(Slice::Bytes).boxed()
            }
            Self::LayerUrl(layer) if length == blob.size => {
                layer.stream(blob).map_ok(Slice::Bytes).boxed()
            }
            Self::LayerUrl(_) => stream::iter([Ok(Slice::Unsupported)]).boxed(),
            Self::Registry(repository) => {
                let (repository, blob) = (repository.clone(), *blob);
                let opened = async move {
                    let remote = repository.remote().await?;
                    Ok::<_, registry::Error>(remote.blob_part(&blob, offset, length))
                };
                let blocks = stream::once(opened).try_flatten();
                blocks.map_err(Error::from).boxed()
            }
        }
    }

    /// `length` bytes of a blob from `offset`, at once.
    pub async fn slice(&self, blob: &Blob, offset: u64, length: u64) -> Result<Slice, Error> {
        match self {
            Self::Disk(disk, repository) => {
                let bytes = read(Arc::clone(disk), repository.clone(), *blob, offset, length);
                Ok(Slice::Bytes(bytes.await?))
            }
            Self::LayerUrl(_) => Ok(Slice::Unsupported),
            Self::Registry(repository) => {
                let remote = repository.remote().await?;
                Ok(remote.blob_range(blob, offset, length).await?)
            }
        }
    }

    /// Whether parts of a blob can be had, as far as is known.
    pub fn cuts_blobs(&self) -> bool {
        match self {
            Self::Disk(..) => true,
            Self::LayerUrl(_) => false,
            Self::Registry(repository) => repository.chosen().is_none_or(Remote::cuts_blobs),
        }
    }
}

/// Reads a part of a blob on a thread that may wait for the disk.
async fn read(
    disk: Arc<Disk>,
    repository: Repository,
    blob: Blob,
    offset: u64,
    length: u64,
) -> Result<Bytes, Error> {
    let read = move || {
        let (path, file) = disk.blob(&repository, &blob)?;
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|source| Error::Io { path, source })?;
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(read).await?
}
