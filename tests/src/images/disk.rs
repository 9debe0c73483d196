/*!
Images on disk, in the two layouts that `--from-dir` reads: an OCI image layout, and the directory that
`oc image mirror --dir` writes (blobs, manifests as hard links, tags as relative symlinks).
*/

use std::{fs, os::unix::fs::symlink, path::Path};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Blob, Set};

impl Set {
    /// Writes an OCI image layout (image-spec, "Image Layout"); images are named by
    /// `org.opencontainers.image.ref.name`, as `REPOSITORY:TAG`.
    pub fn write_oci_layout(&self, directory: &Path) -> Result<()> {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("cannot create {}", blobs.display()))?;
        let mut entries = Vec::new();
        for image in &self.images {
            for blob in &image.blobs {
                place(blob, &blobs.join(blob.digest.hex()))?;
            }
            for made in image.manifests() {
                fs::write(blobs.join(made.digest.hex()), &made.bytes)?;
            }
            let mut entry = json!({"mediaType": image.root.media_type, "digest": image.root.digest, "size": image.root.bytes.len()});
            if let (Some(tag), Some(fields)) = (&image.tag, entry.as_object_mut()) {
                let name = format!("{}:{tag}", image.repository);
                fields.insert(
                    "annotations".into(),
                    json!({"org.opencontainers.image.ref.name": name}),
                );
            }
            entries.push(entry);
        }
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
        fs::write(directory.join("index.json"), index.to_string())?;
        fs::write(
            directory.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        Ok(())
    }

    /// Writes `v2/<repository>/{blobs,manifests}/…` as `oc image mirror --dir` does.
    pub fn write_mirror(&self, directory: &Path) -> Result<()> {
        for image in &self.images {
            let repository = directory.join("v2").join(image.repository.as_str());
            let (blobs, manifests) = (repository.join("blobs"), repository.join("manifests"));
            fs::create_dir_all(&blobs)
                .with_context(|| format!("cannot create {}", blobs.display()))?;
            fs::create_dir_all(&manifests)?;
            for blob in &image.blobs {
                place(blob, &blobs.join(blob.digest.to_string()))?;
            }
            for made in image.manifests() {
                let name = made.digest.to_string();
                if !manifests.join(&name).exists() {
                    fs::write(blobs.join(&name), &made.bytes)?;
                    fs::hard_link(blobs.join(&name), manifests.join(&name))?;
                }
            }
            if let Some(tag) = &image.tag {
                symlink(image.root.digest.to_string(), manifests.join(tag.as_str()))?;
            }
        }
        Ok(())
    }
}

fn place(blob: &Blob, path: &Path) -> Result<()> {
    if path.exists() {
        Ok(())
    } else {
        blob.write_to(path)
    }
}
