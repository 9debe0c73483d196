/*!
OpenShift releases: from one reference to every image a cluster version needs, verified before any of them is fetched.

```text
read the payload → verify its digest → name its components, its record and its ConfigMap
```

The payload is small and read first, since it says where signatures may be found; nothing in it counts until the digest
of the release image is signed by a key that the operator trusts. Only then do its components become wanted images.
*/

mod candidate;
pub mod claim;
pub mod configmap;
mod directory;
mod expand;
pub mod openpgp;
pub mod payload;
pub mod store;
#[cfg(test)]
mod tests;
pub mod trust;
mod verifier;

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use registry::web::Web;
use schema::{Repository, Tag, bundle::Release};

use crate::{
    Error,
    config::ConfigFile,
    source::Registries,
    wanted::{Wanted, WantedRelease},
};
use candidate::AcceptedRelease;
pub use directory::selected;
use expand::ReleaseParts;
use trust::OperatorTrust;

/// What must hold for a release, and where it is put.
#[derive(Debug)]
pub struct ReleaseRules {
    /// The repository in the bundle of release images and their components.
    pub repository: Repository,
    /// The keys and stores of whoever runs the build.
    pub trust: OperatorTrust,
    /// Whether keys were named, and not only found.
    pub keys_given: bool,
    /// Take a release that no trusted key signed.
    pub allow_unverified: bool,
    /// Take a release of which components are missing at their source.
    pub allow_incomplete: bool,
}

/// What the releases of a build are found, verified and expanded with.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Releases by reference.
    pub releases: &'a [WantedRelease],
    /// Images, among which those of a source directory may be releases.
    pub images: &'a [Wanted],
    /// Manifests, which may hold signatures.
    pub config: &'a [ConfigFile],
    /// What must hold.
    pub rules: &'a ReleaseRules,
    /// Where components are.
    pub registries: &'a Registries,
    /// The way to signature stores.
    pub web: &'a Web,
    /// Releases under way at once.
    pub concurrency: usize,
}

/// What all releases of a build come to.
#[derive(Debug, Default)]
pub struct Releases {
    /// Release images and components, each once, with all its tags.
    pub images: Vec<Wanted>,
    /// Their records for the index.
    pub records: Vec<Release>,
    /// The ConfigMaps with their signatures.
    pub config: Vec<ConfigFile>,
    /// Tags of a source directory that turned out to be parts of a verified release, and are among `images`.
    pub claimed: BTreeSet<(Repository, Tag)>,
    /// Releases that their source could not give, and why.
    pub failures: Vec<(String, Error)>,
}

/// Reads and verifies every release, several at once. One that no trusted key signed ends the build here; one that cannot be had
/// is reported with all other images that cannot.
pub async fn gather(inputs: &Inputs<'_>) -> Result<Releases, Error> {
    let mut candidates = candidate::named(inputs);
    candidates.extend(directory::candidates(inputs.images).await?);
    let verified = candidates.into_iter().map(|candidate| async {
        let display_ref = candidate.display_ref.clone();
        (display_ref, candidate.verify(inputs).await)
    });
    let verified: Vec<(String, Result<AcceptedRelease, Error>)> =
        stream::iter(verified.collect::<Vec<_>>())
            .buffered(inputs.concurrency)
            .collect()
            .await;
    let (mut parts, mut failures) = (Vec::new(), Vec::new());
    for (display_ref, release) in verified {
        match release {
            Ok(release) => parts.push(release.expand(inputs)?),
            Err(error @ Error::Registry(_)) => failures.push((display_ref, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(Releases {
        failures,
        ..Releases::of(parts)
    })
}

impl Releases {
    /// All releases together.
    fn of(parts: Vec<ReleaseParts>) -> Self {
        let (mut all, mut images) = (Self::default(), Vec::new());
        for release in parts {
            if release.from_directory {
                let tags = release.images.iter();
                let tags = tags.map(|(image, tag)| (image.repository.clone(), tag.clone()));
                all.claimed.extend(tags);
            }
            images.extend(release.images);
            all.records.extend(release.record);
            all.config.extend(release.config);
        }
        all.images = expand::merged(images);
        all.records.sort();
        all.records.dedup_by(same_release);
        all
    }
}

/// Whether two records are of one release, found in two places; the one that somebody signed stays.
fn same_release(later: &mut Release, kept: &mut Release) -> bool {
    let named = |release: &Release| (release.repository.clone(), release.tag.clone());
    let same = later.digest == kept.digest && named(later) == named(kept);
    if same && kept.verified_by.is_empty() {
        std::mem::swap(later, kept);
    }
    same
}
