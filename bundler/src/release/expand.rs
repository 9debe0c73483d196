/*!
What a release comes to in a bundle: its image and its components with their tags, a record for the index, and the ConfigMap that
brings its signatures to clusters.
*/

use std::collections::BTreeMap;

use schema::{Digest, Reference, Repository, Selector, Tag, bundle::Release};

use super::{
    Inputs,
    candidate::{AcceptedRelease, Candidate},
    configmap,
    payload::Payload,
    verifier::Verdict,
};
use crate::{
    Error,
    config::{ConfigError, ConfigFile},
    source::Source,
    wanted::Wanted,
};

/// One release, expanded.
#[derive(Debug)]
pub(super) struct ReleaseParts {
    /// Its components and its image, each with the tag that this release gives it.
    pub images: Vec<(Wanted, Tag)>,
    /// Its record.
    pub record: Option<Release>,
    /// Its signatures, unless a file that was given brings them.
    pub config: Option<ConfigFile>,
    /// Whether it lies in a source directory, where its parts have these tags already.
    pub from_directory: bool,
}

impl AcceptedRelease {
    /// Its parts; what counts as plain images has a record alone.
    pub(super) fn expand(self, inputs: &Inputs<'_>) -> Result<ReleaseParts, Error> {
        let Self {
            candidate,
            digest,
            payload,
            verdict,
        } = self;
        let Some(payload) = payload else {
            let record = candidate.found.map(|(tag, version)| Release {
                repository: candidate.repository,
                tag,
                digest,
                version,
                verified_by: Vec::new(),
                previous: Vec::new(),
            });
            return Ok(ReleaseParts {
                images: Vec::new(),
                record,
                config: None,
                from_directory: false,
            });
        };
        let tag = match &candidate.found {
            Some((tag, _)) => tag.clone(),
            None => named_tag(
                &candidate.display_ref,
                &format!("{}-{}", payload.version, payload.architecture),
            )?,
        };
        let mut images = components(&candidate, &payload, &tag, inputs)?;
        let from_directory = candidate.found.is_some();
        // What was signed names where a release in a directory came from.
        let signed = signed_reference(&verdict).filter(|_| from_directory);
        let own = Wanted {
            source: candidate.source,
            selector: Selector::Digest(digest),
            repository: candidate.repository.clone(),
            tags: Vec::new(),
            display_ref: signed.unwrap_or(candidate.display_ref),
            component: Some(format!("image of release {}", payload.version)),
            releases: Vec::new(),
        };
        images.push((own, tag.clone()));
        Ok(ReleaseParts {
            images,
            config: config(inputs.config, &digest, &verdict)?,
            record: Some(Release {
                repository: candidate.repository,
                tag,
                digest,
                version: payload.version,
                verified_by: verdict.signers.into_iter().collect(),
                previous: payload.previous,
            }),
            from_directory,
        })
    }
}

/// The components of a release that gets this tag: from where the release lies in a directory, else from where its payload names them.
fn components(
    release: &Candidate,
    payload: &Payload,
    tag: &Tag,
    inputs: &Inputs<'_>,
) -> Result<Vec<(Wanted, Tag)>, Error> {
    let wanted = payload.components.iter().map(|component| {
        let own = named_tag(&release.display_ref, &format!("{tag}-{}", component.name))?;
        let name = format!(
            "component {:?} of release {}",
            component.name, payload.version
        );
        let source = match &release.source {
            disk @ Source::Disk(..) => disk.clone(),
            Source::LayerUrl(_) | Source::Registry(_) => {
                let repository = inputs.registries.repository(&component.reference);
                Source::Registry(
                    repository
                        .map_err(|error| Error::Component(name.clone(), Box::new(error.into())))?,
                )
            }
        };
        let wanted = Wanted {
            source,
            selector: Selector::Digest(component.digest),
            repository: release.repository.clone(),
            tags: Vec::new(),
            display_ref: component.reference.to_string(),
            component: Some(name),
            releases: vec![tag.clone()],
        };
        Ok((wanted, own))
    });
    wanted.collect()
}

/// What several components or releases share is one image with several tags.
pub(super) fn merged(images: Vec<(Wanted, Tag)>) -> Vec<Wanted> {
    // By repository, digest and name: two names are two sources for mirror configuration, and two digests may have one name.
    let mut merged: BTreeMap<(Repository, Selector, String), Wanted> = BTreeMap::new();
    for (image, tag) in images {
        let key = (
            image.repository.clone(),
            image.selector.clone(),
            image.display_ref.clone(),
        );
        let releases = image.releases.clone();
        let kept = merged.entry(key).or_insert(image);
        insert(&mut kept.tags, tag);
        for release in releases {
            insert(&mut kept.releases, release);
        }
    }
    merged.into_values().collect()
}

/// Keeps a list of tags sorted and without repetition.
fn insert(tags: &mut Vec<Tag>, tag: Tag) {
    if let Err(at) = tags.binary_search(&tag) {
        tags.insert(at, tag);
    }
}

fn named_tag(release: &str, text: &str) -> Result<Tag, Error> {
    text.parse().map_err(|error| Error::Payload {
        release: release.to_owned(),
        reason: format!("{error}"),
    })
}

fn signed_reference(verdict: &Verdict) -> Option<String> {
    let mut references = verdict.references.iter();
    references
        .find(|text| text.parse::<Reference>().is_ok())
        .cloned()
}

/// The ConfigMap, unless one was given that serves as well.
fn config(
    given: &[ConfigFile],
    digest: &Digest,
    verdict: &Verdict,
) -> Result<Option<ConfigFile>, Error> {
    if verdict.signatures.is_empty() {
        return Ok(None);
    }
    let name = configmap::name(digest);
    for file in given {
        let same = |object: &&manifests::Object| {
            object.kind == "ConfigMap"
                && object.name == name
                && object.namespace.as_deref() == Some(configmap::NAMESPACE)
        };
        let Some(object) = file.objects.iter().find(same) else {
            continue;
        };
        let held = configmap::signatures(object, digest);
        let lacks = if !verdict.signatures.iter().any(|valid| held.contains(valid)) {
            "a valid signature of the release"
        } else if !configmap::is_found(object) {
            "the label by which clusters find it"
        } else {
            return Ok(None);
        };
        return Err(Error::Config(ConfigError::Signatures {
            path: file.path.clone(),
            name,
            lacks,
        }));
    }
    configmap::file(digest, &verdict.signatures).map(Some)
}
