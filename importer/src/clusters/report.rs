/*! What the clusters of a list are: a table, JSON, and the exit code. */

use std::collections::{BTreeMap, BTreeSet};

use cli::{Exit, Format};
use cluster::ClusterId;
use schema::text::{Align, Page, Table, joined};
use serde::Serialize;

use super::check::{Checked, Pool};
use crate::{
    Error, report,
    rollout::{
        ClusterOutcome, Detail, Report, State,
        report::names::{alike, names},
    },
};

/// What the clusters of a list are.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    #[serde(flatten)]
    report: Report<Checked>,
    /// Which clusters have which version: several entries are version skew.
    versions: BTreeMap<String, Vec<String>>,
    /// Clusters whose id was written into CLUSTERS.yaml.
    pub written: Vec<String>,
}

impl CheckReport {
    /// Clusters that several entries lead to are no longer right.
    pub fn new(mut report: Report<Checked>) -> Self {
        refuse_twins(&mut report.clusters);
        let Report {
            began,
            ended,
            clusters,
            ..
        } = report;
        let report = Report {
            began,
            ended,
            ..Report::new(false, clusters)
        };
        let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for cluster in &report.clusters {
            let name = cluster.cluster.clone();
            versions.entry(version(cluster)).or_default().push(name);
        }
        versions.remove("");
        Self {
            report,
            versions,
            written: Vec::new(),
        }
    }

    /// The ids of clusters with which nothing is wrong, by name.
    pub fn known(&self) -> BTreeMap<String, ClusterId> {
        let right = self.report.clusters.iter().filter(|one| one.is_done());
        let known = right.filter_map(|one| Some((one.cluster.clone(), one.cluster_id.clone()?)));
        known.collect()
    }

    /// With which code the program ends.
    pub fn exit(&self) -> Exit {
        self.report.exit()
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        if format == Format::Json {
            return report::json(self);
        }
        let mut text = self.report.shown(format)?;
        if self.versions.len() > 1 {
            let versions = self.versions.iter().map(|(version, clusters)| {
                let clusters: Vec<_> = clusters.iter().map(String::as_str).collect();
                format!("{version} on {}", names(&clusters))
            });
            let versions: Vec<_> = versions.collect();
            text.line(format_args!("versions differ: {}", versions.join("; ")));
        }
        if !self.written.is_empty() {
            let written: Vec<_> = self.written.iter().map(String::as_str).collect();
            text.line(format_args!("clusterID written for {}", names(&written)));
        }
        Ok(text)
    }
}

/// The version of OpenShift, or of Kubernetes where it is none; empty if neither is known.
fn version(cluster: &ClusterOutcome<Checked>) -> String {
    let kubernetes = cluster.detail.kubernetes_version.as_ref();
    match (&cluster.cluster_version, kubernetes) {
        (Some(version), _) => format!("OpenShift {version}"),
        (None, Some(version)) => format!("Kubernetes {version}"),
        (None, None) => String::new(),
    }
}

/// Entries that lead to one cluster, by its id or, without one, by its address.
fn refuse_twins(clusters: &mut [ClusterOutcome<Checked>]) {
    let key = |one: &ClusterOutcome<Checked>| match &one.cluster_id {
        Some(id) => Some(format!("clusterID {id}")),
        None => one.server.clone(),
    };
    let mut entries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in clusters.iter() {
        if let Some(key) = key(one) {
            entries.entry(key).or_default().insert(one.cluster.clone());
        }
    }
    for one in clusters.iter_mut().filter(|one| one.is_done()) {
        let Some(key) = key(one) else { continue };
        let names = entries.get(&key).into_iter().flatten();
        let others: Vec<_> = names
            .filter(|name| **name != one.cluster)
            .cloned()
            .collect();
        if !others.is_empty() {
            one.state = State::Failed;
            one.reason = Some(format!(
                "this is the same cluster as {} ({key}); leave all but one of them out of the list, or mend the context",
                others.join(", ")
            ));
        }
    }
}

impl Detail for Checked {
    const FORMAT: &'static str = "offline-bundle-clusters/v1";

    fn summary(&self) -> String {
        pools(&self.pools)
    }

    fn lines(&self) -> Vec<[String; 3]> {
        Vec::new()
    }

    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page) {
        let warnings = clusters.iter().flat_map(|one| {
            let forbidden = match one.detail.forbidden.as_slice() {
                [] => None,
                forbidden => Some(format!("this user may not {}", joined(forbidden))),
            };
            let warnings = one.warnings.iter().cloned().chain(forbidden);
            warnings.map(|warning| (warning, one.cluster.as_str()))
        });
        for (warning, clusters) in alike(warnings) {
            text.line(format_args!("warning: {}: {warning}", names(&clusters)));
        }
        if !text.is_empty() {
            text.gap();
        }
        let columns = [
            "CLUSTER",
            "STATE",
            "SERVER",
            "CLUSTER ID",
            "OPENSHIFT",
            "KUBERNETES",
            "POOLS",
            "RIGHTS",
            "WHY",
        ];
        let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
        for one in clusters {
            let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            table.row([
                one.cluster.clone(),
                one.state.word().to_owned(),
                or(one.server.clone()),
                or(one.cluster_id.as_ref().map(ToString::to_string)),
                or(one.cluster_version.clone()),
                or(one.detail.kubernetes_version.clone()),
                pools(&one.detail.pools),
                match (one.server.is_some(), one.detail.forbidden.len()) {
                    (false, _) => "-".to_owned(),
                    (true, 0) => "all".to_owned(),
                    (true, lacking) => format!("{lacking} lacking"),
                },
                one.reason.clone().unwrap_or_default(),
            ]);
        }
        text.table(&table);
    }
}

/// `master, worker paused degraded`.
fn pools(pools: &[Pool]) -> String {
    let words = pools.iter().map(|pool| {
        let mut words = vec![pool.name.clone()];
        words.extend(pool.paused.then(|| "paused".to_owned()));
        words.extend(pool.updating.then(|| "updating".to_owned()));
        words.extend(pool.degraded.as_ref().map(|why| match why.as_str() {
            "" => "degraded".to_owned(),
            why => format!("degraded ({why})"),
        }));
        words.join(" ")
    });
    match words.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "-".to_owned(),
        words => words,
    }
}
