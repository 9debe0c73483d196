/*! What is said about upgrades: before, meanwhile, and in the end. */

use schema::text::{Align, Page, Table, escape};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterUpgrade, Progress, Stage, UpgradeState, request::UpgradeRequest};
use crate::apply::status::{among, condition, desired_version, digest_of, items, one_line, text};

/// A cluster before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// `spec.clusterID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The version it is at, or on its way to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The image of that.
    pub image: String,
    /// `spec.channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Why it says that it is not upgradeable. It is asked nevertheless, as `oc` does for an image named by digest:
    /// the cluster itself decides, and lets patch releases through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_upgradeable: Option<String>,
    /// The risks it knows of this release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<String>,
}

impl Before {
    /// Reads a ClusterVersion.
    pub fn new(cluster_version: &Value, request: &UpgradeRequest) -> Self {
        let filled = |pointer| {
            Some(text(cluster_version, pointer))
                .filter(|text| !text.is_empty())
                .map(escape)
        };
        let digest = Some(request.image.digest());
        let updates = items(cluster_version, "/status/conditionalUpdates").iter();
        let same = updates.filter(|update| digest_of(text(update, "/release/image")) == digest);
        let risks = same.filter_map(|update| {
            let recommended = among(update.get("conditions")?, "Recommended")?;
            (recommended.status != "True").then(|| recommended.said())
        });
        let upgradeable = condition(cluster_version, "Upgradeable");
        Self {
            cluster_id: filled("/spec/clusterID"),
            version: desired_version(cluster_version).map(escape),
            image: one_line(text(cluster_version, "/status/desired/image")),
            channel: filled("/spec/channel"),
            not_upgradeable: upgradeable
                .filter(|condition| condition.status == "False")
                .map(|condition| condition.said()),
            risks: risks.collect(),
        }
    }
}

/// What is said of a cluster before it is asked, a few lines.
pub fn before(cluster: &str, before: &Before, request: &UpgradeRequest) -> String {
    let cluster = escape(cluster);
    let version = before.version.as_deref().unwrap_or("an unknown version");
    let channel = before.channel.as_deref().unwrap_or("none");
    let id = before.cluster_id.as_deref().unwrap_or("unknown");
    let wanted = match &request.version {
        Some(version) => format!("{} ({})", escape(version), request.image),
        None => request.image.to_string(),
    };
    let mut said =
        format!("{cluster}: at {version}, channel {channel}, cluster id {id}; wanted: {wanted}\n");
    let there = digest_of(&before.image) == Some(request.image.digest());
    if let Some(reason) = before.not_upgradeable.as_ref().filter(|_| !there) {
        said.push_str(&format!(
            "{cluster}: warning: the cluster says it is not upgradeable and will itself refuse a release of another minor version: {reason}\n"
        ));
    }
    for risk in &before.risks {
        said.push_str(&format!(
            "{cluster}: warning: not recommended for this cluster: {risk}\n"
        ));
    }
    said
}

/// A line of progress.
pub fn progress(cluster: &str, progress: &Progress) -> String {
    let stage = match progress.stage {
        Stage::Accepting => "release",
        Stage::Operators => "operators",
        Stage::Nodes => "nodes",
        Stage::Unreachable => "unreachable",
    };
    format!("{}: {stage}: {}\n", escape(cluster), progress.message)
}

/// All clusters, when all is over: a table, then warnings and reasons.
pub fn table(upgrades: &[(String, ClusterUpgrade)]) -> Page {
    let columns = ["CLUSTER", "BEFORE", "NOW", "UPGRADE"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(columns);
    let (mut warnings, mut reasons) = (Page::new(), Page::new());
    for (cluster, upgrade) in upgrades {
        let before = upgrade.before.as_ref();
        let version = before.and_then(|before| before.version.as_deref());
        let now = upgrade.version.as_deref();
        table.row([
            cluster,
            version.unwrap_or("-"),
            now.unwrap_or("-"),
            word(upgrade.state),
        ]);
        for warning in &upgrade.warnings {
            warnings.line(format_args!("warning: {cluster}: {warning}"));
        }
        if let Some(reason) = &upgrade.reason {
            reasons.line(format_args!("{}: {cluster}: {reason}", word(upgrade.state)));
        }
    }
    let mut text = Page::new();
    text.table(&table);
    text.append(&warnings);
    text.append(&reasons);
    text
}

fn word(state: UpgradeState) -> &'static str {
    match state {
        UpgradeState::AlreadyThere => "already there",
        UpgradeState::Requested => "requested",
        UpgradeState::WouldRequest => "would be requested",
        UpgradeState::Upgraded => "upgraded",
        UpgradeState::Refused => "refused",
        UpgradeState::Failed => "failed",
        UpgradeState::Stopped => "stopped",
    }
}
