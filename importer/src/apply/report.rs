/*! What an apply did, or would do, on every cluster: the matrix for people, JSON for programs and for the next run. */

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use cli::Exit;
use schema::output::{self, Destination};
use schema::text::{Align, Page, Table, counted};
use serde::{Deserialize, Serialize};

use super::outcome::{self, Action, ClusterOutcome, ObjectOutcome, State};
use crate::{Error, options::Format};

/// Names the file as ours, and its version.
const FORMAT: &str = "offline-bundle-apply/v1";

/// The account of an apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// Always the same words, so that `--retry-failed` knows what it reads.
    pub format: String,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Every cluster, in the order of CLUSTERS.yaml or of the command line.
    pub clusters: Vec<ClusterOutcome>,
}

impl ApplyReport {
    /// The account of these clusters.
    pub fn new(dry_run: bool, clusters: Vec<ClusterOutcome>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            dry_run,
            clusters,
        }
    }

    /// Reads what an earlier run wrote with `--report`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        /// A report of thousands of clusters has a few MiB.
        const LIMIT: u64 = 256 << 20;
        let usage = |reason: &dyn std::fmt::Display| {
            Error::Usage(format!(
                "--retry-failed {}: {reason}; expected a file that --report wrote",
                path.display()
            ))
        };
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
            .map_err(|error| usage(&error))?;
        if bytes.len() as u64 > LIMIT {
            return Err(usage(&"it is larger than 256 MiB"));
        }
        let report: Self = serde_json::from_slice(&bytes).map_err(|error| usage(&error))?;
        if report.format != FORMAT {
            return Err(usage(&format!("its format is {:?}", report.format)));
        }
        if report.dry_run {
            return Err(usage(
                &"it is the account of a dry run, which changed nothing",
            ));
        }
        Ok(report)
    }

    /// Finds out whether [`Self::write`] will be able to, and over none of the files that are read: before clusters are
    /// changed, not after.
    pub fn check<'a>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<(), Error> {
        Destination::look(path)?;
        match output::is_one_of(path, inputs) {
            None => Ok(()),
            Some(input) => Err(Error::Usage(format!(
                "--report {}: this is {}, which is read; name another file",
                path.display(),
                input.display()
            ))),
        }
    }

    /// Writes it where the next run can read it, whole or not at all, and nobody else.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = crate::report::json(self)?;
        Ok(output::replace(
            &Destination::look(path)?,
            text.as_str().as_bytes(),
            0o600,
        )?)
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Json => crate::report::json(self),
            Format::Table => Ok(self.table()),
        }
    }

    /// With which code the program ends.
    pub fn exit(&self) -> Exit {
        outcome::exit(&self.clusters)
    }

    fn table(&self) -> Page {
        let mut text = Page::new();
        for cluster in &self.clusters {
            for warning in &cluster.warnings {
                text.line(format_args!("warning: {}: {warning}", cluster.cluster));
            }
        }
        for cluster in &self.clusters {
            for diff in &cluster.diffs {
                text.line(format_args!("{}:", cluster.cluster));
                text.document(diff);
            }
        }
        for cluster in &self.clusters {
            for object in cluster
                .objects
                .iter()
                .filter(|object| object.action != Action::Unchanged)
            {
                text.line(line(cluster, object));
            }
        }
        if !text.is_empty() {
            text.gap();
        }
        text.table(&self.matrix());
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for cluster in &self.clusters {
            *states.entry(state(cluster.state)).or_default() += 1;
        }
        let states: Vec<_> = states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let dry_run = if self.dry_run {
            " (dry run: nothing was changed)"
        } else {
            ""
        };
        if states.is_empty() {
            text = Page::new();
            text.line(format_args!(
                "No cluster has a turn: nothing is left to do{dry_run}"
            ));
            return text;
        }
        let clusters = counted(self.clusters.len(), "cluster");
        text.gap();
        text.line(format_args!("{clusters}: {}{dry_run}", states.join(", ")));
        text
    }

    /// A row for each cluster, a column for each fate of an object.
    fn matrix(&self) -> Table {
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
        for cluster in &self.clusters {
            let count = |action| {
                cluster
                    .objects
                    .iter()
                    .filter(|object| object.action == action)
                    .count()
            };
            let counts = actions.map(|action| count(action).to_string());
            let cells = [
                cluster.cluster.clone(),
                (cluster.wave + 1).to_string(),
                state(cluster.state).to_owned(),
            ];
            let why = cluster.reason.clone().unwrap_or_default();
            table.row(cells.into_iter().chain(counts).chain([why]));
        }
        table
    }
}

/// `CLUSTER: configmap/NAME created`, as `kubectl` says it, and why.
fn line(cluster: &ClusterOutcome, object: &ObjectOutcome) -> String {
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
        word(object.action),
        namespace.collect::<String>(),
        reason.collect::<String>(),
    )
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Configured => "configured",
        Action::Conflict => "conflict",
        Action::Created => "created",
        Action::Failed => "failed",
        Action::Skipped => "skipped",
        Action::Unchanged => "unchanged",
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Done => "done",
        State::Failed => "failed",
        State::Stopped => "stopped",
        State::Unreachable => "unreachable",
    }
}
