/*!
What a release image holds: its version, its components, the versions before it, and the keys that its cluster will use.

All of it stands below `release-manifests/` in one layer, usually the last, which `oc adm release new` puts on top. It is
read from the top down and counts for nothing until the digest of the release image was verified.
*/

mod layer;
pub mod references;

use std::collections::BTreeMap;

use registry::{RawManifest, Slice};
use schema::{
    Digest, Manifest, Selector,
    manifest::{Blob, Child},
    readings::{self, Shape},
};

use layer::{Files, Wanted};
use references::{Component, ImageReferences};

use super::trust::{PayloadTrust, VERIFICATION_ANNOTATION};
use crate::{Error, source::Source};

/// Where everything stands.
const DIRECTORY: &str = "release-manifests/";

/// The most bytes of one manifest of a release: 2 MiB, more than a cluster takes.
const MANIFEST_LIMIT: u64 = 2 << 20;

/// The most bytes of layers that are searched, as they are stored: 512 MiB. What is no release is found out by then.
const SEARCH_LIMIT: u64 = 512 << 20;

/// The most images of a list. Real ones have five at most, one for each architecture.
const IMAGES_LIMIT: usize = 32;

/// The most bytes of an image config.
const CONFIG_LIMIT: u64 = 1 << 20;

/// A release image, read.
#[derive(Debug)]
pub struct Payload {
    /// `metadata.name` of image-references.
    pub version: String,
    /// As `oc` spells it in tags: `x86_64`, `aarch64`, `s390x`, …, `multi`.
    pub architecture: String,
    /// Every image of the release.
    pub components: Vec<Component>,
    /// Versions that can be updated to it.
    pub previous: Vec<String>,
    /// The keys and stores in it, if it has any.
    pub trust: Option<PayloadTrust>,
}

/// Reads the payload of a release image, or of each image of a list, which must agree.
pub async fn read(source: &Source, top: &RawManifest, display_ref: &str) -> Result<Payload, Error> {
    let reader = Reader {
        source,
        display_ref,
    };
    let parsed = reader.parse(top)?;
    if !top.media_type.is_index() {
        return reader.image(&parsed).await;
    }
    let machines = machines(&parsed);
    if machines.len() > IMAGES_LIMIT {
        let found = machines.len();
        return Err(reader.refused(format!(
            "its list names {found} images, more than {IMAGES_LIMIT}"
        )));
    }
    let mut whole: Option<Payload> = None;
    for child in machines {
        let raw = source.manifest(&Selector::Digest(child.digest)).await?;
        let payload = reader.image(&reader.parse(&raw)?).await?;
        whole = Some(match whole {
            None => payload,
            Some(whole) => reader.together(whole, payload)?,
        });
    }
    let whole = whole.ok_or_else(|| reader.refused("its list names no image".to_owned()))?;
    Ok(Payload {
        architecture: "multi".to_owned(),
        ..whole
    })
}

/// `io.openshift.release` of an image's config, which only release images have: the version. None for any other image,
/// and for a label that is no version.
pub async fn version_label(source: &Source, top: &RawManifest) -> Result<Option<String>, Error> {
    let display_ref = top.digest.to_string();
    let reader = Reader {
        source,
        display_ref: &display_ref,
    };
    let mut parsed = reader.parse(top)?;
    if top.media_type.is_index() {
        let Some(found) = reader.any(&machines(&parsed)).await? else {
            return Ok(None);
        };
        parsed = found;
    }
    Ok(reader
        .config(&parsed)
        .await?
        .and_then(|config| config.release())
        .and_then(|label| references::version(label).ok()))
}

/// The images of a list that are for some machine: where one says for which, those that do not are attestations.
fn machines(list: &Manifest) -> Vec<&Child> {
    let named = list.children.iter().any(|child| child.platform.is_some());
    let real = |child: &&Child| !named || child.platform.is_some();
    list.children.iter().filter(real).collect()
}

struct Reader<'a> {
    source: &'a Source,
    display_ref: &'a str,
}

