/*! A release in the plan of a push: where it is with its components, and where it is published alone. */

use schema::{
    Digest, Repository, Tag,
    bundle::{Image, Index, Release},
};

use crate::{Error, target::Target};

/// A release, where it is pushed, and where it is published.
#[derive(Debug, Clone)]
pub struct ReleaseStep {
    /// As people call it.
    pub version: String,
    /// The release image, or the list of those for several architectures.
    pub digest: Digest,
    /// At the target: where it is with its components.
    pub from: Repository,
    /// At the target: where it goes alone.
    pub to: Repository,
    /// What gets which tag there: the release, then its signatures.
    pub tags: Vec<(Tag, Digest)>,
    /// The manifests to be copied, without those they list: the release, then all that is about it.
    pub roots: Vec<Digest>,
    /// Everything without which no cluster should be offered it: components, itself. Not what is about them: a registry
    /// that refuses signatures keeps nobody from the rest.
    pub rests_on: Vec<Digest>,
    /// The OpenPGP keys that signed it, as the index says.
    pub verified_by: Vec<String>,
    /// Whether the bundle has all its components.
    pub whole: bool,
}

/// Decides what the index and the target decide, in the order of the index.
pub fn steps(index: &Index, target: &Target) -> Result<Vec<ReleaseStep>, Error> {
    let releases = index.releases.iter();
    releases
        .map(|release| step(index, target, release))
        .collect()
}

fn step(index: &Index, target: &Target, release: &Release) -> Result<ReleaseStep, Error> {
    let (mut tags, mut roots) = (Vec::new(), vec![release.digest]);
    tags.push((target.release_tag(release, index)?, release.digest));
    let own =
        |image: &&Image| image.repository == release.repository && image.digest == release.digest;
    let images = index.images.iter().filter(own);
    for attached in images.flat_map(|image| &image.attached) {
        roots.push(attached.digest);
        tags.extend(attached.tag.clone().map(|tag| (tag, attached.digest)));
    }
    let prefix = format!("{}-", release.tag);
    let component = |image: &&Image| {
        let mut tags = image.tags.iter();
        image.repository == release.repository && tags.any(|tag| tag.as_str().starts_with(&prefix))
    };
    let components = index.images.iter().filter(component);
    let rests_on = components.map(|image| image.digest);
    Ok(ReleaseStep {
        version: release.version.clone(),
        digest: release.digest,
        from: target.map_repository(&release.repository)?,
        to: target.release_images()?,
        rests_on: rests_on.chain([release.digest]).collect(),
        tags,
        roots,
        verified_by: release.verified_by.clone(),
        whole: index.missing_of(release).next().is_none(),
    })
}
