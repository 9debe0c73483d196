/*! What users call images, turned into sources: references at registries, layouts and directories. */

use std::{fmt, path::Path, sync::Arc};

use schema::{Reference, Repository, Selector, Tag};

use super::spec::SpecImage;
use crate::{
    Error,
    source::{DirectoryImage, Disk, Registries, Source},
    wanted::{Wanted, WantedRelease},
};

/// Where names are looked up.
#[derive(Debug)]
pub struct Locator<'a> {
    /// For references.
    pub registries: &'a Registries,
    /// `--from-dir`, for `file://`.
    pub disk: Option<Arc<Disk>>,
}

impl Locator<'_> {
    /// Every image that was typed, and all of the directory unless one of them selects from it.
    pub fn images<'a>(
        &self,
        typed: impl Iterator<Item = &'a SpecImage>,
    ) -> Result<Vec<Wanted>, Error> {
        let mut wanted = Vec::new();
        let mut selected = false;
        for image in typed {
            selected |= image.name.starts_with("file://");
            wanted.push(self.image("--image", image)?);
        }
        if let Some(disk) = self.disk.as_ref().filter(|_| !selected) {
            let images = disk.everything()?.into_iter();
            wanted.extend(images.map(|image| in_disk(disk, image)));
        }
        Ok(wanted)
    }

    /// One image; `flag` is what it was typed after.
    pub fn image(&self, flag: &str, image: &SpecImage) -> Result<Wanted, Error> {
        let (repository, tag) = image
            .rename
            .as_deref()
            .map(parse_rename)
            .transpose()?
            .unzip();
        let name = &image.name;
        let usage = |reason: &dyn fmt::Display| Error::Usage(format!("{flag} {name}: {reason}"));
        let mut found = if let Some(inside) = name.strip_prefix("file://") {
            self.in_directory(inside, &usage)?
        } else if let Some(layout) = layout(name) {
            in_layout(layout, &usage)?
        } else {
            self.in_registry(name, &usage)?
        };
        if let Some(tag) = tag.flatten() {
            found.tags = vec![tag];
        }
        found.repository = repository.unwrap_or(found.repository);
        Ok(found)
    }

    /// `--release REF`.
    pub fn release(&self, name: &str) -> Result<WantedRelease, Error> {
        let usage = |reason: &dyn fmt::Display| Error::Usage(format!("--release {name}: {reason}"));
        if name.starts_with("file://") || layout(name).is_some() {
            return Err(usage(
                &"expected a reference at a registry; a release in a directory is found there: give --from-dir and --release-key",
            ));
        }
        let reference: Reference = name.parse().map_err(|error| usage(&error))?;
        // Without either, `latest` would be meant, which no release is.
        let latest = reference.tag.as_ref().map(Tag::as_str) == Some("latest");
        if reference.digest.is_none() && latest && !name.ends_with(":latest") {
            return Err(usage(
                &"name a tag or a digest, such as :4.15.0-x86_64 or @sha256:…",
            ));
        }
        Ok(WantedRelease {
            source: Source::Registry(self.registries.repository(&reference)?),
            selector: reference.selector(),
            display_ref: reference.to_string(),
        })
    }

    fn in_registry(
        &self,
        name: &str,
        usage: &dyn Fn(&dyn fmt::Display) -> Error,
    ) -> Result<Wanted, Error> {
        let full = self.registries.full_name(name)?;
        let name = full.as_deref().unwrap_or(name);
        let reference: Reference = name.parse().map_err(|error| usage(&error))?;
        let selector = reference.selector();
        Ok(Wanted {
            source: Source::Registry(self.registries.repository(&reference)?),
            selector,
            display_ref: reference.to_string(),
            repository: reference.repository,
            tags: reference.tag.into_iter().collect(),
            component: None,
            releases: Vec::new(),
        })
    }

    fn in_directory(
        &self,
        name: &str,
        usage: &dyn Fn(&dyn fmt::Display) -> Error,
    ) -> Result<Wanted, Error> {
        let disk = self
            .disk
            .as_ref()
            .ok_or_else(|| usage(&"name the directory with --from-dir"))?;
        let (repository, tag) = parse_rename(name)?;
        let tag = tag.ok_or_else(|| usage(&"expected file://REPO:TAG"))?;
        let mut all = disk.everything()?.into_iter();
        let found =
            all.find(|found| found.repository == repository && found.tag.as_ref() == Some(&tag));
        let found = found.map(|found| in_disk(disk, found));
        found.ok_or_else(|| usage(&"there is no such tag in that directory"))
    }
}

/// The layout that `oci:DIR` names. `oci://HOST/REPOSITORY` is a reference, in Helm's spelling; `oci:///DIR` has no host.
fn layout(name: &str) -> Option<&str> {
    let layout = name.strip_prefix("oci:")?;
    let host = layout.starts_with("//") && !layout.starts_with("///");
    (!host).then_some(layout)
}

/// `DIR[:NAME]`, as skopeo writes it.
fn in_layout(text: &str, usage: &dyn Fn(&dyn fmt::Display) -> Error) -> Result<Wanted, Error> {
    let (directory, wanted) = match text.rsplit_once(':') {
        Some((directory, wanted)) if !wanted.contains('/') => (directory, Some(wanted)),
        _ => (text, None),
    };
    let disk = Arc::new(Disk::open(Path::new(directory))?);
    let missing = || usage(&"there is no image of that name in the layout");
    if let Some(wanted) = wanted {
        let named = disk.named(wanted).ok_or_else(missing)?;
        return Ok(in_disk(&disk, named));
    }
    let mut found = disk.everything()?;
    let first = found.pop().ok_or_else(missing)?;
    if !found.is_empty() {
        return Err(usage(
            &"the layout holds several images; choose one with oci:DIR:NAME, or take all with --from-dir DIR",
        ));
    }
    Ok(in_disk(&disk, first))
}

fn in_disk(disk: &Arc<Disk>, image: DirectoryImage) -> Wanted {
    let tag = image.tag.as_ref().map(|tag| format!(":{tag}"));
    Wanted {
        source: Source::Disk(Arc::clone(disk), image.repository.clone()),
        selector: Selector::Digest(image.digest),
        display_ref: format!("file://{}{}", image.repository, tag.unwrap_or_default()),
        repository: image.repository,
        tags: image.tag.into_iter().collect(),
        component: None,
        releases: Vec::new(),
    }
}

/// `REF=REPO[:TAG]`, parted at the last `=`.
pub fn split_name(text: &str) -> SpecImage {
    match text.rsplit_once('=') {
        Some((name, rename)) => SpecImage {
            name: name.to_owned(),
            rename: Some(rename.to_owned()),
        },
        None => SpecImage {
            name: text.to_owned(),
            rename: None,
        },
    }
}

fn parse_rename(text: &str) -> Result<(Repository, Option<Tag>), Error> {
    let (repository, tag) = match text.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (text, None),
    };
    let usage = |error| Error::Usage(format!("{text:?} is not REPO[:TAG]: {error}"));
    Ok((
        repository.parse().map_err(usage)?,
        tag.map(str::parse).transpose().map_err(usage)?,
    ))
}
