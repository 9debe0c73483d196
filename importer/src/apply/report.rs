/*! What an apply did, or would do, on every cluster: the part of the report that is about objects. */

use schema::text::{Align, Page, Table};

use super::outcome::{Action, Applied, ObjectOutcome};
use crate::rollout::{
    ClusterOutcome, Detail, Report,
    report::names::{lines, names, rows},
};

/// What an apply did to every cluster.
pub type ApplyReport = Report<Applied>;

impl Detail for Applied {
    const FORMAT: &'static str = "offline-bundle-apply/v1";

    fn summary(&self) -> String {
        let counts = ACTIONS.iter().filter_map(|(action, _)| {
            let count = self.count(*action);
            (count > 0).then(|| format!("{count} {}", action.word()))
        });
        counts.collect::<Vec<_>>().join(", ")
    }

    fn lines(&self) -> Vec<[String; 3]> {
        let objects = self.objects.iter();
        let lines = objects.map(|object| {
            let what = name(object);
            let why = object.reason.clone().unwrap_or_default();
            [what, object.action.word().to_owned(), why]
        });
        lines.collect()
    }

    /// What is alike on several clusters is shown once, with their names.
    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page) {
        let each = |of: fn(&ClusterOutcome<Self>) -> Vec<String>| lines(clusters, of);
        for (warning, clusters) in each(|cluster| cluster.warnings.clone()) {
            text.line(format_args!("warning: {}: {warning}", names(&clusters)));
        }
        for (diff, clusters) in each(|cluster| cluster.detail.diffs.clone()) {
            text.line(format_args!("{}:", names(&clusters)));
            text.document(&diff);
        }
        for (line, clusters) in each(|cluster| cluster.detail.changes()) {
            text.line(format_args!("{}: {line}", names(&clusters)));
        }
        if !text.is_empty() {
            text.gap();
        }
        text.table(&matrix(clusters));
    }
}

impl Applied {
    fn count(&self, action: Action) -> usize {
        let objects = self.objects.iter();
        objects.filter(|object| object.action == action).count()
    }

    /// `configmap/NAME created`, as `kubectl` says it, and why, for each object that was not right already.
    fn changes(&self) -> Vec<String> {
        let objects = self.objects.iter();
        let changed = objects.filter(|object| object.action != Action::Unchanged);
        let lines = changed.map(|object| {
            let namespace = object.namespace.iter();
            let namespace: String = namespace
                .map(|namespace| format!(" -n {namespace}"))
                .collect();
            let reason: String = object
                .reason
                .iter()
                .map(|reason| format!(": {reason}"))
                .collect();
            format!(
                "{} {}{namespace}{reason}",
                name(object),
                object.action.word()
            )
        });
        lines.collect()
    }
}

/// In the order of the table's columns.
const ACTIONS: [(Action, &str); 6] = [
    (Action::Created, "CREATED"),
    (Action::Configured, "CONFIGURED"),
    (Action::Unchanged, "UNCHANGED"),
    (Action::Conflict, "CONFLICT"),
    (Action::Failed, "FAILED"),
    (Action::Skipped, "SKIPPED"),
];

/// A row for each cluster, a column for each action.
fn matrix(clusters: &[ClusterOutcome<Applied>]) -> Table {
    let columns = [
        ("CLUSTER", Align::Left),
        ("WAVE", Align::Right),
        ("STATE", Align::Left),
    ];
    let counts = ACTIONS.map(|(_, heading)| (heading, Align::Right));
    let columns = columns.into_iter().chain(counts);
    let mut table = Table::new(columns.chain([("WHY", Align::Left)]));
    let each = clusters.iter().map(|cluster| {
        let mut row = vec![cluster.wave.to_string(), cluster.state.word().to_owned()];
        row.extend(ACTIONS.map(|(action, _)| cluster.detail.count(action).to_string()));
        row.push(cluster.reason.clone().unwrap_or_default());
        (row, cluster.cluster.as_str())
    });
    for row in rows(each) {
        table.row(row);
    }
    table
}

/// `deployment.apps/web`, as `kubectl` names an object.
fn name(object: &ObjectOutcome) -> String {
    let group = object.api_version.split_once('/');
    let group = group.map_or(String::new(), |(group, _)| format!(".{group}"));
    format!("{}{group}/{}", object.kind.to_lowercase(), object.name)
}
