/*!
What a manifest refers to.

Manifests are carried as the bytes the registry gave. This reader only finds their children, blobs and subject, and
refuses a body that two readers could take for two different things (CVE-2021-41190): one whose own `mediaType`
differs from the declared one, that mixes `manifests` with `config` or `layers`, or whose keys are repeated or differ from
known ones by case.
*/

mod descriptor;
mod entry;
mod error;
mod media_type;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use error::ManifestError;
pub use media_type::MediaType;

use crate::{
    Digest, Platform,
    readings::{self, Shape},
};
use descriptor::Descriptor;
use entry::Entry;

/// The most a registry need accept as a manifest (distribution-spec, "Pushing Manifests"), and the most we read: 4 MiB.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

/// The most bytes of one blob: 64 TiB. As many blobs as a build may name cannot make a number that overflows.
const BLOB_LIMIT: u64 = 1 << 46;

/// What a manifest refers to, by digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its type, as declared and confirmed by the body.
    pub media_type: MediaType,
    /// Child manifests of an index or list, in its order; empty otherwise.
    pub children: Vec<Child>,
    /// Config, layers and other blobs, in order; of an index, what it lists and is no manifest, as in BuildKit's caches.
    pub blobs: Vec<Blob>,
    /// Those of the blobs that are meant to come from elsewhere than the registry, so that it may not hold them.
    pub foreign: Vec<Foreign>,
    /// The manifest this one is about, if it is a referrer (image-spec, `subject`).
    pub subject: Option<Digest>,
    /// `artifactType`, or else the config's media type, as a referrers list shows it (distribution-spec, "Listing Referrers").
    pub artifact_type: Option<String>,
    /// Annotations, as a referrers list shows them.
    pub annotations: BTreeMap<String, String>,
}

/// A manifest inside an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its type as the index declares it, where that is a manifest type we know.
    pub media_type: Option<MediaType>,
    /// The machine it is for, where the index names one.
    pub platform: Option<Platform>,
}

/// A blob inside a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Addresses of one layer that are kept, and the most bytes of each.
const URLS_LIMIT: usize = 8;
const URL_LIMIT: usize = 2048;

/// A layer whose makers do not let others distribute it ("foreign", "non-distributable"; image-spec, "Non-Distributable
/// Layers"), or any blob that a manifest gives addresses for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The blob.
    pub blob: Blob,
    /// Where it can be had, as the manifest says.
    pub urls: Vec<String>,
}

impl Manifest {
    /// Reads a body whose type was declared elsewhere (`Content-Type`, a descriptor, the bundle's index).
    pub fn parse(bytes: &[u8], declared: MediaType) -> Result<Self, ManifestError> {
        let body = Body::read(bytes)?;
        if let Some(own) = &body.media_type
            && MediaType::written(own)? != Some(declared)
        {
            return Err(ManifestError::Disagrees {
                declared,
                own: own.clone(),
            });
        }
        body.into_manifest(declared)
    }

    /// Reads a body that nothing declares the type of, as in a directory written by `oc`: by its `mediaType`, else by
    /// its config's, else by what it holds.
    pub fn parse_undeclared(bytes: &[u8]) -> Result<Self, ManifestError> {
        let body = Body::read(bytes)?;
        let media_type = body.guess()?;
        body.into_manifest(media_type)
    }
}

/// The fields that any of the manifest types uses.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Entry>>,
    subject: Option<Entry>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Body {
    fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MANIFEST_LIMIT {
            return Err(ManifestError::TooLarge(bytes.len() as u64));
        }
        if let Some(reason) = readings::differ(bytes, Shape::Manifest) {
            return Err(ManifestError::TwoReadings(reason));
        }
        let body: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Malformed(error.to_string()))?;
        match body.schema_version {
            Some(1) => return Err(ManifestError::SchemaOne),
            Some(2) | None => {}
            Some(other) => {
                return Err(ManifestError::Malformed(format!(
                    "schemaVersion is {other}, expected 2"
                )));
            }
        }
        if body.manifests.is_some()
            && (body.config.is_some() || body.layers.is_some() || body.blobs.is_some())
        {
            return Err(ManifestError::Ambiguous);
        }
        Ok(body)
    }

    fn guess(&self) -> Result<MediaType, ManifestError> {
        if let Some(own) = &self.media_type {
            return MediaType::written(own)?.ok_or_else(|| ManifestError::Unknown(own.clone()));
        }
        let config = self.config.as_ref().map(|config| config.media_type.clone());
        Ok(match config.as_deref() {
            Some("application/vnd.docker.container.image.v1+json") => MediaType::DockerManifest,
            Some(_) => MediaType::OciManifest,
            None if self.manifests.is_some() => MediaType::OciIndex,
            None => MediaType::OciManifest,
        })
    }

    fn into_manifest(self, media_type: MediaType) -> Result<Manifest, ManifestError> {
        let missing =
            |field: &str| ManifestError::Malformed(format!("a {media_type} without {field:?}"));
        let mut children = Vec::new();
        let mut blobs = Vec::new();
        let mut foreign = Vec::new();
        let entries = self.layers.iter().chain(&self.blobs).flatten();
        for entry in entries.filter(|_| !media_type.is_index()) {
            foreign.extend(foreign_layer(entry)?);
        }
        match media_type {
            MediaType::DockerList | MediaType::OciIndex => {
                for entry in self
                    .manifests
                    .as_ref()
                    .ok_or_else(|| missing("manifests"))?
                {
                    let (digest, size) = (entry.digest.parse()?, entry.size);
                    if entry.is_blob() {
                        blobs.push(Blob { digest, size });
                        continue;
                    }
                    children.push(Child {
                        digest,
                        size,
                        media_type: entry.media_type()?,
                        platform: entry.platform(),
                    });
                }
            }
            MediaType::DockerManifest | MediaType::OciManifest => {
                blobs.push(blob(
                    self.config.as_ref().ok_or_else(|| missing("config"))?,
                )?);
                for layer in self.layers.as_ref().ok_or_else(|| missing("layers"))? {
                    blobs.push(blob(layer)?);
                }
            }
            MediaType::OciArtifact => {
                for entry in self.blobs.iter().flatten() {
                    blobs.push(blob(entry)?);
                }
            }
        }
        let config_type = self.config.as_ref().map(|config| config.media_type.clone());
        Ok(Manifest {
            media_type,
            children,
            blobs,
            foreign,
            subject: self
                .subject
                .as_ref()
                .map(|subject| subject.digest.parse())
                .transpose()?,
            artifact_type: self
                .artifact_type
                .filter(|text| !text.is_empty())
                .or(config_type),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

fn blob(entry: &Descriptor) -> Result<Blob, ManifestError> {
    if entry.size > BLOB_LIMIT {
        return Err(ManifestError::Malformed(format!(
            "it names the blob {} of {} bytes, more than any registry holds",
            entry.digest, entry.size
        )));
    }
    Ok(Blob {
        digest: entry.digest.parse()?,
        size: entry.size,
    })
}

fn foreign_layer(entry: &Descriptor) -> Result<Option<Foreign>, ManifestError> {
    let urls = entry
        .urls
        .iter()
        .flatten()
        .filter(|url| url.len() <= URL_LIMIT);
    let urls: Vec<String> = urls.take(URLS_LIMIT).cloned().collect();
    if !entry.is_foreign() && urls.is_empty() {
        return Ok(None);
    }
    let blob = blob(entry)?;
    Ok(Some(Foreign { blob, urls }))
}
