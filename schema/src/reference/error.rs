/*! Why a text does not name an image, with what to write instead. */

use crate::digest::DigestError;

/// Why a text does not name an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Its digest cannot be carried.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not a reference at all.
    #[error(
        "{0:?} is not an image reference ({1}): expected [HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST]"
    )]
    Malformed(String, String),
    /// It holds a user name, and perhaps a password, which is not repeated.
    #[error(
        "what stands before the host of an image reference looks like a user name; leave it out, and log in with `skopeo login`"
    )]
    Credentials,
    /// Not at a registry.
    #[error(
        "{0} is no place that images are taken from; name an image at a registry (HOST/REPOSITORY:TAG), or a directory that holds it"
    )]
    Transport(&'static str),
    /// Its tag is the version of a Helm chart, with build metadata.
    #[error(
        "{0:?} is not an image reference: a tag cannot hold '+'; Helm stores a chart whose version has one under a tag with '_' in its place: write {1}"
    )]
    Plus(String, String),
}
