/*!
Images to move: made here, deterministic, and as varied as what is met outside.

An [`Image`] is what one tag of one repository leads to, bytes and all. It can be placed in an embedded registry, pushed
to any other, or written to disk in the two layouts that the programs read.
*/

mod disk;
mod layer;
mod push;
mod set;

use std::collections::BTreeMap;

use bytes::Bytes;
use schema::{Digest, MediaType, Repository, Tag};
use serde_json::{Value, json};

pub use layer::{Blob, Compression, Content, Layer, Random};
pub use push::Remote;
pub use set::Set;

/// What all machines here run.
const OS: &str = "linux";

/// Whose media types an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/vnd.docker.…`
    Docker,
    /// `application/vnd.oci.…`
    Oci,
}

/// What an image holds for one kind of Linux machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its CPU, in Go's words: `amd64`.
    pub architecture: String,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// Labels of the image's config.
    pub labels: BTreeMap<String, String>,
}

impl Machine {
    /// One without labels.
    pub fn new(architecture: &str, layers: Vec<Layer>) -> Self {
        Self {
            architecture: architecture.to_owned(),
            layers,
            labels: BTreeMap::new(),
        }
    }

    /// Adds a label.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }
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
        let amd64 = Machine::new("amd64", layers.to_vec());
        let (repository, tag) = (repository.parse()?, Some(tag.parse()?));
        Ok(Self::of_machine(repository, tag, format, &amd64))
    }

    /// An image for several machines, given as Linux architectures.
    pub fn multi(
        repository: &str,
        tag: &str,
        format: Format,
        machines: &[(&str, Vec<Layer>)],
    ) -> anyhow::Result<Self> {
        let machines: Vec<Machine> = machines
            .iter()
            .map(|(architecture, layers)| Machine::new(architecture, layers.clone()))
            .collect();
        let (repository, tag) = (repository.parse()?, Some(tag.parse()?));
        Ok(Self::of_machines(repository, tag, format, &machines))
    }

    /// An image for one machine.
    pub fn of_machine(
        repository: Repository,
        tag: Option<Tag>,
        format: Format,
        machine: &Machine,
    ) -> Self {
        let (root, blobs) = manifest(format, machine);
        Self {
            repository,
            tag,
            root,
            children: Vec::new(),
            blobs,
        }
    }

    /// A list of images, one for each machine.
    pub fn of_machines(
        repository: Repository,
        tag: Option<Tag>,
        format: Format,
        machines: &[Machine],
    ) -> Self {
        let (mut children, mut blobs, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for machine in machines {
            let (child, of_child) = manifest(format, machine);
            entries.push(json!({
                "mediaType": child.media_type, "digest": child.digest, "size": child.bytes.len(),
                "platform": {"os": OS, "architecture": machine.architecture},
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
        Self {
            repository,
            tag,
            root,
            children,
            blobs,
        }
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

fn manifest(format: Format, machine: &Machine) -> (Made, Vec<Blob>) {
    let layers = &machine.layers;
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    let mut run = json!({"Entrypoint": ["/usr/bin/app"]});
    if !machine.labels.is_empty() {
        run["Labels"] = json!(machine.labels);
    }
    let config = Blob::new(
        json!({
            "architecture": machine.architecture, "os": OS, "created": "2024-01-01T00:00:00Z",
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        })
        .to_string(),
    );
    let (media_type, config_type, layer_type, gzip) = match format {
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
            let suffix = match layer.compression {
                Compression::Gzip => gzip,
                Compression::None => "",
                Compression::Zstd => "+zstd",
            };
            entry(format!("{layer_type}{suffix}"), &layer.blob)
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
