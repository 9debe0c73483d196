/*!
OpenShift releases: from one reference to every image a cluster version needs, verified before any of them is fetched.

```text
read the payload → verify its digest → name its components, its record and its ConfigMap
```

The payload is small and read first, since it says where signatures may be found; nothing in it counts until the digest
of the release image is signed by a key that the operator trusts. Only then do its components become wanted images.
*/

pub mod claim;
pub mod configmap;
mod directory;
pub mod openpgp;
pub mod payload;
pub mod store;
#[cfg(test)]
mod tests;
pub mod trust;
mod verifier;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use schema::{Digest, Reference, Repository, Selector, Tag, bundle::Release};

use crate::{Error, Request, config::ConfigFile, request::Wanted, source::Source};
pub use directory::selected;
use payload::Payload;
use verifier::Verdict;

/// What all releases of a build come to.
#[derive(Debug, Default)]
pub struct Releases {
    /// Release images and components, each once, with all its tags.
    pub images: Vec<Wanted>,
    /// What the index says of them.
    pub records: Vec<Release>,
    /// The ConfigMaps with their signatures.
    pub config: Vec<ConfigFile>,
    /// Tags of a source directory that turned out to be parts of a verified release, and are among `images`.
    pub claimed: BTreeSet<(Repository, Tag)>,
    /// Releases that their source could not give, and why.
    pub failures: Vec<(String, Error)>,
}

/// Reads and verifies every release, several at once. One that nobody vouches for ends the build here; one that cannot be had
/// is told with all other images that cannot.
pub async fn gather(request: &Request) -> Result<Releases, Error> {
    let mut candidates = named(request);
    candidates.extend(directory::candidates(request).await?);
    let verified = candidates.into_iter().map(|candidate| async {
        let display_ref = candidate.display_ref.clone();
        (display_ref, candidate.verified(request).await)
    });
    let verified: Vec<(String, Result<AcceptedRelease, Error>)> =
        stream::iter(verified.collect::<Vec<_>>())
            .buffered(request.concurrency)
            .collect()
            .await;
    let mut gathered = Releases::default();
    let mut images = Images::new();
    for (display_ref, release) in verified {
        match release {
            Ok(release) => release.into(request, &mut gathered, &mut images)?,
            Err(error @ Error::Registry(_)) => gathered.failures.push((display_ref, error)),
            Err(error) => return Err(error),
        }
    }
    gathered.images = images.into_values().collect();
    gathered.records.sort();
    gathered.records.dedup_by(same_release);
    Ok(gathered)
}

/// A release image that is not verified yet.
struct Candidate {
    source: Source,
    selector: Selector,
    display_ref: String,
    repository: Repository,
    /// The tag it has in a source directory, and the version it is labelled with.
    found: Option<(Tag, String)>,
}

/// A release image that is verified, or that is taken all the same.
struct AcceptedRelease {
    candidate: Candidate,
    digest: Digest,
    /// None for what counts as plain images.
    payload: Option<Payload>,
    verdict: Verdict,
}

/// Whether two records are of one release, found in two places; the one that somebody vouches for stays.
fn same_release(later: &mut Release, kept: &mut Release) -> bool {
    let place = |release: &Release| (release.repository.clone(), release.tag.clone());
    let same = later.digest == kept.digest && place(later) == place(kept);
    if same && kept.verified_by.is_empty() {
        std::mem::swap(later, kept);
    }
    same
}

fn named(request: &Request) -> Vec<Candidate> {
    let wanted = request.releases.iter().cloned();
    wanted
        .map(|release| Candidate {
            source: release.source,
            selector: release.selector,
            display_ref: release.display_ref,
            repository: request.release.repository.clone(),
            found: None,
        })
        .collect()
}

impl Candidate {
    async fn verified(self, request: &Request) -> Result<AcceptedRelease, Error> {
        let rules = &request.release;
        let top = self.source.manifest(&self.selector).await?;
        let digest = top.digest;
        if let Some((tag, _)) = self.found.as_ref().filter(|_| !rules.keys_given) {
            tracing::warn!(
                "{}:{tag} is an OpenShift release that is taken as plain images, unverified; give --release-key to verify it",
                self.repository
            );
            return Ok(AcceptedRelease {
                candidate: self,
                digest,
                payload: None,
                verdict: Verdict::default(),
            });
        }
        let payload = payload::read(&self.source, &top, &self.display_ref).await?;
        let at_hand = request.config.iter().flat_map(|file| {
            let signatures = file
                .objects
                .iter()
                .flat_map(|object| configmap::signatures(object, &digest));
            signatures.map(|signature| (file.path.clone(), signature))
        });
        let verdict = verifier::verify(
            &digest,
            &rules.trust,
            payload.trust.as_ref(),
            at_hand.collect(),
            &request.web,
        )
        .await;
        let shown = format!(
            "release {} ({}, {digest})",
            payload.version, self.display_ref
        );
        if let Some(disagreement) = &verdict.cluster {
            tracing::warn!("{shown}: {disagreement}");
        }
        if verdict.is_verified() {
            let signers: Vec<_> = verdict.signers.iter().map(String::as_str).collect();
            tracing::info!("{shown} is signed by {}", signers.join(" and "));
        } else if rules.allow_unverified {
            tracing::warn!(
                "{}; taken all the same (--allow-unverified-release)",
                verdict.refusal(&shown)
            );
        } else {
            return Err(Error::Unverified(verdict.refusal(&shown)));
        }
        Ok(AcceptedRelease {
            candidate: self,
            digest,
            payload: Some(payload),
            verdict,
        })
    }
}

