/*! What clusters are asked to become: a release image by digest, and which guards may be passed. */

use std::{fmt, str::FromStr};

use schema::{
    Digest, Reference,
    bundle::{Index, Release},
    text::escape,
};
use serde::{Serialize, Serializer};

use crate::{Error, report, target::Target};

/// What one cluster, or each of many, is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The release image.
    pub image: PinnedImage,
    /// Its version where a bundle tells it; shown, never sent.
    pub version: Option<String>,
    /// Start although the cluster is failing, invalid or in the middle of another upgrade.
    pub allow_upgrade_with_warnings: bool,
    /// Start although the cluster knows a reason not to take this release.
    pub allow_not_recommended: bool,
    /// `spec.desiredUpdate.force`: the cluster checks neither signature nor preconditions.
    pub force: bool,
    /// Ask the server what would happen (`dryRun=All`), and start nothing.
    pub dry_run: bool,
}

/// The release image of a bundle, where an import has published it, and its version. With several releases, `wanted`
/// chooses by version.
pub fn of_bundle(
    index: &Index,
    target: &Target,
    wanted: Option<&str>,
) -> Result<(PinnedImage, Option<String>), Error> {
    let release = chosen(&index.releases, wanted).map_err(Error::Usage)?;
    if index.missing_of(release).next().is_some() {
        return Err(Error::Usage(report::incomplete(&release.version)));
    }
    let image = format!(
        "{}@{}",
        target.named(&target.release_images()?),
        release.digest
    );
    let image = PinnedImage {
        text: image,
        digest: release.digest,
    };
    Ok((image, Some(release.version.clone())))
}

fn chosen<'r>(releases: &'r [Release], wanted: Option<&str>) -> Result<&'r Release, String> {
    let named = |releases: &[&Release]| {
        let names: Vec<_> = releases
            .iter()
            .map(|release| format!("{} ({})", escape(&release.version), release.tag))
            .collect();
        names.join(", ")
    };
    let all: Vec<&Release> = releases.iter().collect();
    if all.is_empty() {
        return Err(
            "the bundle holds no OpenShift release; name an image with --to-image".to_owned(),
        );
    }
    let matching: Vec<&Release> = match wanted {
        Some(wanted) => releases
            .iter()
            .filter(|release| release.version == wanted || release.tag.as_str() == wanted)
            .collect(),
        None => all.clone(),
    };
    match (matching.as_slice(), wanted) {
        ([release], _) => Ok(release),
        ([], Some(wanted)) => Err(format!(
            "--release {}: the bundle holds no such release, but {}",
            escape(wanted),
            named(&all)
        )),
        (several, _) => Err(format!(
            "the bundle holds {} releases; choose one with --release, by version or by tag: {}",
            several.len(),
            named(several)
        )),
    }
}

/// `REGISTRY[:PORT]/REPOSITORY@sha256:…`: an image that clusters can verify, since its name says its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedImage {
    text: String,
    digest: Digest,
}

impl PinnedImage {
    /// The name, as it is sent to clusters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its content.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl FromStr for PinnedImage {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        let shown = || escape(text);
        let reference: Reference = bare
            .parse()
            .map_err(|error| ImageError::Malformed(shown(), format!("{error}")))?;
        let digest = match (reference.digest, &reference.tag) {
            (Some(digest), None) => digest,
            _ => return Err(ImageError::ByTag(shown())),
        };
        // What Docker Hub's defaults would complete is more likely a slip than meant.
        if reference.to_string() != bare {
            return Err(ImageError::NoRegistry(shown()));
        }
        Ok(Self {
            text: bare.to_owned(),
            digest,
        })
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for PinnedImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Why a text is not an image that a cluster can be asked to become.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A tag may be moved, and clusters verify digests alone.
    #[error(
        "{0}: expected REGISTRY/REPOSITORY@sha256:DIGEST without a tag, since clusters can verify a release only by its digest"
    )]
    ByTag(String),
    /// Not a reference.
    #[error("{0}: {1}")]
    Malformed(String, String),
    /// The registry is left to defaults.
    #[error(
        "{0}: expected REGISTRY/REPOSITORY@sha256:DIGEST with the registry and the whole repository"
    )]
    NoRegistry(String),
}

#[cfg(test)]
mod tests {
    use schema::bundle::FORMAT;

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn index(tags: &[&str]) -> Result<Index, Box<dyn std::error::Error>> {
        let release = |tag: &&str| -> Result<Release, Box<dyn std::error::Error>> {
            Ok(Release {
                repository: "openshift/release".parse()?,
                tag: tag.parse()?,
                digest: Digest::of(tag.as_bytes()),
                version: tag.split('-').next().unwrap_or_default().to_owned(),
                verified_by: Vec::new(),
                previous: Vec::new(),
            })
        };
        Ok(Index {
            format: FORMAT.to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            creator: "a test".to_owned(),
            files: Vec::new(),
            images: Vec::new(),
            manifests: Vec::new(),
            objects: Vec::new(),
            assumes: Vec::new(),
            releases: tags.iter().map(release).collect::<Result<_, _>>()?,
            update_graph: None,
            missing: Vec::new(),
        })
    }

    fn target() -> Result<Target, Box<dyn std::error::Error>> {
        Ok(Target {
            host: "registry:5000".to_owned(),
            prefix: Some("ocp".parse()?),
            map: Vec::new(),
            max_nested_paths: None,
            release_image: None,
        })
    }

    #[test]
    fn a_release_is_asked_for_where_the_import_has_published_it() -> Tested {
        let (image, version) = of_bundle(&index(&["4.14.20-x86_64"])?, &target()?, None)?;
        let digest = Digest::of(b"4.14.20-x86_64");
        let text = format!("registry:5000/ocp/openshift/release-images@{digest}");
        assert_eq!(image.as_str(), text);
        assert_eq!(image, text.parse()?);
        assert_eq!(version.as_deref(), Some("4.14.20"));
        Ok(())
    }

    #[test]
    fn one_of_several_releases_is_chosen_by_version_or_by_tag() -> Tested {
        let several = ["4.14.20-x86_64", "4.14.20-aarch64", "4.15.5-x86_64"];
        for (tags, wanted, expected) in [
            (&several[..], Some("4.15.5"), "4.15.5-x86_64"),
            (&several[..], Some("4.14.20-aarch64"), "4.14.20-aarch64"),
            (&several[..1], Some("4.14.20"), "4.14.20-x86_64"),
        ] {
            let (image, _) = of_bundle(&index(tags)?, &target()?, wanted)?;
            assert_eq!(
                image.digest(),
                Digest::of(expected.as_bytes()),
                "{wanted:?}"
            );
        }
        for (tags, wanted, part) in [
            (
                &several[..],
                None,
                "holds 3 releases; choose one with --release",
            ),
            (
                &several[..],
                Some("4.14.20"),
                "holds 2 releases; choose one with --release, by version or by tag: 4.14.20 (4.14.20-x86_64), 4.14.20 (4.14.20-aarch64)",
            ),
            (
                &several[..1],
                Some("4.16.0"),
                "--release 4.16.0: the bundle holds no such release, but 4.14.20 (4.14.20-x86_64)",
            ),
            (&several[..0], None, "holds no OpenShift release"),
        ] {
            let found = of_bundle(&index(tags)?, &target()?, wanted);
            let found =
                found.map_or_else(|error| error.to_string(), |(image, _)| image.to_string());
            assert!(found.contains(part), "{found}");
        }
        Ok(())
    }
}
