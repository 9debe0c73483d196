/*! An OCI image layout (image-spec, "Image Layout"): `index.json` names images, `blobs/sha256/` holds everything. */

use std::path::{Path, PathBuf};

use schema::{
    Digest, Reference, Repository,
    manifest::MANIFEST_LIMIT,
    readings::{self, Shape},
};
use serde::Deserialize;

use super::files::{DirectoryImage, read_limited};
use crate::Error;

/// An opened layout.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    /// The repository of images that are named by tag alone: the directory's own name.
    repository: Repository,
    entries: Vec<DirectoryImage>,
    /// Names that are neither a tag nor a reference, and what they name.
    unusable: Vec<(String, Digest)>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
    #[serde(default)]
    annotations: std::collections::HashMap<String, String>,
}

impl Layout {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let path = root.join("index.json");
        let broken = |reason: String| Error::Disk {
            path: path.clone(),
            reason,
        };
        let bytes = read_limited(&path, MANIFEST_LIMIT)?;
        if let Some(reason) = readings::differ(&bytes, Shape::Manifest) {
            return Err(broken(format!(
                "two programs could read it differently, so it is refused: {reason}"
            )));
        }
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|error| broken(format!("not the index of an OCI layout: {error}")))?;
        let own_name = std::path::absolute(root).ok();
        let own_name = own_name
            .as_deref()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let fallback = || "layout".parse().map_err(|error| broken(format!("{error}")));
        let repository: Repository = own_name.parse().or_else(|_| fallback())?;
        let (mut entries, mut unusable) = (Vec::new(), Vec::new());
        for entry in index.manifests {
            match named(&entry, &repository) {
                Ok(found) => entries.push(found),
                Err(name) => unusable.push((name, entry.digest)),
            }
        }
        Ok(Self {
            root: root.to_owned(),
            repository,
            entries,
            unusable,
        })
    }

    /// Images whose names cannot be names in a bundle.
    pub(super) fn unusable(&self) -> &[(String, Digest)] {
        &self.unusable
    }

    pub(super) fn found(&self) -> impl Iterator<Item = &DirectoryImage> {
        // An untagged manifest beside tagged ones is a child or a referrer; a layout without any tag is one image.
        let any_tag = self.entries.iter().any(|found| found.tag.is_some());
        self.entries
            .iter()
            .filter(move |found| found.tag.is_some() || !any_tag)
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.entries.iter().map(|found| found.digest)
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }
}

/// `org.opencontainers.image.ref.name` holds a tag, or, as some tools write it, a whole reference; or else the error.
fn named(entry: &Entry, own: &Repository) -> Result<DirectoryImage, String> {
    let Some(name) = entry.annotations.get("org.opencontainers.image.ref.name") else {
        return Ok(DirectoryImage {
            repository: own.clone(),
            tag: None,
            digest: entry.digest,
        });
    };
    if let Ok(tag) = name.parse() {
        return Ok(DirectoryImage {
            repository: own.clone(),
            tag: Some(tag),
            digest: entry.digest,
        });
    }
    let reference: Reference = name.parse().map_err(|_| name.clone())?;
    Ok(DirectoryImage {
        repository: reference.repository,
        tag: reference.tag,
        digest: entry.digest,
    })
}
