/*!
Content that is a manifest and a blob at once, such as an artifact whose content is somebody's manifest.

A registry keeps the two apart: what was put as a manifest is not there as a blob. The index calls such content a manifest
wherever it is, so what it is in which repository follows from what it needs and from who needs it.
*/

use bytes::Bytes;
use schema::{Digest, Manifest, Repository, Selector, manifest::Blob};

use super::Upload;
use crate::{Error, push::plan::ManifestStep};

impl Upload {
    /// Whether a manifest is no more than somebody's blob in a repository, since what it needs goes elsewhere. Of an index
    /// that is all of its children: some may have been left out.
    pub fn is_only_blob(&self, manifest: &Manifest, repository: &Repository) -> bool {
        let here = |digest: &Digest| {
            let destinations = self.destinations.get(digest)?;
            Some(destinations.contains(repository))
        };
        let mut blobs = manifest.blobs.iter();
        let children = manifest.children.iter();
        let children: Vec<bool> = children.filter_map(|child| here(&child.digest)).collect();
        blobs.any(|blob| here(&blob.digest) == Some(false))
            || (!children.is_empty() && !children.contains(&true))
    }

    /// Sends what a manifest needs as blobs and the bundle holds as manifests.
    pub async fn put_manifest_blobs(
        &self,
        manifest: &Manifest,
        repository: &Repository,
    ) -> Result<(), registry::Error> {
        let remote = self.remote(repository);
        for blob in self.manifest_blobs(manifest) {
            if !remote.has_blob(blob).await? {
                let bytes = self.pushed(repository, &blob.digest).await?;
                remote.push_blob(blob, &bytes, None).await?;
                self.sent(blob);
            }
        }
        Ok(())
    }

    /// Whether a manifest needs others of the bundle as blobs, so that they must be there before it.
    pub fn needs_manifest_blobs(&self, step: &ManifestStep, bytes: &Bytes) -> Result<bool, Error> {
        let manifest = self.parsed(step, bytes)?;
        Ok(self.manifest_blobs(&manifest).next().is_some())
    }

    /// The blobs of a manifest that are manifests of the bundle too. A registry keeps the two apart, so they are sent as
    /// both.
    pub(super) fn manifest_blobs<'m>(
        &self,
        manifest: &'m Manifest,
    ) -> impl Iterator<Item = &'m Blob> {
        let is_manifest = |blob: &&Blob| self.manifests.contains(&blob.digest);
        manifest.blobs.iter().filter(is_manifest)
    }

    /// The bytes of a manifest, from `repository` or whichever other one has it.
    async fn pushed(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Bytes, registry::Error> {
        // It may still be waiting for its tag.
        if let Some((_, bytes)) = self.held.get(digest) {
            return Ok(bytes);
        }
        let others = self.destinations.get(digest).into_iter().flatten();
        let others = others.filter(|other| *other != repository);
        let selector = Selector::Digest(*digest);
        let mut found = self.remote(repository).manifest(&selector).await;
        for other in others {
            if found.is_ok() {
                break;
            }
            found = self.remote(other).manifest(&selector).await;
        }
        Ok(found?.bytes)
    }
}
