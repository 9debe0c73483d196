/*! What an apply did, or would do, on every cluster: the part of the report that is about objects. */

use schema::text::{Align, Page, Table};

use super::outcome::{Action, Applied, ObjectOutcome};
use crate::rollout::{ClusterOutcome, Detail, Report};

/// What an apply did to every cluster.
pub type ApplyReport = Report<Applied>;

impl Detail for Applied {
    const FORMAT: &'static str = "offline-bundle-apply/v1";

    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page) {
        for cluster in clusters {
            for warning in &cluster.warnings {
                text.line(format_args!("warning: {}: {warning}", cluster.cluster));
            }
        }
        for cluster in clusters {
            for diff in &cluster.detail.diffs {
                text.line(format_args!("{}:", cluster.cluster));
                text.document(diff);
            }
        }
        for cluster in clusters {
            let objects = cluster.detail.objects.iter();
            for object in objects.filter(|object| object.action != Action::Unchanged) {
                text.line(line(cluster, object));
            }
        }
        if !text.is_empty() {
            text.gap();
        }
        text.table(&matrix(clusters));
    }
}

/// A row for each cluster, a column for each action.
fn matrix(clusters: &[ClusterOutcome<Applied>]) -> Table {
    let actions = [
        Action::Created,
        Action::Configured,
        Action::Unchanged,
        Action::Conflict,
        Action::Failed,
        Action::Skipped,
    ];
    let headings = [
        "CREATED",
        "CONFIGURED",
        "UNCHANGED",
        "CONFLICT",
        "FAILED",
        "SKIPPED",
    ];
    let columns = [
        ("CLUSTER", Align::Left),
        ("WAVE", Align::Right),
        ("STATE", Align::Left),
    ];
    let columns = columns
        .into_iter()
        .chain(headings.map(|heading| (heading, Align::Right)));
    let mut table = Table::new(columns.chain([("WHY", Align::Left)]));
    for cluster in clusters {
        let count = |action| {
            cluster
                .detail
                .objects
                .iter()
                .filter(|object| object.action == action)
                .count()
        };
        let counts = actions.map(|action| count(action).to_string());
        let cells = [
            cluster.cluster.clone(),
            cluster.wave.to_string(),
            cluster.state.word().to_owned(),
        ];
        let why = cluster.reason.clone().unwrap_or_default();
        table.row(cells.into_iter().chain(counts).chain([why]));
    }
    table
}

/// `CLUSTER: configmap/NAME created`, as `kubectl` says it, and why.
fn line(cluster: &ClusterOutcome<Applied>, object: &ObjectOutcome) -> String {
    let group = object
        .api_version
        .split_once('/')
        .map_or(String::new(), |(group, _)| format!(".{group}"));
    let namespace = object
        .namespace
        .iter()
        .map(|namespace| format!(" -n {namespace}"));
    let reason = object.reason.iter().map(|reason| format!(": {reason}"));
    format!(
        "{}: {}{group}/{} {}{}{}",
        cluster.cluster,
        object.kind.to_lowercase(),
        object.name,
        object.action.word(),
        namespace.collect::<String>(),
        reason.collect::<String>(),
    )
}
