/*! What came of a run over many clusters: a file that the next run can read, a table, and the exit code. */

pub(super) mod html;
pub(crate) mod names;
pub(super) mod preflight;
pub(super) mod record;
pub(super) mod retry;
mod summary;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use cli::{Exit, Format};
use jiff::Timestamp;
use schema::{
    Digest,
    output::{self, Destination},
    text::{Page, counted},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::outcome::ClusterOutcome;
use crate::Error;

/// What is reported of one kind of work.
pub trait Detail: Clone + Default + Serialize + DeserializeOwned {
    /// Names the report and its version: `offline-bundle-apply/v1`.
    const FORMAT: &'static str;

    /// What became of a cluster in a few words: `3 created, 1 failed`.
    fn summary(&self) -> String;

    /// The objects or other parts of a cluster that are worth a line each: what, what became of it, and why.
    fn lines(&self) -> Vec<[String; 3]>;

    /// The table for people.
    fn table(clusters: &[ClusterOutcome<Self>], text: &mut Page);
}

/// What came of a run over many clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Report<D> {
    /// Always the same words, so that `--retry-failed` knows what it reads.
    pub format: String,
    /// The version of the program.
    #[serde(default)]
    pub program_version: String,
    /// The id of the bundle, where one was read: the SHA-256 of its `bundle.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// Nothing was changed.
    pub dry_run: bool,
    /// When the run began (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub began: Option<Timestamp>,
    /// When it ended; missing in what a run that was cut short has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub ended: Option<Timestamp>,
    /// How many clusters got how far: `done`, `failed`, `stopped`, `unreachable`.
    #[serde(default)]
    pub counts: BTreeMap<String, usize>,
    /// Every cluster, in the order of CLUSTERS.yaml or of the command line.
    pub clusters: Vec<ClusterOutcome<D>>,
}

impl<D: Detail> Report<D> {
    /// The report on these clusters.
    pub fn new(dry_run: bool, clusters: Vec<ClusterOutcome<D>>) -> Self {
        Self {
            format: D::FORMAT.to_owned(),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            bundle: None,
            dry_run,
            began: None,
            ended: None,
            counts: counts(&clusters),
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
        if report.format != D::FORMAT {
            return Err(usage(&format!(
                "its format is {:?}, not {:?}",
                report.format,
                D::FORMAT
            )));
        }
        if report.dry_run {
            return Err(usage(
                &"it is the report of a dry run, which changed nothing",
            ));
        }
        Ok(report)
    }

    /// Writes it where the next run can read it, whole or not at all, and nobody else.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = crate::report::json(self)?;
        Ok(output::replace(
            &Destination::resolve(path)?,
            text.as_str().as_bytes(),
            0o600,
        )?)
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Json => crate::report::json(self),
            Format::Table => Ok(self.page(D::table)),
        }
    }

    /// The text for standard output with only what is not as it should be.
    pub fn summary(&self) -> Page {
        self.page(summary::table)
    }

    fn page(&self, table: impl Fn(&[ClusterOutcome<D>], &mut Page)) -> Page {
        let mut text = Page::new();
        let dry_run = if self.dry_run {
            " (dry run: nothing was changed)"
        } else {
            ""
        };
        if self.clusters.is_empty() {
            text.line(format_args!(
                "No cluster has a turn: nothing is left to do{dry_run}"
            ));
            return text;
        }
        table(&self.clusters, &mut text);
        let states = counts(&self.clusters);
        let states: Vec<_> = states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let clusters = counted(self.clusters.len(), "cluster");
        text.gap();
        text.line(format_args!("{clusters}: {}{dry_run}", states.join(", ")));
        text
    }

    /// With which code the program ends.
    pub fn exit(&self) -> Exit {
        let done = self.clusters.iter().filter(|cluster| cluster.is_done());
        match done.count() {
            all if all == self.clusters.len() => Exit::Done,
            0 => Exit::AllClusters,
            _ => Exit::SomeClusters,
        }
    }
}

fn counts<D>(clusters: &[ClusterOutcome<D>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for cluster in clusters {
        *counts.entry(cluster.state.word().to_owned()).or_default() += 1;
    }
    counts
}

/// Finds out whether [`Report::write`] will be able to, and over none of the files that are read: before clusters are
/// changed, not after.
pub fn check<'a>(
    flag: &str,
    path: &Path,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Error> {
    Destination::resolve(path)?;
    match output::is_one_of(path, inputs) {
        None => Ok(()),
        Some(input) => Err(Error::Usage(format!(
            "{flag} {}: this is {}, which is read; name another file",
            path.display(),
            input.display()
        ))),
    }
}