impl Reader<'_> {
    fn parse(&self, raw: &RawManifest) -> Result<Manifest, Error> {
        Manifest::parse(&raw.bytes, raw.media_type).map_err(|source| Error::Manifest {
            image: format!("{} ({})", self.display_ref, raw.digest),
            source,
        })
    }

    /// The first of these images that is there: a directory may hold only some of a list.
    async fn any(&self, children: &[&Child]) -> Result<Option<Manifest>, Error> {
        for child in children {
            match self.source.manifest(&Selector::Digest(child.digest)).await {
                Ok(raw) => return self.parse(&raw).map(Some),
                Err(Error::Absent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn image(&self, manifest: &Manifest) -> Result<Payload, Error> {
        let config = self.config(manifest).await?;
        let files = self.files(manifest, config.as_ref()).await?;
        let part = |name: &str| files.get(&format!("{DIRECTORY}{name}"));
        let refused = |reason: String| self.refused(reason);
        let text = part("image-references")
            .map(Vec::as_slice)
            .unwrap_or_default();
        let ImageReferences {
            version,
            components,
        } = ImageReferences::parse(text).map_err(refused)?;
        let previous = part("release-metadata").map(|text| references::previous(text));
        let previous = previous.transpose().map_err(refused)?.unwrap_or_default();
        let architecture = config.map(|config| config.architecture).unwrap_or_default();
        let architecture = match architecture.as_str() {
            "" => {
                return Err(
                    self.refused("its config does not say for which architecture it is".to_owned())
                );
            }
            "amd64" => "x86_64".to_owned(),
            "arm64" => "aarch64".to_owned(),
            _ => architecture,
        };
        Ok(Payload {
            version,
            architecture,
            components,
            previous,
            trust: self.trust(&files),
        })
    }

    /// The files of the topmost layer that has image-references.
    async fn files(&self, manifest: &Manifest, config: Option<&Config>) -> Result<Files, Error> {
        let mut searched: u64 = 0;
        for layer in manifest.blobs.iter().skip(1).rev() {
            // Sizes are whatever the manifest says.
            searched = searched.saturating_add(layer.size);
            if searched > SEARCH_LIMIT {
                break;
            }
            let content = self.source.stream(layer);
            let files = layer::search(content, *layer, self.display_ref, Manifests).await?;
            if files.contains_key(&format!("{DIRECTORY}image-references")) {
                return Ok(files);
            }
        }
        let label = match config.and_then(Config::release) {
            Some(version) => format!("though it is labelled as release {version:?}"),
            None => "and it is not labelled as one either".to_owned(),
        };
        Err(self.refused(format!(
            "it is no OpenShift release: no layer holds {DIRECTORY}image-references, {label}; name the release image itself (…/ocp-release:VERSION-ARCH), or take another image with --image"
        )))
    }

    /// From the first ConfigMap, in the order of file names, that says it is about verification. The operator's keys
    /// decide, so one that is of no use is a warning and does not end the build.
    fn trust(&self, files: &Files) -> Option<PayloadTrust> {
        for (path, bytes) in files {
            // A manifest that is none of ours to judge need not be readable.
            let found = manifests::read(bytes).unwrap_or_default();
            let mut found = found.iter().map(|object| &object.value);
            if let Some(object) = found.find(|object| PayloadTrust::is_config_map(object)) {
                let read = PayloadTrust::from_config_map(object);
                return read
                    .inspect_err(|error| {
                        tracing::warn!(
                            "release {}: clusters cannot use its {path}: {error}",
                            self.display_ref
                        );
                    })
                    .ok();
            }
        }
        None
    }

    /// Both in one: every component of both, of which none may be two things.
    fn together(&self, mut whole: Payload, other: Payload) -> Result<Payload, Error> {
        if whole.version != other.version {
            return Err(self.refused(format!(
                "its images disagree: one is version {}, another {}",
                whole.version, other.version
            )));
        }
        let known: BTreeMap<_, _> = whole
            .components
            .iter()
            .map(|one| (&one.name, one.digest))
            .collect();
        let mut new = Vec::new();
        for component in other.components {
            match known.get(&component.name) {
                Some(digest) if *digest == component.digest => {}
                Some(digest) => {
                    return Err(self.refused(format!(
                        "its images disagree: component {:?} is {digest} in one and {} in another",
                        component.name, component.digest
                    )));
                }
                None => new.push(component),
            }
        }
        whole.components.extend(new);
        Ok(whole)
    }

    async fn config(&self, manifest: &Manifest) -> Result<Option<Config>, Error> {
        let Some(blob @ Blob { size, .. }) = manifest
            .blobs
            .first()
            .filter(|blob| blob.size <= CONFIG_LIMIT)
        else {
            return Ok(None);
        };
        let Slice::Bytes(bytes) = self.source.slice(blob, 0, *size).await? else {
            return Ok(None);
        };
        let found = Digest::of(&bytes);
        if found != blob.digest {
            let expected = blob.digest;
            return Err(self.refused(format!("its config has digest {found}, its manifest says {expected}; check the source or a proxy on the way")));
        }
        if let Some(reason) = readings::differ(&bytes, Shape::ImageConfig) {
            return Err(self.refused(format!(
                "two programs could read its config differently: {reason}"
            )));
        }
        // What is no image has another config.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    fn refused(&self, reason: String) -> Error {
        Error::Payload {
            release: self.display_ref.to_owned(),
            reason,
        }
    }
}

/// What is of interest in an image config (image-spec, "Image Configuration").
#[derive(Debug, serde::Deserialize)]
struct Config {
    architecture: String,
    #[serde(default)]
    config: Option<Execution>,
}

#[derive(Debug, serde::Deserialize)]
struct Execution {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

impl Config {
    fn release(&self) -> Option<String> {
        let labels = self.config.as_ref()?.labels.as_ref()?;
        labels.get("io.openshift.release").cloned()
    }
}

/// The two lists, and manifests that speak of verification.
struct Manifests;

impl Wanted for Manifests {
    fn limit(&self, path: &str) -> Option<u64> {
        match path.strip_prefix(DIRECTORY)? {
            nested if nested.contains('/') => None,
            "image-references" | "release-metadata" => Some(references::LIMIT),
            name if [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| name.ends_with(end)) =>
            {
                Some(MANIFEST_LIMIT)
            }
            _ => None,
        }
    }

    fn keeps(&self, path: &str, content: &[u8]) -> bool {
        let mark = VERIFICATION_ANNOTATION.as_bytes();
        let marked = || content.windows(mark.len()).any(|part| part == mark);
        !path.contains('.') || marked()
    }
}
