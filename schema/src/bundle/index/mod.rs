/*!
`bundle.json` as a value: what a bundle holds, who made it, and where each thing came from.

The fields are the format. A change here is a change of [`FORMAT`], of `schema/README.md` and of the golden bytes.
*/

mod canonical;
pub(crate) mod checksums;
mod memory;
pub(crate) mod path;
mod seal;
mod validate;

use serde::{Deserialize, Serialize};

use crate::{Digest, MediaType, Platform, Repository, Tag, bundle::index::path::BundlePath};

/// The first field of every index: names the format and its version, so that a signature over an index can never be
/// taken for a signature over anything else.
pub const FORMAT: &str = "offline-bundle/v1";

/// How `created` is written: whole seconds, UTC (RFC 3339).
pub const CREATED_FORMAT: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The signed list of everything in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Always [`FORMAT`].
    pub format: String,
    /// When it was made: `2026-11-23T00:00:00Z`; `SOURCE_DATE_EPOCH` where that was set.
    #[cfg_attr(
        feature = "json-schema",
        schemars(regex(pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"))
    )]
    pub created: String,
    /// The program and version that made it.
    pub creator: String,
    /// Every file after the head, in the order it stands in the bundle. `SHA256SUMS` is the first.
    pub files: Vec<File>,
    /// The images, as the user named them, sorted by repository and digest.
    pub images: Vec<Image>,
    /// The media type of every manifest, in the order of its first file.
    pub manifests: Vec<ManifestRecord>,
    /// The Kubernetes objects below `config/`, in the order of the files and of the documents in them.
    pub objects: Vec<ObjectRecord>,
    /// Blobs that are left out because the target is said to hold them; empty unless the bundle is a delta.
    pub assumes: Vec<Assumed>,
    /// The OpenShift releases among the images, sorted by repository and tag; left out where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
    /// The image that brings an update service its graph; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_graph: Option<UpdateGraph>,
    /// Images that were asked for and that their source did not have, and foreign layers that could not be had, sorted; left out
    /// where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it stands.
    pub path: BundlePath,
    /// Size in bytes of the content; for a link, of the content it leads to.
    pub size: u64,
    /// Digest of that content.
    pub digest: Digest,
    /// For a hard link: the path of an earlier file with the same content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardlink: Option<BundlePath>,
    /// For a tag: the name, in the same directory, of the manifest it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symlink: Option<Digest>,
}

/// What a [`File`] is on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind<'a> {
    /// Bytes of its own.
    Regular,
    /// Another name of an earlier file.
    HardLink(&'a BundlePath),
    /// A tag.
    Symlink(&'a Digest),
}

impl File {
    /// A file with bytes of its own.
    pub fn regular(path: BundlePath, size: u64, digest: Digest) -> Self {
        Self {
            path,
            size,
            digest,
            hardlink: None,
            symlink: None,
        }
    }

    /// Another name for `target`, which has `size` and `digest`.
    pub fn hard_link(path: BundlePath, target: BundlePath, size: u64, digest: Digest) -> Self {
        Self {
            path,
            size,
            digest,
            hardlink: Some(target),
            symlink: None,
        }
    }

    /// A tag that points to the manifest `digest` of `size` bytes.
    pub fn tag(repository: Repository, tag: Tag, size: u64, digest: Digest) -> Self {
        Self {
            path: BundlePath::Tag(repository, tag),
            size,
            digest,
            hardlink: None,
            symlink: Some(digest),
        }
    }

    /// What it is on the medium.
    pub fn kind(&self) -> FileKind<'_> {
        match (&self.hardlink, &self.symlink) {
            (Some(target), _) => FileKind::HardLink(target),
            (None, Some(digest)) => FileKind::Symlink(digest),
            (None, None) => FileKind::Regular,
        }
    }

    /// Bytes it takes on the medium, without header and padding: none for a link.
    pub fn stored(&self) -> u64 {
        match self.kind() {
            FileKind::Regular => self.size,
            FileKind::HardLink(_) | FileKind::Symlink(_) => 0,
        }
    }
}

