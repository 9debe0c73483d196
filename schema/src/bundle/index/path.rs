/*!
The only paths a bundle can hold.

A [`BundlePath`] is one of five shapes, each made of parts that are safe by their own grammar, so a path that escapes,
repeats a slash or hides a control character cannot be written down, let alone extracted.
*/

use std::{fmt, str::FromStr};

use super::checksums::CHECKSUMS;
use crate::{Digest, Repository, Tag, digest::DigestError, name::NameError};

/// A file's place in the bundle, relative, `/`-separated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundlePath {
    /// `SHA256SUMS`
    Sums,
    /// `v2/<repository>/blobs/sha256:<hex>`
    Blob(Repository, Digest),
    /// `v2/<repository>/manifests/sha256:<hex>`
    Manifest(Repository, Digest),
    /// `v2/<repository>/manifests/<tag>`
    Tag(Repository, Tag),
    /// `config/<path>`
    Config(ConfigPath),
}

impl BundlePath {
    /// Whether it belongs to the image part.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Blob(repository, _)
            | Self::Manifest(repository, _)
            | Self::Tag(repository, _) => Some(repository),
            Self::Sums | Self::Config(_) => None,
        }
    }
}

impl FromStr for BundlePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text == CHECKSUMS {
            return Ok(Self::Sums);
        }
        if let Some(rest) = text.strip_prefix("config/") {
            return Ok(Self::Config(rest.parse()?));
        }
        let unknown = || PathError::Shape(text.to_owned());
        let rest = text.strip_prefix("v2/").ok_or_else(unknown)?;
        let (directory, name) = rest.rsplit_once('/').ok_or_else(unknown)?;
        let (repository, kind) = directory.rsplit_once('/').ok_or_else(unknown)?;
        let repository: Repository = repository.parse()?;
        match kind {
            "blobs" => Ok(Self::Blob(repository, name.parse()?)),
            "manifests" if name.contains(':') => Ok(Self::Manifest(repository, name.parse()?)),
            "manifests" => Ok(Self::Tag(repository, name.parse()?)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sums => f.write_str(CHECKSUMS),
            Self::Blob(repository, digest) => write!(f, "v2/{repository}/blobs/{digest}"),
            Self::Manifest(repository, digest) => write!(f, "v2/{repository}/manifests/{digest}"),
            Self::Tag(repository, tag) => write!(f, "v2/{repository}/manifests/{tag}"),
            Self::Config(path) => write!(f, "config/{path}"),
        }
    }
}

crate::name::text_serde!(
    BundlePath,
    "^(SHA256SUMS|v2/.+/(blobs|manifests)/[^/]+|config/.+)$"
);

/// A path below `config/`: segments of `[A-Za-z0-9._-]`, never `.` or `..`, at most 255 bytes each and 1024 in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigPath(String);

impl ConfigPath {
    /// The path as text, without `config/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConfigPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let segment = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.len() <= 255
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if text.len() <= 1024 && text.split('/').all(segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError::Config(text.to_owned()))
        }
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a path in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not allowed below `config/`.
    #[error(
        "{0:?} cannot be a path below config/: expected segments of letters, digits, '.', '_' and '-', none of them . or .., joined by /; rename the file"
    )]
    Config(String),
    /// Its digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Its repository or tag is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// None of the five shapes.
    #[error("{0:?} is not a path a bundle can hold")]
    Shape(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_shape_survives_a_round_trip() {
        let digest = Digest::of(b"");
        for text in [
            "SHA256SUMS".to_owned(),
            format!("v2/a/blobs/{digest}"),
            format!("v2/a/manifests/blobs/{digest}"),
            format!("v2/openshift/release/manifests/{digest}"),
            "v2/a/manifests/manifests/latest".to_owned(),
            "config/signature/sha256/81154f5c03294534.yaml".to_owned(),
        ] {
            assert_eq!(text.parse::<BundlePath>().map(|p| p.to_string()), Ok(text));
        }
    }

    #[test]
    fn escapes_and_strangers_are_refused() {
        for bad in [
            "",
            "/",
            "bundle.json",
            "v2",
            "v2//blobs/x",
            "v2/a/blobs/latest",
            "v2/a/other/x",
            "v2/../blobs/x",
            "config",
            "config/",
            "config/../x",
            "config/./x",
            "config//x",
            "config/a b",
            "config/é",
            "config/a\n",
            "SHA256SUMS/",
            "../config/x",
        ] {
            assert!(bad.parse::<BundlePath>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_its_own_text_and_stays_inside(text in "(v2/|config/)?[a-z0-9./:_-]{0,60}") {
            if let Ok(path) = text.parse::<BundlePath>() {
                prop_assert_eq!(path.to_string(), text.clone());
                prop_assert!(text.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
