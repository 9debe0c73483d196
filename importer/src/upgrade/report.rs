/*! What became of upgrades: the part of the report that is about releases. */

use schema::text::{Align, Page, Table};
use serde::{Deserialize, Serialize};

use super::show::Before;
use crate::prove_pull::Pulled;
use crate::rollout::{
    ClusterOutcome, Detail, Report,
    report::names::{alike, lines, names, rows},
};

/// What became of the upgrade of every cluster.
pub type UpgradeReport = Report<UpgradeDetail>;

/// How far the upgrade of a cluster got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeState {
    /// It was not asked: the release is the one it has, or is on its way to.
    AlreadyThere,
    /// It was asked for, and not waited for to its end.
    Requested,
    /// It would be asked for (`--dry-run`).
    WouldRequest,
    /// It has the release now, nodes included.
    Upgraded,
    /// It was not asked for: the cluster is not fit, or the release not right for it.
    Refused,
}

impl UpgradeState {
    fn word(self) -> &'static str {
        match self {
            Self::AlreadyThere => "already there",
            Self::Requested => "requested",
            Self::WouldRequest => "would be requested",
            Self::Upgraded => "upgraded",
            Self::Refused => "refused",
        }
    }
}

/// The upgrade of a cluster, when it is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct UpgradeDetail {
    /// How far it got; nothing where the cluster was not asked anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeState>,
    /// How the cluster was before, unless it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What nodes have pulled, or could not, where that was to be proved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<Pulled>,
    /// The version it is at now, if it was watched to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Detail for UpgradeDetail {
    const FORMAT: &'static str = "offline-bundle-upgrade/v1";

    fn summary(&self) -> String {
        self.upgrade.map_or("", UpgradeState::word).to_owned()
    }

    fn lines(&self) -> Vec<[String; 3]> {
        Vec::new()
    }

    /// A table, then warnings and reasons.
    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page) {
        let columns = ["CLUSTER", "WAVE", "BEFORE", "NOW", "STATE", "UPGRADE"];
        let mut table = Table::new(columns.map(|heading| match heading {
            "WAVE" => (heading, Align::Right),
            _ => (heading, Align::Left),
        }));
        let each = clusters.iter().map(|outcome| {
            let before = outcome.detail.before.as_ref();
            let version = before.and_then(|before| before.version.as_deref());
            let now = outcome.detail.version.as_deref();
            let cells = [
                &*outcome.wave.to_string(),
                version.unwrap_or("-"),
                now.unwrap_or("-"),
                outcome.state.word(),
                outcome.detail.upgrade.map_or("-", UpgradeState::word),
            ];
            let cells = cells.map(str::to_owned).to_vec();
            (cells, outcome.cluster.as_str())
        });
        for row in rows(each) {
            table.row(row);
        }
        text.table(&table);
        for (warning, clusters) in lines(clusters, |outcome| outcome.warnings.clone()) {
            text.line(format_args!("warning: {}: {warning}", names(&clusters)));
        }
        let reasons = clusters.iter().filter_map(|outcome| {
            let reason = outcome.reason.as_deref()?;
            Some(((outcome.state, reason), outcome.cluster.as_str()))
        });
        for ((state, reason), clusters) in alike(reasons) {
            text.line(format_args!(
                "{}: {}: {reason}",
                state.word(),
                names(&clusters)
            ));
        }
    }
}
