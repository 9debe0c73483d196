/*!
Images to move: made here, deterministic, and as varied as what is met outside.

An [`Image`] is what one tag of one repository leads to, bytes and all. It can be placed in an embedded registry, pushed
to any other, or written to disk in the two layouts that the programs read.
*/

mod disk;
mod layer;
mod push;
mod set;

use bytes::Bytes;
use schema::{Digest, MediaType, Platform, Repository, Tag};
use serde_json::{Value, json};

pub use layer::{Blob, Content, Layer, Random};
pub use push::Remote;
pub use set::Set;

/// Whose media types an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/vnd.docker.…`
    Docker,
    /// `application/vnd.oci.…`
    Oci,
}

/// A manifest with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// The bytes.
    pub bytes: Bytes,
}

/// Everything that one tag, or one untagged manifest, leads to.
#[derive(Debug, Clone)]
pub struct Image {
    /// Where it belongs.
    pub repository: Repository,
    /// Its tag, if it has one.
    pub tag: Option<Tag>,
    /// The manifest the tag names.
    pub root: Made,
    /// Manifests the root lists, in its order.
    pub children: Vec<Made>,
    /// Configs and layers; one may appear more than once.
    pub blobs: Vec<Blob>,
}

impl Image {
    /// An image for one machine, `linux/amd64`.
    pub fn single(
        repository: &str,
        tag: &str,
        format: Format,
        layers: &[Layer],
    ) -> anyhow::Result<Self> {
        let amd64 = platform("amd64");
        let (root, blobs) = manifest(format, &amd64, layers);
        Ok(Self {
            repository: repository.parse()?,
            tag: Some(tag.parse()?),
            root,
            children: Vec::new(),
            blobs,
        })
    }

    /// An image for several machines, given as Linux architectures.
    pub fn multi(
        repository: &str,
        tag: &str,
        format: Format,
        machines: &[(&str, Vec<Layer>)],
    ) -> anyhow::Result<Self> {
        let (mut children, mut blobs, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for (architecture, layers) in machines {
            let platform = platform(architecture);
            let (child, of_child) = manifest(format, &platform, layers);
            entries.push(json!({
                "mediaType": child.media_type, "digest": child.digest, "size": child.bytes.len(),
                "platform": {"os": platform.os, "architecture": platform.architecture},
            }));
            children.push(child);
            blobs.extend(of_child);
        }
        let media_type = match format {
            Format::Docker => MediaType::DockerList,
            Format::Oci => MediaType::OciIndex,
        };
        let root = made(
            media_type,
            &json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}),
        );
        Ok(Self {
            repository: repository.parse()?,
            tag: Some(tag.parse()?),
            root,
            children,
            blobs,
        })
    }

    /// An artifact that is no image: an empty config and one blob (image-spec, "Guidelines for Artifact Usage").
    pub fn artifact(
        repository: &str,
        tag: &str,
        artifact_type: &str,
        payload: &[u8],
    ) -> anyhow::Result<Self> {
        let (root, blobs) = artifact(artifact_type, payload, None);
        Ok(Self {
            repository: repository.parse()?,
            tag: Some(tag.parse()?),
            root,
            children: Vec::new(),
            blobs,
        })
    }

    /// An untagged artifact about this image, found by the referrers API only.
    pub fn referrer(&self, artifact_type: &str, payload: &[u8]) -> Self {
        let (root, blobs) = artifact(artifact_type, payload, Some(&self.root));
        Self {
            repository: self.repository.clone(),
            tag: None,
            root,
            children: Vec::new(),
            blobs,
        }
    }

    /// The fallback index, tagged `sha256-<hex>`, that names these referrers where there is no referrers API.
    pub fn fallback_index(&self, referrers: &[Image]) -> anyhow::Result<Self> {
        let entries: Vec<Value> = referrers
            .iter()
            .map(|referrer| descriptor(&referrer.root))
            .collect();
        let media_type = MediaType::OciIndex;
        let root = made(
            media_type,
            &json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}),
        );
        Ok(Self {
            repository: self.repository.clone(),
            tag: Some(format!("sha256-{}", self.root.digest.hex()).parse()?),
            root,
            children: referrers
                .iter()
                .map(|referrer| referrer.root.clone())
                .collect(),
            blobs: referrers
                .iter()
                .flat_map(|referrer| referrer.blobs.clone())
                .collect(),
        })
    }

    /// A signature as cosign stores it, tagged `sha256-<hex>.sig`. Nothing in it is a real signature.
    pub fn signature(&self) -> anyhow::Result<Self> {
        let payload = json!({"critical": {"image": {"docker-manifest-digest": self.root.digest}}})
            .to_string();
        let (root, blobs) = artifact(
            "application/vnd.dev.cosign.artifact.sig.v1+json",
            payload.as_bytes(),
            None,
        );
        let tag = format!("sha256-{}.sig", self.root.digest.hex()).parse()?;
        Ok(Self {
            repository: self.repository.clone(),
            tag: Some(tag),
            root,
            children: Vec::new(),
            blobs,
        })
    }

    /// `HOST/REPOSITORY:TAG`, or by digest without a tag.
    pub fn reference(&self, host: &str) -> String {
        match &self.tag {
            Some(tag) => format!("{host}/{}:{tag}", self.repository),
            None => format!("{host}/{}@{}", self.repository, self.root.digest),
        }
    }

    /// Children first, the root last: the order in which registries take them.
    pub fn manifests(&self) -> impl Iterator<Item = &Made> {
        self.children.iter().chain([&self.root])
    }
}

