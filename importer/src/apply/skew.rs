/*!
Versions that do not fit: what a cluster is too old, too new or too far away for. Pure, and nothing but advice.

Since when OpenShift can do what is written with each number. A version is never too new by its number: what a newer one no longer
takes shows in what it serves, and which release follows which in the releases and the cluster's own updates. Versions are semantic ones, pre-releases before their release,
as `semver` orders them: it is small, has no dependencies, and is what cargo itself rests on.
*/

use std::collections::{BTreeMap, BTreeSet};

use cluster::openshift::{digest_of, items, text, version};
use schema::{
    bundle::Release,
    text::{counted, escape},
};
use semver::Version;
use serde_json::Value;

use super::manifests::Manifest;
use crate::options::MirrorConfig;

/// ConfigMaps with signatures are read since 4.4 (cluster-version-operator PR 279), and in 4.3 since some update of March 2020 (PR 340).
const SIGNATURES: (u64, u64) = (4, 4);

/// From 4.21 on, nodes demand Sigstore signatures of releases, and clusters with mirror configuration are held at the
/// minor version before until somebody has acknowledged that (machine-config-operator PR 5558).
const SIGSTORE: (u64, u64) = (4, 21);

/// Versions shown from which a release can be reached.
const SHOWN: usize = 5;

/// What a cluster was seen to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'c> {
    /// Its ClusterVersion `version`; none on what is not OpenShift.
    pub cluster_version: Option<&'c Value>,
    /// Whether it serves ImageDigestMirrorSet, as OpenShift does since 4.13.
    pub serves_idms: bool,
    /// Whether it serves ImageContentSourcePolicy.
    pub serves_icsp: bool,
    /// How many ImageContentSourcePolicies it has.
    pub icsp_objects: usize,
}

/// The kind of mirror configuration that the cluster takes: the wanted one, or the one that stands in for it.
pub fn mirror_kind(wanted: MirrorConfig, seen: &Seen<'_>) -> MirrorConfig {
    match wanted {
        MirrorConfig::Idms if seen.serves_icsp && (!seen.serves_idms || held_back(seen)) => {
            MirrorConfig::Icsp
        }
        MirrorConfig::Icsp if seen.serves_idms && !seen.serves_icsp => MirrorConfig::Idms,
        wanted => wanted,
    }
}

/// What to know before the manifests are applied and a release of the bundle is asked for, a sentence each. `wanted` is the
/// kind of mirror configuration before [`mirror_kind`].
pub fn warnings(
    seen: &Seen<'_>,
    wanted: MirrorConfig,
    releases: &[Release],
    manifests: &[Manifest],
) -> Vec<String> {
    let Some(cluster_version) = seen.cluster_version else {
        return not_openshift(releases, manifests).into_iter().collect();
    };
    let mut warnings = Vec::new();
    warnings.extend(mirrors(seen, wanted));
    let Some(version) = version_of(cluster_version) else {
        warnings.push("the cluster does not say which version of OpenShift it is, so nothing is known of what it can do".to_owned());
        return warnings;
    };
    warnings.extend(age(&version, manifests));
    warnings.extend(acknowledgement(&version, seen, wanted, releases));
    for release in releases {
        // One version for several architectures is reported once.
        let warning = distance(cluster_version, &version, release, releases);
        warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
    }
    warnings
}

/// Whether a release is of a later minor version than the cluster is at.
pub fn leaves_minor(version: &str, releases: &[Release]) -> bool {
    let Ok(version) = Version::parse(version) else {
        return false;
    };
    let mut releases = releases.iter();
    releases.any(|release| {
        Version::parse(&release.version).is_ok_and(|release| minor(&release) > minor(&version))
    })
}

fn version_of(cluster_version: &Value) -> Option<Version> {
    Version::parse(version(cluster_version)?).ok()
}

fn minor(version: &Version) -> (u64, u64) {
    (version.major, version.minor)
}

fn not_openshift(releases: &[Release], manifests: &[Manifest]) -> Option<String> {
    let ours = |manifest: &&Manifest| {
        let namespace = manifest.namespace.as_deref().unwrap_or("");
        manifest.group().ends_with(".openshift.io") || namespace.starts_with("openshift-")
    };
    let objects = manifests.iter().filter(ours).count();
    (objects > 0 || !releases.is_empty()).then(|| {
        format!(
            "the cluster has no ClusterVersion, so it is not OpenShift, but {} and {} of what it is to get are for OpenShift",
            counted(objects, "object"),
            counted(releases.len(), "release"),
        )
    })
}

/// Before 4.13.27 and 4.14.3, mirror sets are refused beside ImageContentSourcePolicies (release notes of these versions).
fn held_back(seen: &Seen<'_>) -> bool {
    let version = seen.cluster_version.and_then(version_of);
    seen.icsp_objects > 0
        && version.is_some_and(|version| {
            version < Version::new(4, 13, 27)
                || (version >= Version::new(4, 14, 0) && version < Version::new(4, 14, 3))
        })
}

