/*!
From the text of a file to its documents, each with the place it stands at.

`kubectl` takes a file that begins with `{` for a stream of JSON objects and anything else for YAML documents between
`---` lines; so do we. Documents are counted by those lines, because that is the number a person can check.
*/

use serde_json::Value;
use serde_saphyr::{
    MessageFormatter, Options, Spanned, UserMessageFormatter, alias_limits, budget, options,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};

use super::{ObjectsError, Place, value::Kubernetes};

/// One document that is not empty.
pub(super) struct Document {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// Every document that is not empty, in order.
pub(super) fn read(text: &str) -> Result<Vec<Document>, ObjectsError> {
    // A byte order mark is what some editors for Windows leave at the start.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        read_json(text)
    } else {
        read_yaml(text)
    }
}

fn read_json(text: &str) -> Result<Vec<Document>, ObjectsError> {
    let mut documents = Vec::new();
    for (document, value) in
        (0..).zip(serde_json::Deserializer::from_str(text).into_iter::<Kubernetes>())
    {
        match value {
            Ok(value) => documents.push(Document {
                place: Place {
                    document,
                    line: None,
                },
                value: value.0,
            }),
            Err(error) => {
                let line =
                    (error.line() > 0).then_some((error.line() as u64, error.column() as u64));
                let message = error.to_string();
                let reason = message.split(" at line ").next().unwrap_or(&message);
                return Err(malformed(
                    Place { document, line },
                    &format!("not JSON, though it begins with '{{': {reason}"),
                ));
            }
        }
    }
    Ok(documents)
}

fn read_yaml(text: &str) -> Result<Vec<Document>, ObjectsError> {
    let markers = Markers::find(text)?;
    let documents: Vec<Spanned<Kubernetes>> =
        serde_saphyr::from_multiple_with_options(text, settings()).map_err(|error| {
            let location = error.location().filter(|location| location.line() > 0);
            let line = location.map(|location| (location.line(), location.column()));
            let document = markers.document_at(line.map_or(1, |(line, _)| line));
            malformed(
                Place { document, line },
                &UserMessageFormatter.format_message(error.without_snippet()),
            )
        })?;
    let placed = documents.into_iter().map(|spanned| {
        let location = spanned.referenced;
        let line = Some((location.line(), location.column()));
        let place = Place {
            document: markers.document_at(location.line()),
            line,
        };
        Document {
            place,
            value: spanned.value.0,
        }
    });
    Ok(placed.collect())
}

fn malformed(place: Place, reason: &str) -> ObjectsError {
    let reason = reason.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    ObjectsError::Malformed { place, reason }
}

/// YAML 1.1 scalars as `kubectl` has them, and room for real files but not for bombs: a file of 16 MiB may hold a
/// million nodes, and what aliases repeat may add a quarter of that.
fn settings() -> Options {
    options! {
        budget: budget! {
            max_depth: 100,
            max_documents: 100_000,
            max_events: 2_500_000,
            max_nodes: 1_000_000,
            max_total_scalar_bytes: 32 << 20,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: alias_limits! { max_total_replayed_events: 250_000 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

/// The lines that begin with `---`: at the start of a line it is always a document marker (YAML 1.2, section 9.1.2).
struct Markers {
    /// Line numbers, counted from 1.
    lines: Vec<u64>,
    /// Whether there is a document before the first marker.
    begins_bare: bool,
}

impl Markers {
    fn find(text: &str) -> Result<Self, ObjectsError> {
        let mut markers = Self {
            lines: Vec::new(),
            begins_bare: false,
        };
        let mut ended = false;
        for (number, line) in (1..).zip(text.lines()) {
            if is_marker(line, "---") {
                markers.lines.push(number);
                ended = false;
            } else if is_marker(line, "...") {
                ended = true;
            } else if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                if ended {
                    let place = Place {
                        document: markers.document_at(number),
                        line: Some((number, 1)),
                    };
                    let reason = "text follows the end marker '...', which kubectl would drop silently; \
                                  begin the next document with '---'";
                    return Err(malformed(place, reason));
                }
                markers.begins_bare |= markers.lines.is_empty();
            }
        }
        Ok(markers)
    }

    fn document_at(&self, line: u64) -> u32 {
        let passed = self.lines.partition_point(|&marker| marker <= line);
        let number = if self.begins_bare {
            passed
        } else {
            passed.saturating_sub(1)
        };
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}
