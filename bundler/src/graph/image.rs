/*!
A base image with the data on top: for each platform one more layer and another command, nothing else.

Only the base's configs are read; its layers stay where they are until the bundle is written. What the base's manifests
state about the base (annotations, a subject, signatures) does not hold for this image, which names its base instead.
*/

use std::collections::HashMap;

use bytes::Bytes;
use registry::Slice;
use schema::{
    Digest, MediaType, Repository,
    bundle::{Image, Missing},
    manifest::{Blob, MANIFEST_LIMIT, ManifestError},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{GraphData, GraphError, image_config, layer::Layer};
use crate::{
    Error,
    resolve::{Carried, Resolved},
};

/// The annotation that names a base (image-spec, "Pre-Defined Annotation Keys").
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// Makes the update graph image: `base`, as it was resolved, with `data` on top, for `repository` of the bundle.
///
/// Docker's and OCI's flavour are kept, and so are all platforms of an index; its attestations are left out. The digest
/// follows from the base's digest and the data alone. The tag is `graph-` and the first 12 hex digits of that digest,
/// so it never moves. Of the base, nothing but configs is fetched, each of at most 4 MiB.
pub async fn image(
    base: Resolved,
    data: &GraphData,
    repository: Repository,
) -> Result<Resolved, Error> {
    let layer = Layer::of(data)?;
    let mut builder = ImageBuilder {
        base: &base,
        layer: &layer,
        version: data.version(),
        manifests: HashMap::new(),
        blobs_in_memory: HashMap::from([(layer.digest, layer.bytes.clone())]),
    };
    let top = builder.carried(&base.image.digest)?;
    let digest = if top.raw.media_type.is_index() {
        builder.index(top).await?
    } else {
        builder.manifest(top).await?
    };
    let tag = format!("graph-{}", &digest.hex()[..12]).parse();
    let tag = tag.map_err(|error| builder.unfit(&digest, &format!("{error}")))?;
    let ImageBuilder {
        manifests,
        blobs_in_memory,
        ..
    } = builder;
    let left_out = base.left_out.into_iter().map(|layer| Missing {
        repository: repository.clone(),
        ..layer
    });
    Ok(Resolved {
        left_out: left_out.collect(),
        foreign_sources: base.foreign_sources,
        image: Image {
            repository,
            digest,
            tags: vec![tag],
            source: format!(
                "update graph {} on {} ({})",
                data.version(),
                base.image.source,
                base.image.digest
            ),
            platforms: base.image.platforms,
            selected_from: None,
            attached: Vec::new(),
        },
        source: base.source,
        manifests,
        blobs_in_memory,
    })
}

/// An image on its way.
struct ImageBuilder<'a> {
    base: &'a Resolved,
    layer: &'a Layer,
    version: &'a str,
    manifests: HashMap<Digest, Carried>,
    blobs_in_memory: HashMap<Digest, Bytes>,
}

