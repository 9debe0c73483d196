/*! Why a file of Kubernetes documents is refused: in one sentence each, with the place as people count it. */

use std::fmt;

use serde_json::Value;

/// Where in a file. Shown as people count: documents, lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Document, counted from 0.
    pub document: u32,
    /// Line and column in the file, counted from 1, where known.
    pub line: Option<(u64, u64)>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}", u64::from(self.document) + 1)?;
        self.line
            .iter()
            .try_for_each(|(line, column)| write!(f, " (line {line}, column {column})"))
    }
}

/// Why a file cannot be applied. The fault of the file; trying again is of no help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// The server would name the object anew at every import.
    #[error(
        "{location}: {kind} has metadata.generateName but no metadata.name, so each import would create another one; give it a name"
    )]
    GenerateName {
        /// Where.
        location: Location,
        /// Its kind.
        kind: String,
    },
    /// Copied out of a cluster, with what only that cluster may say.
    #[error(
        "{location}: {owner} has {field}, which belongs to the cluster that it was copied from; strip it: \
         yq -i 'del({prefix}.metadata.uid, {prefix}.metadata.resourceVersion, {prefix}.metadata.managedFields, \
         {prefix}.metadata.creationTimestamp, {prefix}.metadata.deletionTimestamp, {prefix}.metadata.deletionGracePeriodSeconds, \
         {prefix}.metadata.generation, {prefix}.metadata.selfLink, {prefix}.metadata.ownerReferences, {prefix}.status)' FILE"
    )]
    Leftover {
        /// Where.
        location: Location,
        /// Kind and name.
        owner: String,
        /// Which field.
        field: &'static str,
        /// Where objects are in each document, as `yq` writes it: nothing, or `.items[]`.
        prefix: &'static str,
    },
    /// Not YAML or JSON, or not in a way that every reader takes alike.
    #[error("{location}: {reason}")]
    Malformed {
        /// Where.
        location: Location,
        /// What is wrong there, and what to write instead.
        reason: String,
    },
    /// Without this field no cluster can take it.
    #[error(
        "{location}: {owner}has no {field}; every Kubernetes object needs apiVersion, kind and metadata.name"
    )]
    Missing {
        /// Where.
        location: Location,
        /// Its kind and a space, where known.
        owner: String,
        /// Which field.
        field: &'static str,
    },
    /// A document that is something else.
    #[error(
        "{location}: expected a Kubernetes object (a mapping with apiVersion, kind and metadata), found {found}"
    )]
    NotAnObject {
        /// Where.
        location: Location,
        /// What it is.
        found: &'static str,
    },
    /// A field of the wrong type.
    #[error("{location}: {field} is {found}, expected {expected}")]
    NotAString {
        /// Where.
        location: Location,
        /// Which field.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Not UTF-8.
    #[error("line {line}, column {column}: the text is not UTF-8{hint}; save the file as UTF-8")]
    NotText {
        /// Line of the first byte that is not, counted from 1.
        line: u64,
        /// Its column in characters, counted from 1.
        column: u64,
        /// What it seems to be instead.
        hint: &'static str,
    },
    /// An object that every cluster refuses.
    #[error("{location}: no cluster takes {owner}: {reason}")]
    Refused {
        /// Where.
        location: Location,
        /// Kind and name.
        owner: String,
        /// Which field, and what is wrong with it.
        reason: String,
    },
    /// What makes a manifest, but is none yet.
    #[error(
        "{location}: this is a Helm template, no manifest; render the chart first (helm template NAME CHART > manifests.yaml) and bundle what comes out"
    )]
    Template {
        /// Where.
        location: Location,
    },
    /// More than [`super::FILE_LIMIT`].
    #[error(
        "the file has {0} bytes, more than the 16 MiB that are read; split it into several files"
    )]
    TooLarge(usize),
}

impl ObjectsError {
    /// What is wrong with the way a document is written, in one line.
    pub(super) fn malformed(location: Location, reason: &str) -> Self {
        let reason = reason.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self::Malformed { location, reason }
    }
}

/// What a value is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Null => "nothing",
        Value::Number(_) => "a number",
        Value::Object(_) => "a mapping",
        Value::String(_) => "a string",
    }
}