/// An image, as the user named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its repository in the bundle, and below the prefix at the target.
    pub repository: Repository,
    /// The digest of its manifest or index.
    pub digest: Digest,
    /// Its tags there, sorted; none if it was named by digest alone.
    pub tags: Vec<Tag>,
    /// The reference it was read from; for an image that was made here, what it was made of.
    pub source: String,
    /// The platforms it is for, sorted; none where that is not said, as for artifacts.
    pub platforms: Vec<Platform>,
    /// If one platform was selected from an index: the digest of that index, which is not in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_from: Option<Digest>,
    /// Signatures, attestations and other referrers that travel with it, sorted.
    pub attached: Vec<Attached>,
}

/// Something that is about an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// The digest of its manifest, in the same repository.
    pub digest: Digest,
    /// `sha256-<hex>.sig` and the like; none for a referrer, which names its subject itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// The media type of a manifest, which its bytes do not always tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManifestRecord {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
}

/// A Kubernetes object below `config/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ObjectRecord {
    /// The file, as in `files`.
    pub path: BundlePath,
    /// Which YAML document of the file, from 0.
    pub document: u32,
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.namespace`, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`
    pub name: String,
}

impl ObjectRecord {
    /// Whether only those whom it concerns should read it.
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret"
    }
}

/// A blob that a delta leaves out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The repository at the target that is said to hold it.
    pub repository: Repository,
}

/// An OpenShift release: an image whose payload names all others of a cluster version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Where the release image and its components are.
    pub repository: Repository,
    /// The tag of the release image there: `<version>-<architecture>`, as `oc` spells it today. Components have the same
    /// tag, a hyphen and their name.
    pub tag: Tag,
    /// The digest of the release image; for several architectures, of their list.
    pub digest: Digest,
    /// `metadata.name` of its image-references.
    pub version: String,
    /// Fingerprints of the OpenPGP keys, trusted by whoever built the bundle, that signed the digest: upper-case hex, sorted.
    /// None means that nobody vouches for the release.
    pub verified_by: Vec<String>,
    /// Versions that can be updated to it (`previous` in its release-metadata), in its order.
    pub previous: Vec<String>,
}

/// An image with the data of an OpenShift update service (OSUS), made when the bundle was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateGraph {
    /// Its repository in the bundle.
    pub repository: Repository,
    /// Its digest.
    pub digest: Digest,
}

/// An image that the bundle was to hold and does not, because its source did not have it, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The repository it would have in the bundle.
    pub repository: Repository,
    /// The tags it would have there, sorted; none if it was named by digest alone.
    pub tags: Vec<Tag>,
    /// The reference by which it was asked for: printable ASCII, at most [`Missing::TEXT_LIMIT`] bytes.
    #[cfg_attr(feature = "json-schema", schemars(regex(pattern = "^[ -~]{1,512}$")))]
    pub source: String,
    /// What the source said: printable ASCII, at most [`Missing::TEXT_LIMIT`] bytes.
    #[cfg_attr(feature = "json-schema", schemars(regex(pattern = "^[ -~]{1,512}$")))]
    pub reason: String,
    /// If it is a component of releases in the same repository: their tags, sorted. Those releases are not whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Tag>,
    /// If the image is there, and only a layer of it is missing that its manifest does not mean to be distributed ("foreign"):
    /// the digest of that layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
}

impl Missing {
    /// The most bytes of `source`, and of `reason`.
    pub const TEXT_LIMIT: usize = 512;

    /// What is missing, for people.
    pub fn named(&self) -> String {
        match &self.blob {
            Some(digest) => format!("foreign layer {digest} of {}", self.source),
            None => self.source.clone(),
        }
    }

    /// Text from elsewhere made fit for `source` and `reason`: what is not printable ASCII becomes `?`, what is too long
    /// is cut.
    pub fn plain(text: &str) -> String {
        let safe = |c: char| match c {
            ' '..='~' => c,
            c if c.is_whitespace() => ' ',
            _ => '?',
        };
        let mut plain: String = text.trim().chars().map(safe).collect();
        if plain.len() > Self::TEXT_LIMIT {
            plain.truncate(Self::TEXT_LIMIT - 3);
            plain.push_str("...");
        }
        if plain.is_empty() {
            plain.push('?');
        }
        plain
    }
}

impl Index {
    /// The components that a release lacks.
    pub fn missing_of<'i>(&'i self, release: &'i Release) -> impl Iterator<Item = &'i Missing> {
        self.missing.iter().filter(|missing| {
            missing.repository == release.repository && missing.releases.contains(&release.tag)
        })
    }
}
