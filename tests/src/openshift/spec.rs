/*!
What a release is to be like: a value to be built up, with defaults of a small, sound, unsigned release.
*/

use std::path::{Path, PathBuf};

use anyhow::Result;
use schema::Repository;

use super::{Release, make};
use crate::images::{Compression, Format};

/// Names of components that every real release has; more are numbered.
const NAMES: [&str; 12] = [
    "cli",
    "cluster-version-operator",
    "etcd",
    "hyperkube",
    "machine-config-operator",
    "machine-os-content",
    "oauth-server",
    "pod",
    "prometheus",
    "service-ca-operator",
    "tests",
    "thanos",
];

/// A release to be made.
#[derive(Debug, Clone)]
pub struct ReleaseSpec {
    pub(super) version: String,
    pub(super) names: Vec<String>,
    pub(super) aliases: Vec<(String, String)>,
    pub(super) architectures: Vec<String>,
    pub(super) size: u64,
    pub(super) directory: Option<PathBuf>,
    pub(super) host: String,
    pub(super) release_repository: String,
    pub(super) component_repository: String,
    pub(super) previous: Vec<String>,
    pub(super) signature_tags: bool,
    pub(super) format: Format,
    pub(super) payload_compression: Compression,
    pub(super) keys: Vec<(String, String)>,
    pub(super) stores: Vec<(String, String)>,
    pub(super) oddities: Vec<Oddity>,
}

/// Something about a release that is not as it should be, or seldom is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// A component is referenced by tag. It is there, under that tag.
    ByTag(String),
    /// `image-references` is sound JSON, but has at least so many bytes.
    HugeReferences(usize),
    /// The payload lies in a layer beneath the top one.
    LowerLayer,
    /// `image-references` ends in the middle.
    MalformedReferences,
    /// A component is listed, but no registry has it.
    Missing(String),
    /// There is no `release-metadata`.
    NoMetadata,
    /// There is no `image-references`.
    NoReferences,
    /// There is no ConfigMap with keys and stores.
    NoVerification,
    /// A component's reference is an `ImageStreamImage`.
    OtherKind(String),
    /// A lower layer holds the `image-references` of another release, which the top layer's replaces.
    StaleBelow,
}

impl ReleaseSpec {
    /// Five components for `amd64`, 200 kB in all, said to be on `quay.io`; no keys, no stores, no `.sig` tags.
    pub fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            names: names(5),
            aliases: Vec::new(),
            architectures: vec!["amd64".to_owned()],
            size: 200_000,
            directory: None,
            host: "quay.io".to_owned(),
            release_repository: "openshift-release-dev/ocp-release".to_owned(),
            component_repository: "openshift-release-dev/ocp-v4.0-art-dev".to_owned(),
            previous: Vec::new(),
            signature_tags: false,
            format: Format::Docker,
            payload_compression: Compression::Gzip,
            keys: Vec::new(),
            stores: Vec::new(),
            oddities: Vec::new(),
        }
    }

    /// 190 components of about 0.5 GB in all, as large as the promises are stated for; layers lie in `directory`.
    pub fn full(version: &str, directory: &Path) -> Self {
        Self::new(version)
            .components(190)
            .size(500_000_000)
            .spill(directory)
    }

    /// So many components.
    pub fn components(self, count: usize) -> Self {
        Self {
            names: names(count),
            ..self
        }
    }

    /// Components of these names.
    pub fn named(self, names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..self
        }
    }

    /// A further component name for the image of another, as real releases have them.
    pub fn alias(mut self, name: &str, of: &str) -> Self {
        self.aliases.push((name.to_owned(), of.to_owned()));
        self
    }

    /// For these machines, in Go's words (`amd64`, `arm64`, …). Several make every image a list.
    pub fn architectures(self, architectures: &[&str]) -> Self {
        Self {
            architectures: architectures.iter().map(|&name| name.to_owned()).collect(),
            ..self
        }
    }

    /// About so many bytes of different layers in all components: a fifth in four shared bases, the rest their own.
    pub fn size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// Keeps layers as files in a directory, which must exist and stay.
    pub fn spill(self, directory: &Path) -> Self {
        Self {
            directory: Some(directory.to_owned()),
            ..self
        }
    }

    /// Component references name this registry, `HOST[:PORT]`.
    pub fn host(self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self
        }
    }

    /// Where the release image and where the components belong.
    pub fn repositories(self, release: &str, components: &str) -> Self {
        Self {
            release_repository: release.to_owned(),
            component_repository: components.to_owned(),
            ..self
        }
    }

    /// Versions it can follow.
    pub fn previous(self, versions: &[&str]) -> Self {
        Self {
            previous: versions.iter().map(|&version| version.to_owned()).collect(),
            ..self
        }
    }

    /// A tag `sha256-<hex>.sig` for the release image and for every component.
    pub fn signature_tags(self) -> Self {
        Self {
            signature_tags: true,
            ..self
        }
    }

    /// The media types of all images: Docker's unless told otherwise, as in real releases.
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// How the payload's layer is compressed. With zstd the release image is of OCI's format, the only one that has it.
    pub fn payload_compression(self, payload_compression: Compression) -> Self {
        Self {
            payload_compression,
            ..self
        }
    }

    /// A key in the payload, `verifier-public-key-<name>`.
    pub fn key(mut self, name: &str, armored: &str) -> Self {
        self.keys.push((name.to_owned(), armored.to_owned()));
        self
    }

    /// A signature store in the payload, `store-<name>`.
    pub fn store(mut self, name: &str, url: &str) -> Self {
        self.stores.push((name.to_owned(), url.to_owned()));
        self
    }

    /// Something out of order.
    pub fn with(mut self, oddity: Oddity) -> Self {
        self.oddities.push(oddity);
        self
    }

    /// Makes it.
    pub fn make(&self) -> Result<Release> {
        make::release(self)
    }

    pub(super) fn is(&self, oddity: &Oddity) -> bool {
        self.oddities.contains(oddity)
    }

    pub(super) fn is_multi(&self) -> bool {
        self.architectures.len() > 1
    }

    pub(super) fn component_repository(&self) -> Result<Repository> {
        Ok(self.component_repository.parse()?)
    }
}

fn names(count: usize) -> Vec<String> {
    let numbered = (NAMES.len()..).map(|number| format!("component-{number:03}"));
    let real = NAMES.iter().map(|&name| name.to_owned());
    real.chain(numbered).take(count).collect()
}
