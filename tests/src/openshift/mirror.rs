/*!
The directory that `oc adm release mirror --to-dir` writes: everything in one repository, and the signatures beside it.

Also what becomes of it on the way: names that Windows can hold, leftovers of runs that were cut, altered bytes. Sources:
`oc` `pkg/cli/image/imagesource/file.go` and library-go `pkg/verify/store/configmap`.
*/

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use schema::{Digest, Repository};

use super::Release;
use crate::images::Set;

/// What is wrong or strange with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// A byte of a layer is another.
    AlteredBlob,
    /// A component's manifest has a space more: still sound JSON, but another digest.
    AlteredManifest,
    /// `blobs/sha256:<hex>.download`, the start of a blob whose download was cut.
    LeftoverDownload,
    /// `manifests/<tag>.download`, a link that was never renamed.
    LeftoverTag,
    /// `blobs/.tmp-…`, an upload of unknown size that was cut.
    LeftoverTemporary,
    /// `sha256-<hex>` in place of `sha256:<hex>`, as `oc` names files on Windows.
    WindowsNames,
}

impl Release {
    /// Writes `v2/openshift/release/…` and, if there are signatures, `config/signature-sha256-<16 hex>.json`, with the
    /// modes that `oc` gives them. Gives the files that the quirks made or changed, in the order of the quirks.
    pub fn write_mirror_dir(
        &self,
        directory: &Path,
        signatures: &[Vec<u8>],
        quirks: &[Quirk],
    ) -> Result<Vec<PathBuf>> {
        self.mirrored()?.write_mirror(directory)?;
        let repository = directory.join("v2/openshift/release");
        for folder in ["blobs", "manifests"] {
            for path in listed(&repository.join(folder))? {
                if path.symlink_metadata()?.is_file() {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                }
            }
        }
        if !signatures.is_empty() {
            self.write_signatures(&directory.join("config"), signatures)?;
        }
        let changed = quirks.iter().map(|quirk| self.apply(*quirk, &repository));
        changed.collect()
    }

    /// What `oc` makes of the release: all in `openshift/release`, tagged `<release tag>-<component>`, without `.sig` tags.
    fn mirrored(&self) -> Result<Set> {
        let repository: Repository = "openshift/release".parse()?;
        let mut images = Vec::new();
        for (name, digest) in &self.components {
            if let Some(image) = self.image_of(digest) {
                let mut image = image.clone();
                image.repository = repository.clone();
                image.tag = Some(format!("{}-{name}", self.tag).parse()?);
                images.push(image);
            }
        }
        let mut image = self.image.clone();
        image.repository = repository;
        images.push(image);
        Ok(Set { images })
    }

    fn write_signatures(&self, config: &Path, signatures: &[Vec<u8>]) -> Result<()> {
        fs::create_dir(config).with_context(|| format!("cannot create {}", config.display()))?;
        fs::set_permissions(config, fs::Permissions::from_mode(0o750))?;
        let digest = self.digest();
        let name = format!("signature-sha256-{}.json", &digest.hex()[..16]);
        let path = config.join(name);
        fs::write(&path, signature_config_map(&digest, signatures))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        Ok(())
    }

    fn apply(&self, quirk: Quirk, repository: &Path) -> Result<PathBuf> {
        let (blobs, manifests) = (repository.join("blobs"), repository.join("manifests"));
        let component = self.images.images.first();
        let component = component.context("a release without components has nothing to alter")?;
        let layer = component.blobs.last().context("an image without layers")?;
        let path = match quirk {
            Quirk::AlteredBlob => {
                let path = named(&blobs, &layer.digest);
                let mut bytes = fs::read(&path)?;
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes)?;
                path
            }
            Quirk::AlteredManifest => {
                // A hard link: the blob of this name changes too.
                let path = named(&manifests, &component.root.digest);
                let mut bytes = fs::read(&path)?;
                bytes.push(b' ');
                fs::write(&path, bytes)?;
                path
            }
            Quirk::LeftoverDownload => {
                let path = blobs.join(format!("{}.download", Digest::of(b"never finished")));
                fs::write(&path, "the start of a blob")?;
                path
            }
            Quirk::LeftoverTag => {
                let path = manifests.join(format!("{}.download", self.tag));
                symlink(self.digest().to_string(), &path)?;
                path
            }
            Quirk::LeftoverTemporary => {
                let path = blobs.join(".tmp-123456789");
                fs::write(&path, "the start of a blob")?;
                path
            }
            Quirk::WindowsNames => {
                for folder in [&blobs, &manifests] {
                    listed(folder)?.into_iter().try_for_each(for_windows)?;
                }
                repository.to_owned()
            }
        };
        Ok(path)
    }
}

/// The ConfigMap that gives a cluster the signatures of a digest, byte for byte as `oc` writes it.
pub fn signature_config_map(digest: &Digest, signatures: &[Vec<u8>]) -> String {
    let name = format!("sha256-{}", digest.hex());
    let entries: Vec<String> = (1..)
        .zip(signatures)
        .map(|(number, bytes)| format!("\"{name}-{number}\":\"{}\"", BASE64_STANDARD.encode(bytes)))
        .collect();
    format!(
        "{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"{name}\",\
         \"namespace\":\"openshift-config-managed\",\"creationTimestamp\":null,\
         \"labels\":{{\"release.openshift.io/verification-signatures\":\"\"}}}},\"binaryData\":{{{}}}}}",
        entries.join(",")
    )
}

/// A file by its digest, whichever of the two names it has.
fn named(folder: &Path, digest: &Digest) -> PathBuf {
    let usual = folder.join(digest.to_string());
    if usual.exists() {
        usual
    } else {
        folder.join(format!("sha256-{}", digest.hex()))
    }
}

/// Renames a file, or points a tag to the new name.
fn for_windows(path: PathBuf) -> Result<()> {
    let rename = |name: &Path| name.display().to_string().replace(':', "-");
    if path.is_symlink() {
        let target = fs::read_link(&path)?;
        fs::remove_file(&path)?;
        symlink(rename(&target), &path)?;
    } else {
        let name = path.file_name().context("a file without a name")?;
        fs::rename(&path, path.with_file_name(rename(Path::new(name))))?;
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    entries.collect()
}
