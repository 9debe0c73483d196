/*!
Whether a cluster is asked, and with which words: the guards and the patch of
`oc adm upgrade --allow-explicit-upgrade --to-image` (oc, pkg/cli/admin/upgrade/upgrade.go).

Two things differ. An image counts as the cluster's own if the digest is, wherever it was pulled from. And the image of a
conditional update is the one that was asked for, at the registry inside, not the one that the update service named.
*/

use cluster::openshift::{Condition, among, digest_of, items, one_line, text, when_true};
use serde_json::{Map, Value, json};

use super::request::UpgradeRequest;

/// What there is to do on a cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Its desired release is this one.
    AlreadyThere,
    /// It is to be asked.
    Patch {
        /// A merge patch of `clusterversion/version`.
        patch: Value,
        /// The guards that were passed because the flags say so.
        warnings: Vec<String>,
    },
}

/// Why a cluster is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The update service knows a risk.
    #[error(
        "release {version} is not recommended for this cluster: {reason}; to accept the risk, give --allow-not-recommended"
    )]
    NotRecommended {
        /// As the cluster calls it.
        version: String,
        /// Why.
        reason: String,
    },
    /// It is not in a state to begin.
    #[error("{}; mend that first, or give --allow-upgrade-with-warnings", .0.join("; "))]
    Unhealthy(Vec<String>),
}

/// Decides, from the whole ClusterVersion.
pub fn patch(cluster_version: &Value, request: &UpgradeRequest) -> Result<Decision, Refusal> {
    let digest = Some(request.image.digest());
    if digest_of(text(cluster_version, "/status/desired/image")) == digest {
        return Ok(Decision::AlreadyThere);
    }
    let mut warnings = Vec::new();
    let offered = items(cluster_version, "/status/availableUpdates").iter();
    let mut offered = offered.filter(|release| digest_of(text(release, "/image")) == digest);
    let version = match (offered.next(), risk(cluster_version, request)) {
        (Some(release), _) => text(release, "/version"),
        (None, Some((version, risk))) if request.allow_not_recommended => {
            warnings.push(format!(
                "--allow-not-recommended accepts this risk: {}",
                risk.text()
            ));
            version
        }
        (None, Some((version, risk))) => {
            return Err(Refusal::NotRecommended {
                version: one_line(version),
                reason: risk.text(),
            });
        }
        (None, None) => "",
    };
    let unhealthy = unhealthy(cluster_version);
    if !unhealthy.is_empty() && !request.allow_upgrade_with_warnings {
        return Err(Refusal::Unhealthy(unhealthy));
    }
    let passed = unhealthy.into_iter();
    warnings.extend(
        passed.map(|reason| format!("--allow-upgrade-with-warnings passes over this: {reason}")),
    );
    if request.force {
        warnings.push("--allow-force makes the cluster skip the verification of the release and all preconditions".to_owned());
    }
    Ok(Decision::Patch {
        patch: desired_update(cluster_version, version, request),
        warnings,
    })
}

/// The release as a conditional update that is not, or not known to be, recommended: its version and why.
fn risk<'v>(
    cluster_version: &'v Value,
    request: &UpgradeRequest,
) -> Option<(&'v str, Condition<'v>)> {
    let digest = Some(request.image.digest());
    let mut updates = items(cluster_version, "/status/conditionalUpdates").iter();
    updates.find_map(|update| {
        let same = digest_of(text(update, "/release/image")) == digest;
        let recommended = among(update.get("conditions")?, "Recommended")?;
        (same && recommended.status != "True")
            .then(|| (text(update, "/release/version"), recommended))
    })
}

/// What keeps a cluster from beginning, a sentence each.
fn unhealthy(cluster_version: &Value) -> Vec<String> {
    let guards = [
        ("Invalid", "its ClusterVersion is invalid"),
        (
            "Failing",
            "it is failing to reach the release it was asked for before",
        ),
        ("Progressing", "it is being upgraded already"),
    ];
    let failing = guards.into_iter().filter_map(|(kind, sentence)| {
        let condition = when_true(cluster_version, kind)?;
        Some(format!("{sentence}: {}", condition.text()))
    });
    failing.collect()
}

/// Every field that `oc` sends, so that what an earlier update left there does not stay.
fn desired_update(cluster_version: &Value, version: &str, request: &UpgradeRequest) -> Value {
    let mut update = Map::new();
    update.insert("architecture".to_owned(), json!(""));
    update.insert("version".to_owned(), json!(version));
    update.insert("image".to_owned(), json!(request.image.as_str()));
    update.insert("force".to_owned(), json!(request.force));
    let risks = cluster_version.pointer("/spec/desiredUpdate/acceptRisks");
    if let Some(risks) =
        risks.filter(|risks| risks.as_array().is_some_and(|risks| !risks.is_empty()))
    {
        update.insert("acceptRisks".to_owned(), risks.clone());
    }
    json!({ "spec": { "desiredUpdate": update } })
}
