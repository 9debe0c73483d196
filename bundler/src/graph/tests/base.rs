/*! A base image in an OCI layout, of any shape. */

use std::{collections::HashMap, fs, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use schema::{
    Digest, MediaType,
    bundle::{Attached, Image},
};
use serde_json::{Value, json};

use crate::{
    resolve::{Carried, Resolved},
    source::{Disk, Source},
};

/// A base image in an OCI layout.
pub(super) struct Base {
    pub root: tempfile::TempDir,
    pub manifests: HashMap<Digest, Carried>,
}

impl Base {
    pub(super) fn new() -> io::Result<Self> {
        let root = tempfile::tempdir()?;
        fs::create_dir_all(root.path().join("blobs/sha256"))?;
        fs::write(root.path().join("index.json"), r#"{"manifests":[]}"#)?;
        Ok(Self {
            root,
            manifests: HashMap::new(),
        })
    }

    pub(super) fn blob(&self, content: &Value) -> io::Result<(Digest, usize)> {
        let bytes = content.to_string();
        let digest = Digest::of(bytes.as_bytes());
        fs::write(self.path(&digest), &bytes)?;
        Ok((digest, bytes.len()))
    }

    pub(super) fn path(&self, blob: &Digest) -> PathBuf {
        self.root.path().join("blobs/sha256").join(blob.hex())
    }

    pub(super) fn manifest(
        &mut self,
        media_type: MediaType,
        body: &Value,
    ) -> Result<Digest, Box<dyn std::error::Error>> {
        let made = Carried::made(Bytes::from(body.to_string()), media_type)?;
        let digest = made.raw.digest;
        self.manifests.insert(digest, made);
        Ok(digest)
    }

    /// An image of one layer with this config. Its layer is nowhere: nobody needs it yet.
    pub(super) fn image(
        &mut self,
        media_type: MediaType,
        config: &Value,
    ) -> Result<Digest, Box<dyn std::error::Error>> {
        let (config, size) = self.blob(config)?;
        let (config_type, layer_type) = types(media_type);
        let body = json!({
            "schemaVersion": 2,
            "mediaType": media_type.as_str(),
            "config": {"mediaType": config_type, "digest": config, "size": size, "data": "e30="},
            "layers": [{"mediaType": layer_type, "digest": Digest::of(b"layer"), "size": 5}],
            "annotations": {"org.opencontainers.image.revision": "of the base"},
        });
        self.manifest(media_type, &body)
    }

    pub(super) fn resolved(&self, digest: Digest) -> Result<Resolved, Box<dyn std::error::Error>> {
        let disk = Arc::new(Disk::open(self.root.path())?);
        Ok(Resolved {
            image: Image {
                repository: "ubi9".parse()?,
                digest,
                tags: vec!["latest".parse()?],
                source: "registry.example/ubi9:latest".to_owned(),
                platforms: vec!["linux/amd64".parse()?],
                selected_from: None,
                attached: vec![Attached {
                    digest: Digest::of(b"sig"),
                    tag: None,
                }],
            },
            source: Source::Disk(disk, "ubi9".parse()?),
            manifests: self.manifests.clone(),
            blobs_in_memory: HashMap::new(),
            foreign_sources: HashMap::new(),
            left_out: Vec::new(),
        })
    }
}

pub(super) fn types(media_type: MediaType) -> (&'static str, &'static str) {
    match media_type {
        MediaType::DockerManifest => (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        _ => (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
    }
}
