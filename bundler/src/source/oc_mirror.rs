/*!
A `v2` tree as `oc image mirror --dir` and `oc adm release mirror --to-dir` write it, on any system.

Tags are symbolic links, digests may be spelled `sha256:` or (from Windows) `sha256-`. What an interrupted run left
behind (`.download`, `.tmp-`) is refused by name: `oc` itself would take a leftover link for a tag.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use schema::{Digest, Repository};
use walkdir::WalkDir;

use super::files::DirectoryImage;
use crate::Error;

/// An opened mirror directory.
#[derive(Debug)]
pub struct OcMirror {
    root: PathBuf,
    /// Every tag, sorted by repository and tag.
    tags: Vec<DirectoryImage>,
}

impl OcMirror {
    /// Walks the tree once, following no link.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let base = root.join("v2");
        let mut tags = Vec::new();
        for entry in WalkDir::new(&base).follow_links(false).sort_by_file_name() {
            let entry = entry.map_err(|error| io_error(root, error))?;
            let name = entry.file_name().to_string_lossy();
            if name.ends_with(".download") || name.starts_with(".tmp-") {
                let reason =
                    "it was left by an interrupted run; mirror the image again, or delete the file"
                        .to_owned();
                return Err(Error::Disk {
                    path: entry.path().to_owned(),
                    reason,
                });
            }
            if entry.path_is_symlink() {
                tags.push(tag(entry.path(), &base)?);
            }
        }
        Ok(Self {
            root: root.to_owned(),
            tags,
        })
    }

    /// Every tag, sorted by repository and tag.
    pub(super) fn found(&self) -> &[DirectoryImage] {
        &self.tags
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// In `blobs/`, where `oc` keeps manifests too; else in `manifests/`.
    pub(super) fn blob_path(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        let base = self.root.join("v2").join(repository.as_str());
        let spellings = [digest.to_string(), format!("sha256-{}", digest.hex())];
        let paths = ["blobs", "manifests"]
            .into_iter()
            .flat_map(|folder| spellings.iter().map(move |name| (folder, name)));
        let mut paths = paths.map(|(folder, name)| base.join(folder).join(name));
        paths
            .find(|path| path.is_file())
            .unwrap_or_else(|| base.join("blobs").join(&spellings[0]))
    }
}

/// A symbolic link in a manifests directory: its name is the tag, where it leads is the digest.
fn tag(path: &Path, base: &Path) -> Result<DirectoryImage, Error> {
    let broken = |reason: String| Error::Disk {
        path: path.to_owned(),
        reason,
    };
    let manifests = path
        .parent()
        .filter(|parent| parent.ends_with("manifests"))
        .and_then(Path::parent);
    let repository = manifests.and_then(|repository| repository.strip_prefix(base).ok());
    let repository = repository.ok_or_else(|| {
        broken("a symbolic link belongs only into a manifests directory".to_owned())
    })?;
    let repository = repository
        .to_string_lossy()
        .parse()
        .map_err(|error| broken(format!("{error}")))?;
    let tag = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .parse()
        .map_err(|error| broken(format!("{error}")))?;
    let target = fs::read_link(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let target = target.to_string_lossy().replacen("sha256-", "sha256:", 1);
    let digest = target.parse().map_err(|error| {
        broken(format!(
            "the tag does not lead to a manifest beside it: {error}"
        ))
    })?;
    Ok(DirectoryImage {
        repository,
        tag: Some(tag),
        digest,
    })
}

fn io_error(root: &Path, error: walkdir::Error) -> Error {
    Error::Io {
        path: error.path().unwrap_or(root).to_owned(),
        source: error.into(),
    }
}