impl<'a> ImageBuilder<'a> {
    fn carried(&self, digest: &Digest) -> Result<&'a Carried, Error> {
        let carried = self.base.manifests.get(digest);
        carried.ok_or_else(|| self.unfit(digest, "one of its manifests is missing"))
    }

    /// The same index over the images made from its images.
    async fn index(&mut self, base: &Carried) -> Result<Digest, Error> {
        #[derive(Deserialize)]
        struct Body {
            manifests: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            digest: Digest,
            platform: Option<Value>,
        }
        let digest = base.raw.digest;
        let body: Body = self.read(base)?;
        let mut entries = Vec::new();
        for entry in body.manifests {
            let attestation = |platform: &Value| platform["os"] == "unknown";
            // With --sparse-index some are not there.
            let Some(child) = self.base.manifests.get(&entry.digest) else {
                continue;
            };
            if entry.platform.as_ref().is_some_and(attestation) {
                continue;
            }
            if child.raw.media_type.is_index() {
                return Err(self.unfit(&digest, "it lists another index, expected images"));
            }
            let made = self.manifest(child).await?;
            let Some(made) = self.manifests.get(&made) else {
                continue;
            };
            let mut listed = descriptor(
                made.raw.media_type.as_str(),
                made.raw.digest,
                made.raw.bytes.len(),
            );
            listed.extend(
                entry
                    .platform
                    .map(|platform| ("platform".to_owned(), platform)),
            );
            entries.push(Value::from(listed));
        }
        if entries.is_empty() {
            return Err(self.unfit(&digest, "it lists no image"));
        }
        self.keep(base, json!({ "manifests": entries }))
    }

    /// The same image with one more layer, and its config to match.
    async fn manifest(&mut self, base: &Carried) -> Result<Digest, Error> {
        #[derive(Deserialize)]
        struct Body {
            config: Config,
            layers: Vec<Value>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Config {
            media_type: String,
        }
        let layer_type = match base.raw.media_type {
            MediaType::DockerManifest => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            MediaType::OciManifest => "application/vnd.oci.image.layer.v1.tar+gzip",
            _ => return Err(self.unfit(&base.raw.digest, "it is an artifact, expected an image")),
        };
        let Body { config, mut layers } = self.read(base)?;
        if !matches!(
            config.media_type.as_str(),
            "application/vnd.docker.container.image.v1+json"
                | "application/vnd.oci.image.config.v1+json"
        ) {
            let reason = format!(
                "its config is of type {:?}, expected that of an image",
                config.media_type
            );
            return Err(self.unfit(&base.raw.digest, &reason));
        }
        let read = self.config(base).await?;
        let made = image_config::with_layer(&read, layers.len(), &self.layer.diff_id, self.version)
            .map_err(|reason| self.unfit(&base.raw.digest, &reason))?;
        let made = Bytes::from(made);
        let added = descriptor(layer_type, self.layer.digest, self.layer.bytes.len());
        layers.push(Value::from(added));
        let config = descriptor(&config.media_type, Digest::of(&made), made.len());
        self.blobs_in_memory.insert(Digest::of(&made), made);
        self.keep(base, json!({ "config": config, "layers": layers }))
    }

    /// The bytes of an image's config, digest checked.
    async fn config(&self, base: &Carried) -> Result<Bytes, Error> {
        let unfit = |reason: &str| self.unfit(&base.raw.digest, reason);
        let blob: &Blob = base
            .parsed
            .blobs
            .first()
            .ok_or_else(|| unfit("it has no config"))?;
        if blob.size > MANIFEST_LIMIT {
            return Err(unfit("its config has more than 4 MiB"));
        }
        let Slice::Bytes(bytes) = self.base.source.slice(blob, 0, blob.size).await? else {
            return Err(unfit("its registry does not give its config whole"));
        };
        let found = Digest::of(&bytes);
        if found != blob.digest {
            return Err(Error::WrongBytes {
                image: self.base.image.source.clone(),
                expected: blob.digest.to_string(),
                found: found.to_string(),
            });
        }
        Ok(bytes)
    }

    /// Completes a manifest of the base's type and takes it.
    fn keep(&mut self, base: &Carried, mut body: Value) -> Result<Digest, Error> {
        let media_type = base.raw.media_type;
        body["schemaVersion"] = 2.into();
        body["mediaType"] = media_type.as_str().into();
        if matches!(media_type, MediaType::OciIndex | MediaType::OciManifest) {
            body["annotations"] = json!({ BASE_DIGEST: base.raw.digest });
        }
        let bytes = Bytes::from(image_config::sorted(body));
        let made = Carried::made(bytes, media_type).map_err(|error| self.broken(error))?;
        let digest = made.raw.digest;
        self.manifests.insert(digest, made);
        Ok(digest)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, manifest: &Carried) -> Result<T, Error> {
        serde_json::from_slice(&manifest.raw.bytes)
            .map_err(|error| self.broken(ManifestError::Malformed(error.to_string())))
    }

    fn broken(&self, source: ManifestError) -> Error {
        let image = self.base.image.source.clone();
        Error::Manifest { image, source }
    }

    fn unfit(&self, manifest: &Digest, reason: &str) -> Error {
        Error::from(GraphError::Base {
            image: format!("{} ({manifest})", self.base.image.source),
            reason: reason.to_owned(),
        })
    }
}

fn descriptor(media_type: &str, digest: Digest, size: usize) -> Map<String, Value> {
    let fields = [
        ("mediaType", Value::from(media_type)),
        ("digest", Value::from(digest.to_string())),
        ("size", Value::from(size)),
    ];
    fields
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}