fn manifest(format: Format, platform: &Platform, layers: &[Layer]) -> (Made, Vec<Blob>) {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    let config = Blob::new(
        json!({
            "architecture": platform.architecture, "os": platform.os, "created": "2024-01-01T00:00:00Z",
            "config": {"Entrypoint": ["/usr/bin/app"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        })
        .to_string(),
    );
    let (media_type, config_type, layer_type, suffix) = match format {
        Format::Docker => (
            MediaType::DockerManifest,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar",
            ".gzip",
        ),
        Format::Oci => (
            MediaType::OciManifest,
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar",
            "+gzip",
        ),
    };
    let entry = |media_type: String, blob: &Blob| json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size});
    let listed: Vec<Value> = layers
        .iter()
        .map(|layer| {
            entry(
                format!("{layer_type}{}", if layer.gzip { suffix } else { "" }),
                &layer.blob,
            )
        })
        .collect();
    let root = made(
        media_type,
        &json!({"schemaVersion": 2, "mediaType": media_type, "config": entry(config_type.into(), &config), "layers": listed}),
    );
    let blobs = [config]
        .into_iter()
        .chain(layers.iter().map(|layer| layer.blob.clone()))
        .collect();
    (root, blobs)
}

fn artifact(artifact_type: &str, payload: &[u8], subject: Option<&Made>) -> (Made, Vec<Blob>) {
    let (config, payload) = (Blob::new("{}"), Blob::new(payload.to_vec()));
    let media_type = MediaType::OciManifest;
    let mut body = json!({
        "schemaVersion": 2, "mediaType": media_type, "artifactType": artifact_type,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": "application/octet-stream", "digest": payload.digest, "size": payload.size}],
    });
    if let (Some(subject), Some(fields)) = (subject, body.as_object_mut()) {
        fields.insert("subject".into(), descriptor(subject));
    }
    (made(media_type, &body), vec![config, payload])
}

fn descriptor(made: &Made) -> Value {
    json!({"mediaType": made.media_type, "digest": made.digest, "size": made.bytes.len()})
}

fn made(media_type: MediaType, body: &Value) -> Made {
    let bytes = Bytes::from(body.to_string());
    Made {
        digest: Digest::of(&bytes),
        media_type,
        bytes,
    }
}

fn platform(architecture: &str) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: None,
    }
}
