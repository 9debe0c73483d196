/*!
Images in a directory: what `skopeo copy … oci:DIR` or `oc image mirror --dir` wrote.

Whatever wrote it did not check what it wrote, so every manifest is hashed against its name here, and every blob when
it is put into the bundle.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use registry::RawManifest;
use schema::{
    Digest, Manifest, Repository, Tag,
    manifest::{Blob, MANIFEST_LIMIT},
};

use super::{
    files::{self, DirectoryImage, missing, read_limited},
    layout::Layout,
    oc_mirror::OcMirror,
};
use crate::Error;

/// An opened source directory.
#[derive(Debug)]
pub enum Disk {
    /// An OCI image layout (image-spec, "Image Layout").
    Layout(Layout),
    /// A `v2` tree as `oc` writes it.
    OcMirror(OcMirror),
}

impl Disk {
    /// Recognises what is there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.join("v2").is_dir() {
            return Ok(Self::OcMirror(OcMirror::open(path)?));
        }
        if path.join("index.json").is_file() {
            return Ok(Self::Layout(Layout::open(path)?));
        }
        let reason = "expected an OCI layout (index.json, blobs/) or a mirror directory (v2/), found neither";
        Err(Error::Disk {
            path: path.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// Whether it is a tree as `oc` writes it.
    pub fn is_oc_mirror(&self) -> bool {
        matches!(self, Self::OcMirror(_))
    }

    /// Every image that has a name there; signatures and referrers come with what they are about. None is left out in
    /// silence: a name that cannot stand in a bundle is an error.
    pub fn everything(&self) -> Result<Vec<DirectoryImage>, Error> {
        if let Self::Layout(layout) = self
            && let Some((name, _)) = layout.unusable().first()
        {
            let path = layout.root().join("index.json");
            let reason = format!(
                "the image named {name:?} would need another name in a bundle; take it with --image oci:DIR:NAME=REPO:TAG"
            );
            return Err(Error::Disk { path, reason });
        }
        let images = self
            .found()
            .filter(|found| !found.tag.as_ref().is_some_and(is_attached));
        Ok(images.cloned().collect())
    }

    /// The image of a layout that bears exactly this name, fit for a bundle or not.
    pub fn named(&self, name: &str) -> Option<DirectoryImage> {
        if let Self::Layout(layout) = self
            && let Some((_, digest)) = layout
                .unusable()
                .iter()
                .find(|(unusable, _)| unusable == name)
        {
            let found = DirectoryImage {
                repository: layout.repository().clone(),
                tag: None,
                digest: *digest,
            };
            return Some(found);
        }
        let named = self
            .found()
            .find(|found| found.tag.as_ref().is_some_and(|tag| tag.as_str() == name));
        named.cloned()
    }

    pub(super) fn manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<RawManifest, Error> {
        let path = self.blob_path(repository, digest);
        let bytes = read_limited(&path, MANIFEST_LIMIT)?;
        let found = Digest::of(&bytes);
        if found != *digest {
            let reason = format!(
                "the manifest has digest {found}, its name says {digest}; the directory was altered or damaged"
            );
            return Err(Error::Disk { path, reason });
        }
        let parsed = Manifest::parse_undeclared(&bytes).map_err(|error| Error::Disk {
            path,
            reason: error.to_string(),
        })?;
        Ok(RawManifest {
            bytes: Bytes::from(bytes),
            media_type: parsed.media_type,
            digest: *digest,
        })
    }

    pub(super) fn find(&self, repository: &Repository, tag: &Tag) -> Option<Digest> {
        let same = |found: &&DirectoryImage| {
            found.repository == *repository && found.tag.as_ref() == Some(tag)
        };
        self.found().find(same).map(|found| found.digest)
    }

    /// Referrers by their own `subject`, where the directory lists untagged manifests.
    pub(super) fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Digest>>, Error> {
        let Self::Layout(layout) = self else {
            return Ok(None);
        };
        let mut referrers = Vec::new();
        for digest in layout.digests() {
            let raw = self.manifest(layout.repository(), &digest)?;
            let parsed = Manifest::parse(&raw.bytes, raw.media_type);
            if parsed.is_ok_and(|manifest| manifest.subject == Some(*subject)) {
                referrers.push(digest);
            }
        }
        Ok((!referrers.is_empty()).then_some(referrers))
    }

    /// A blob of the size its manifest says; its digest is checked when it is written into the bundle.
    pub fn blob(&self, repository: &Repository, blob: &Blob) -> Result<(PathBuf, fs::File), Error> {
        let path = self.blob_path(repository, &blob.digest);
        let file = files::open(&path)?;
        let metadata = file.metadata();
        let length = metadata.map_err(|source| missing(&path, source))?.len();
        if length != blob.size {
            let reason = format!(
                "it has {length} bytes, its manifest says {}; the directory was cut or altered",
                blob.size
            );
            return Err(Error::Disk { path, reason });
        }
        Ok((path, file))
    }

    fn found(&self) -> Box<dyn Iterator<Item = &DirectoryImage> + '_> {
        match self {
            Self::Layout(layout) => Box::new(layout.found()),
            Self::OcMirror(mirror) => Box::new(mirror.found().iter()),
        }
    }

    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Layout(layout) => layout.root(),
            Self::OcMirror(mirror) => mirror.root(),
        }
    }

    fn blob_path(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        match self {
            Self::Layout(layout) => layout.blob_path(digest),
            Self::OcMirror(mirror) => mirror.blob_path(repository, digest),
        }
    }
}

/// `sha256-<hex>`, and the same with `.sig` and the like: about another image.
fn is_attached(tag: &Tag) -> bool {
    tag.as_str().strip_prefix("sha256-").is_some_and(|rest| {
        rest.len() >= 64 && rest.as_bytes()[..64].iter().all(u8::is_ascii_hexdigit)
    })
}