impl AcceptedRelease {
    fn into(
        self,
        request: &Request,
        gathered: &mut Releases,
        images: &mut Images,
    ) -> Result<(), Error> {
        let Self {
            candidate,
            digest,
            payload,
            verdict,
        } = self;
        let Candidate {
            source,
            display_ref,
            repository,
            found,
            ..
        } = candidate;
        let Some(payload) = payload else {
            gathered.records.extend(found.map(|(tag, version)| Release {
                repository,
                tag,
                digest,
                version,
                verified_by: Vec::new(),
                previous: Vec::new(),
            }));
            return Ok(());
        };
        let tag = match &found {
            Some((tag, _)) => tag.clone(),
            None => named_tag(
                &display_ref,
                &format!("{}-{}", payload.version, payload.architecture),
            )?,
        };
        let of_release = format!("release {}", payload.version);
        for component in payload.components {
            let own = named_tag(&display_ref, &format!("{tag}-{}", component.name))?;
            let component_name = format!("component {:?} of {of_release}", component.name);
            let from = match &source {
                Source::Disk(disk, repository) => Source::Disk(disk.clone(), repository.clone()),
                Source::LayerUrl(_) | Source::Registry(_) => {
                    let remote = request.registries.repository(&component.reference);
                    Source::Registry(remote.map_err(|error| {
                        Error::Component(component_name.clone(), Box::new(error.into()))
                    })?)
                }
            };
            let wanted = Wanted {
                source: from,
                selector: Selector::Digest(component.digest),
                repository: repository.clone(),
                tags: Vec::new(),
                display_ref: component.reference.to_string(),
                component: Some(component_name),
                releases: vec![tag.clone()],
            };
            add(gathered, images, wanted, own, found.is_some());
        }
        let wanted = Wanted {
            source,
            selector: Selector::Digest(digest),
            repository: repository.clone(),
            tags: Vec::new(),
            display_ref: match &found {
                // What was signed says where a release in a directory came from.
                Some(_) => signed_reference(&verdict).unwrap_or(display_ref),
                None => display_ref,
            },
            component: Some(format!("image of {of_release}")),
            releases: Vec::new(),
        };
        add(gathered, images, wanted, tag.clone(), found.is_some());
        gathered.config.extend(config(request, &digest, &verdict)?);
        gathered.records.push(Release {
            repository,
            tag,
            digest,
            version: payload.version,
            verified_by: verdict.signers.into_iter().collect(),
            previous: payload.previous,
        });
        Ok(())
    }
}

/// By place, digest and name: two names are two sources for mirror configuration, and two digests may have one name.
type Images = BTreeMap<(Repository, Selector, String), Wanted>;

/// What several components or releases share is one image with several tags.
fn add(gathered: &mut Releases, images: &mut Images, wanted: Wanted, tag: Tag, on_disk: bool) {
    if on_disk {
        gathered
            .claimed
            .insert((wanted.repository.clone(), tag.clone()));
    }
    let key = (
        wanted.repository.clone(),
        wanted.selector.clone(),
        wanted.display_ref.clone(),
    );
    let releases = wanted.releases.clone();
    let kept = images.entry(key).or_insert(wanted);
    insert(&mut kept.tags, tag);
    for release in releases {
        insert(&mut kept.releases, release);
    }
}

/// Keeps a list of tags sorted and without repetition.
fn insert(tags: &mut Vec<Tag>, tag: Tag) {
    if let Err(place) = tags.binary_search(&tag) {
        tags.insert(place, tag);
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
    request: &Request,
    digest: &Digest,
    verdict: &Verdict,
) -> Result<Option<ConfigFile>, Error> {
    if verdict.signatures.is_empty() {
        return Ok(None);
    }
    let name = configmap::name(digest);
    for file in &request.config {
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
        return Err(Error::Usage(format!(
            "config/{} holds ConfigMap {name} without {lacks}; leave that file out, a right one is made",
            file.path
        )));
    }
    configmap::file(digest, &verdict.signatures).map(Some)
}