fn mirrors(seen: &Seen<'_>, wanted: MirrorConfig) -> Option<String> {
    let policies = seen.icsp_objects;
    let there = match policies {
        1 => "1 ImageContentSourcePolicy".to_owned(),
        several => format!("{several} ImageContentSourcePolicies"),
    };
    match (wanted, mirror_kind(wanted, seen)) {
        (MirrorConfig::None, _) => None,
        (MirrorConfig::Idms, MirrorConfig::Icsp) if seen.serves_idms => Some(format!(
            "the cluster has {there}, beside which it takes ImageDigestMirrorSet only from 4.13.27 and 4.14.3 on; it gets ImageContentSourcePolicy instead"
        )),
        (MirrorConfig::Idms, MirrorConfig::Icsp) => Some(
            "the cluster does not serve ImageDigestMirrorSet, which OpenShift has since 4.13; it gets ImageContentSourcePolicy instead".to_owned(),
        ),
        (MirrorConfig::Icsp, MirrorConfig::Idms) => Some(
            "the cluster does not serve ImageContentSourcePolicy; it gets ImageDigestMirrorSet instead".to_owned(),
        ),
        _ if !seen.serves_idms && !seen.serves_icsp => Some(
            "the cluster serves neither ImageDigestMirrorSet nor ImageContentSourcePolicy, so it cannot be made to pull from the registry".to_owned(),
        ),
        (MirrorConfig::Idms, _) if policies > 0 => Some(format!(
            "the cluster has {there}, deprecated since 4.13, which go on to apply beside ImageDigestMirrorSet; `oc adm migrate icsp` converts them"
        )),
        _ => None,
    }
}

fn age(version: &Version, manifests: &[Manifest]) -> Option<String> {
    let (major, least) = SIGNATURES;
    let signatures = manifests.iter().any(Manifest::is_signature);
    if !signatures || minor(version) >= SIGNATURES {
        return None;
    }
    Some(if minor(version) == (major, least - 1) {
        format!(
            "the cluster is at {version}, and 4.3 reads signatures of releases from ConfigMaps only since its updates of March 2020; an older one refuses the release as unsigned"
        )
    } else {
        format!(
            "the cluster is at {version}, too old to read signatures of releases from ConfigMaps, as OpenShift does since {major}.{least}; it will refuse the release as unsigned"
        )
    })
}

fn acknowledgement(
    version: &Version,
    seen: &Seen<'_>,
    wanted: MirrorConfig,
    releases: &[Release],
) -> Option<String> {
    let crosses = |release: &Release| {
        Version::parse(&release.version).is_ok_and(|release| minor(&release) >= SIGSTORE)
    };
    let mirrored = wanted != MirrorConfig::None || seen.icsp_objects > 0;
    let (major, least) = SIGSTORE;
    let held = minor(version) == (major, least - 1) && mirrored;
    (held && releases.iter().any(crosses)).then(|| {
        format!(
            "from {major}.{least} on, nodes demand Sigstore signatures of releases, so a cluster with mirror configuration stays at {major}.{} until an administrator has acknowledged, in ConfigMap admin-acks of namespace openshift-config, that the mirror holds them",
            least - 1
        )
    })
}

/// Whether a release can be reached: at once, by another release of the bundle, or not as far as is known.
fn distance(
    cluster_version: &Value,
    version: &Version,
    release: &Release,
    releases: &[Release],
) -> Option<String> {
    let at = version.to_string();
    let name = escape(&release.version);
    if release.version == at || release.previous.contains(&at) || offered(cluster_version, release)
    {
        return None;
    }
    if Version::parse(&release.version).is_ok_and(|release| release < *version) {
        return Some(format!(
            "release {name} is older than the cluster, which is at {at}; OpenShift does not go back"
        ));
    }
    if release.previous.is_empty() {
        return Some(format!(
            "release {name} does not say from which versions it can be reached; the cluster is at {at}"
        ));
    }
    if let Some(step) = steps(&at, releases).get(release.version.as_str()) {
        return Some(format!(
            "release {name} cannot be reached from {at} at once; upgrade to {} of this bundle first",
            escape(step)
        ));
    }
    Some(format!(
        "release {name} cannot be reached from {at}, only from {}; bundle a release between them",
        from(&release.previous)
    ))
}

/// Whether the cluster's own update service offers it, if only with a risk: graph data may know more than the release.
fn offered(cluster_version: &Value, release: &Release) -> bool {
    let wanted = Some(release.digest);
    let available = items(cluster_version, "/status/availableUpdates").iter();
    let conditional = items(cluster_version, "/status/conditionalUpdates").iter();
    available
        .map(|update| text(update, "/image"))
        .chain(conditional.map(|update| text(update, "/release/image")))
        .any(|image| digest_of(image) == wanted)
}

/// The releases of the bundle that can be reached by others of it, each with the first on the way.
fn steps<'r>(at: &str, releases: &'r [Release]) -> BTreeMap<&'r str, &'r str> {
    let mut first = BTreeMap::new();
    for release in releases {
        if release.previous.iter().any(|previous| previous == at) {
            first.insert(release.version.as_str(), release.version.as_str());
        }
    }
    // Each round adds a release or is the last.
    loop {
        let next = releases.iter().find_map(|release| {
            let mut previous = release.previous.iter();
            let via = previous.find_map(|previous| first.get(previous.as_str()))?;
            let new = !first.contains_key(release.version.as_str());
            new.then_some((release.version.as_str(), *via))
        });
        match next {
            Some((version, via)) => first.insert(version, via),
            None => return first,
        };
    }
}

/// The newest few of the versions, newest first.
fn from(versions: &[String]) -> String {
    let sorted: BTreeSet<(Option<Version>, &String)> = versions
        .iter()
        .map(|version| (Version::parse(version).ok(), version))
        .collect();
    let newest = sorted.iter().rev().take(SHOWN);
    let mut named: Vec<_> = newest.map(|(_, version)| escape(version)).collect();
    if let Some(rest @ 1..) = sorted.len().checked_sub(SHOWN) {
        named.push(format!("{rest} older ones"));
    }
    named.join(", ")
}
