/*! Why a manifest cannot be carried. */

use super::MediaType;
use crate::digest::DigestError;

/// Why a manifest cannot be carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It could be read as an index and as an image.
    #[error(
        "the manifest mixes \"manifests\" with \"config\" or \"layers\"; such a body is refused (CVE-2021-41190)"
    )]
    Ambiguous,
    /// It refers to content that cannot be carried.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Its own type is not the declared one.
    #[error(
        "the manifest was declared as {declared} but calls itself {own:?}; such a body is refused (CVE-2021-41190)"
    )]
    Disagrees {
        /// From `Content-Type`, the descriptor or the index.
        declared: MediaType,
        /// From the body.
        own: String,
    },
    /// Not a manifest.
    #[error("not an image manifest: {0}")]
    Malformed(String),
    /// A manifest of the first Docker schema, whose digest is not that of its bytes.
    #[error(
        "the manifest has Docker schema 1, which no current registry accepts; rebuild or re-push the image"
    )]
    SchemaOne,
    /// More than [`super::MANIFEST_LIMIT`].
    #[error("the manifest has {0} bytes, more than the 4 MiB that registries accept")]
    TooLarge(u64),
    /// Programs would see different things in it.
    #[error(
        "two programs could read the manifest differently, so it is refused: {0}; rebuild or re-push the image"
    )]
    TwoReadings(String),
    /// A type nobody here knows.
    #[error("the manifest calls itself {0:?}, which is not a manifest type this program carries")]
    Unknown(String),
}
