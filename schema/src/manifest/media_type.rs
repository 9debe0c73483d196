/*! The media types of manifests, of which there is one spelling in a document and many in a header. */

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ManifestError;

/// The media types of manifests that can be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub enum MediaType {
    /// `application/vnd.docker.distribution.manifest.v2+json`
    #[serde(rename = "application/vnd.docker.distribution.manifest.v2+json")]
    DockerManifest,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    #[serde(rename = "application/vnd.docker.distribution.manifest.list.v2+json")]
    DockerList,
    /// `application/vnd.oci.artifact.manifest.v1+json`, withdrawn but still met.
    #[serde(rename = "application/vnd.oci.artifact.manifest.v1+json")]
    OciArtifact,
    /// `application/vnd.oci.image.index.v1+json`
    #[serde(rename = "application/vnd.oci.image.index.v1+json")]
    OciIndex,
    /// `application/vnd.oci.image.manifest.v1+json`
    #[serde(rename = "application/vnd.oci.image.manifest.v1+json")]
    OciManifest,
}

impl MediaType {
    /// Every one, in the order of preference that `Accept` shows.
    pub const ALL: [Self; 5] = [
        Self::OciIndex,
        Self::DockerList,
        Self::OciManifest,
        Self::DockerManifest,
        Self::OciArtifact,
    ];

    /// The type as it stands in `Content-Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciArtifact => "application/vnd.oci.artifact.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    /// Reads a `Content-Type` or `mediaType`, parameters ignored.
    pub fn from_header(text: &str) -> Option<Self> {
        let bare = text.split(';').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(bare))
    }

    /// Reads a `mediaType` that stands in a document, where no spelling but the one is the type for everybody.
    pub(super) fn written(text: &str) -> Result<Option<Self>, ManifestError> {
        match Self::from_header(text) {
            Some(known) if known.as_str() != text => Err(ManifestError::TwoReadings(format!(
                "the media type {text:?} is {known} for some readers, and unknown to others"
            ))),
            found => Ok(found),
        }
    }

    /// Whether it lists other manifests.
    pub fn is_index(self) -> bool {
        matches!(self, Self::DockerList | Self::OciIndex)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
