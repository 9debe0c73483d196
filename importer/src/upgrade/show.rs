/*! What people read of an upgrade: how the cluster was before, and how far it is. */

use cluster::{
    ClusterId,
    openshift::{among, condition, desired_version, digest_of, items, one_line, text},
};
use schema::text::escape;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Progress, Stage, request::UpgradeRequest};

/// A cluster before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Before {
    /// `spec.clusterID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<String>"))]
    pub cluster_id: Option<ClusterId>,
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
            (recommended.status != "True").then(|| recommended.text())
        });
        let upgradeable = condition(cluster_version, "Upgradeable");
        Self {
            cluster_id: ClusterId::of(cluster_version),
            version: desired_version(cluster_version).map(escape),
            image: one_line(text(cluster_version, "/status/desired/image")),
            channel: filled("/spec/channel"),
            not_upgradeable: upgradeable
                .filter(|condition| condition.status == "False")
                .map(|condition| condition.text()),
            risks: risks.collect(),
        }
    }

    /// How it is, on one line.
    pub fn line(&self, request: &UpgradeRequest) -> String {
        let version = self.version.as_deref().unwrap_or("an unknown version");
        let channel = self.channel.as_deref().unwrap_or("none");
        let wanted = match &request.version {
            Some(version) => format!("{} ({})", escape(version), request.image),
            None => request.image.to_string(),
        };
        format!("at {version}, channel {channel}; wanted: {wanted}")
    }

    /// What speaks against asking it, a sentence each.
    pub fn warnings(&self, request: &UpgradeRequest) -> Vec<String> {
        let there = digest_of(&self.image) == Some(request.image.digest());
        let not_upgradeable = self.not_upgradeable.iter().filter(|_| !there);
        let not_upgradeable = not_upgradeable.map(|reason| {
            let how = match reason.contains("AdminAck") {
                true => "; acknowledge it with `importer apply --acknowledge ack-VERSION-…`",
                false => "",
            };
            format!("the cluster says it is not upgradeable and will itself refuse a release of another minor version: {reason}{how}")
        });
        let risks = self.risks.iter();
        let risks = risks.map(|risk| format!("not recommended for this cluster: {risk}"));
        not_upgradeable.chain(risks).collect()
    }
}

/// Progress on one line.
pub fn progress(progress: &Progress) -> String {
    let stage = match progress.stage {
        Stage::Accepting => "release",
        Stage::Operators => "operators",
        Stage::Nodes => "nodes",
        Stage::Unreachable => "unreachable",
    };
    format!("{stage}: {}", progress.message)
}
