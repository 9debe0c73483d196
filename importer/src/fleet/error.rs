/*! Why there are no clusters to go to. All of it the user's fault, and found before any cluster is asked. */

use std::{fmt, path::PathBuf};

use schema::text::escape;

/// How alike two names are, from 0 to 1, before one is offered for the other.
const ALIKE: f64 = 0.8;

/// Clusters that cannot be worked out.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// Something in CLUSTERS.yaml.
    #[error("{}{place}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong there, and what to do.
        reason: String,
    },
    /// A kubeconfig cannot be read.
    #[error("kubeconfig {}: {reason}", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why; nothing of its content.
        reason: String,
    },
    /// No flag names clusters.
    #[error(
        "no cluster is named: give --context once for each cluster, or --clusters CLUSTERS.yaml; the contexts are {known}"
    )]
    NoContext {
        /// What could be named.
        known: String,
    },
    /// No kubeconfig where one is looked for.
    #[error("there is no kubeconfig{}; give one with --kubeconfig", looked_in(.0))]
    NoKubeconfig(Vec<PathBuf>),
    /// A context that is not there.
    #[error("there is no context {context:?}{}; the contexts are {known}", did_you_mean(.hint))]
    NoSuchContext {
        /// As typed.
        context: String,
        /// One much like it.
        hint: Option<String>,
        /// What there is.
        known: String,
    },
    /// What was written into a list is not what it says afterwards.
    #[error(
        "what was written there is not what the file says now; somebody else may have written to it too, so look at it"
    )]
    Rewritten,
    /// The same cluster again.
    #[error("the context {0:?} is named twice; name each cluster once")]
    Twice(String),
}

/// Line and column, counted from 1, where known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub Option<(u64, u64)>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(line, column)| write!(f, " (line {line}, column {column})"))
    }
}

/// The name most like a mistyped one, if any is like it at all.
pub(super) fn closest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let typed = typed.to_lowercase();
    known
        .map(|name| (strsim::jaro_winkler(&typed, &name.to_lowercase()), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.to_owned())
}

/// `, did you mean "eu"?`, or nothing.
pub(super) fn did_you_mean(hint: &Option<String>) -> String {
    hint.as_ref().map_or(String::new(), |hint| {
        format!(" (did you mean {:?}?)", escape(hint))
    })
}

fn looked_in(files: &[PathBuf]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    if files.is_empty() {
        String::new()
    } else {
        format!(" at {}", files.join(", "))
    }
}
