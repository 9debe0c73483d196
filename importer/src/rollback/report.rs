/*! What a rollback did, or would do: per object, and the table for people. */

use schema::text::{Align, Page, Table};
use serde::{Deserialize, Serialize};

use crate::{
    backup::SavedObject,
    rollout::{
        ClusterOutcome, Detail, Report,
        report::names::{lines, names, rows},
    },
};

/// What a rollback did to every cluster.
pub type RollbackReport = Report<RolledBack>;

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RollbackAction {
    /// It is again as it was saved.
    Restored,
    /// It was not there when the backup was made, and is gone.
    Deleted,
    /// It was as it was saved, or was not there.
    Unchanged,
    /// It was left alone on purpose.
    Kept,
    /// The server refused it, or could not be asked.
    Failed,
}

impl RollbackAction {
    const ALL: [Self; 5] = [
        Self::Restored,
        Self::Deleted,
        Self::Unchanged,
        Self::Kept,
        Self::Failed,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
            Self::Failed => "failed",
        }
    }
}

/// An object on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ObjectRollback {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// What became of it.
    pub action: RollbackAction,
    /// Why, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ObjectRollback {
    /// What became of a saved object.
    pub fn of(object: &SavedObject, action: RollbackAction, reason: Option<String>) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            action,
            reason,
        }
    }
}

/// What a rollback did to a cluster, or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RolledBack {
    /// Every object of the backup, in the order in which they were brought back.
    #[serde(default)]
    pub objects: Vec<ObjectRollback>,
}

impl Detail for RolledBack {
    const FORMAT: &'static str = "offline-bundle-rollback/v1";

    fn summary(&self) -> String {
        let changed = self.objects.iter();
        let changed = changed.filter(|object| object.action != RollbackAction::Unchanged);
        format!("{} of {} brought back", changed.count(), self.objects.len())
    }

    fn lines(&self) -> Vec<[String; 3]> {
        let objects = self.objects.iter();
        let lines = objects.map(|object| {
            let what = format!("{}/{}", object.kind.to_lowercase(), object.name);
            let why = object.reason.clone().unwrap_or_default();
            [what, object.action.word().to_owned(), why]
        });
        lines.collect()
    }

    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page) {
        for (warning, clusters) in lines(clusters, |cluster| cluster.warnings.clone()) {
            text.line(format_args!("warning: {}: {warning}", names(&clusters)));
        }
        let changes = |cluster: &ClusterOutcome<Self>| {
            let objects = cluster.detail.objects.iter();
            let changed = objects.filter(|object| object.action != RollbackAction::Unchanged);
            changed.map(line).collect()
        };
        for (line, clusters) in lines(clusters, changes) {
            text.line(format_args!("{}: {line}", names(&clusters)));
        }
        if !text.is_empty() {
            text.gap();
        }
        let columns = [
            ("CLUSTER", Align::Left),
            ("WAVE", Align::Right),
            ("STATE", Align::Left),
            ("RESTORED", Align::Right),
            ("DELETED", Align::Right),
            ("UNCHANGED", Align::Right),
            ("KEPT", Align::Right),
            ("FAILED", Align::Right),
            ("WHY", Align::Left),
        ];
        let mut table = Table::new(columns);
        let each = clusters.iter().map(|cluster| {
            let objects = &cluster.detail.objects;
            let counts = RollbackAction::ALL.map(|action| {
                let count = objects.iter().filter(|object| object.action == action);
                count.count().to_string()
            });
            let cells = [cluster.wave.to_string(), cluster.state.word().to_owned()];
            let why = cluster.reason.clone().unwrap_or_default();
            let cells = cells.into_iter().chain(counts).chain([why]);
            (cells.collect(), cluster.cluster.as_str())
        });
        for row in rows(each) {
            table.row(row);
        }
        text.table(&table);
    }
}

fn line(object: &ObjectRollback) -> String {
    let namespace = object.namespace.as_ref();
    let namespace = namespace.map_or(String::new(), |namespace| format!(" -n {namespace}"));
    let reason = object.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    format!(
        "{}/{} {}{namespace}{reason}",
        object.kind.to_lowercase(),
        object.name,
        object.action.word(),
    )
}
