/*!
Kubernetes documents, read as `kubectl` reads them.

Both programs read manifests: the bundler to refuse a broken file while somebody can still mend it, the importer to
find out what it is about to apply. They must never disagree, neither with each other nor with `kubectl`, so there is
one reader. It differs from `kubectl` only where that silently loses something (a repeated key, text after `...`, a
key that changes its spelling): there it refuses.
*/

mod documents;
mod value;

use std::fmt;

use serde_json::{Map, Value};

pub use value::Kubernetes;

/// The most one file may hold: 16 MiB, ten times what a cluster takes as one object.
pub const FILE_LIMIT: u64 = 16 << 20;

/// One Kubernetes object of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which document of the file it came from, counted from 0; empty documents count, list items share a number.
    pub document: u32,
    /// `apiVersion`, never empty.
    pub api_version: String,
    /// `kind`, never empty.
    pub kind: String,
    /// `metadata.namespace`; an empty one is none.
    pub namespace: Option<String>,
    /// `metadata.name`, never empty.
    pub name: String,
    /// The object as the API server is to get it.
    pub value: Value,
}

/// Reads every object of a file of YAML documents or of JSON. Lists are taken apart, empty documents skipped.
pub fn read(bytes: &[u8]) -> Result<Vec<Object>, ObjectsError> {
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(ObjectsError::TooLarge(bytes.len()));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| ObjectsError::NotText(error.valid_up_to()))?;
    with_room(|| {
        let mut objects = Vec::new();
        for document in documents::read(text)? {
            gather(document.place, document.value, None, &mut objects)?;
        }
        Ok(objects)
    })
}

/// Runs a reader that goes down a hundred levels on a stack made for it: a worker thread's may be too small.
fn with_room<T: Send>(
    read: impl FnOnce() -> Result<T, ObjectsError> + Send,
) -> Result<T, ObjectsError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20);
        let reader = thread
            .spawn_scoped(scope, read)
            .map_err(|error| ObjectsError::NoThread(error.to_string()))?;
        reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Takes lists apart as `kubectl` does: an item of a `ConfigMapList` need not repeat that it is a `ConfigMap`.
fn gather(
    place: Place,
    value: Value,
    parent: Option<&TypeMeta>,
    objects: &mut Vec<Object>,
) -> Result<(), ObjectsError> {
    let Value::Object(mut map) = value else {
        return Err(ObjectsError::NotAnObject {
            place,
            found: kind_of(&value),
        });
    };
    if let Some(parent) = parent {
        for (field, text) in [("apiVersion", &parent.api_version), ("kind", &parent.kind)] {
            map.entry(field).or_insert_with(|| text.clone().into());
        }
    }
    let own = TypeMeta {
        api_version: required(&place, "", &map, "apiVersion")?,
        kind: required(&place, "", &map, "kind")?,
    };
    let items = match map.get_mut("items") {
        Some(Value::Array(items)) if own.kind.ends_with("List") => std::mem::take(items),
        _ => {
            objects.push(object(place, own, map)?);
            return Ok(());
        }
    };
    let parent = own.of_items();
    for item in items {
        gather(place.clone(), item, parent.as_ref(), objects)?;
    }
    Ok(())
}

fn object(place: Place, own: TypeMeta, map: Map<String, Value>) -> Result<Object, ObjectsError> {
    let TypeMeta { api_version, kind } = own;
    let metadata = match map.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(Value::Null) | None => {
            return Err(ObjectsError::Missing {
                place,
                owner: format!("{kind} "),
                field: "metadata.name",
            });
        }
        Some(other) => {
            let found = kind_of(other);
            return Err(ObjectsError::NotAString {
                place,
                field: "metadata",
                expected: "a mapping",
                found,
            });
        }
    };
    if !metadata.contains_key("name") && metadata.contains_key("generateName") {
        return Err(ObjectsError::GenerateName { place, kind });
    }
    let name = required(&place, &format!("{kind} "), metadata, "metadata.name")?;
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => None,
        Some(_) => Some(text(&place, metadata, "metadata.namespace")?)
            .filter(|namespace| !namespace.is_empty()),
    };
    Ok(Object {
        document: place.document,
        api_version,
        kind,
        namespace,
        name,
        value: Value::Object(map),
    })
}

/// What a document says it is.
struct TypeMeta {
    api_version: String,
    kind: String,
}

impl TypeMeta {
    /// What items are where they do not say: nothing known for a plain `List`.
    fn of_items(&self) -> Option<Self> {
        let kind = self
            .kind
            .strip_suffix("List")
            .filter(|kind| !kind.is_empty())?;
        Some(Self {
            api_version: self.api_version.clone(),
            kind: kind.to_owned(),
        })
    }
}

/// A string that must be there; `field` is the path to show, its last part the key.
fn required(
    place: &Place,
    owner: &str,
    map: &Map<String, Value>,
    field: &'static str,
) -> Result<String, ObjectsError> {
    let found = match map.get(key_of(field)) {
        None | Some(Value::Null) => String::new(),
        Some(_) => text(place, map, field)?,
    };
    if found.is_empty() {
        return Err(ObjectsError::Missing {
            place: place.clone(),
            owner: owner.to_owned(),
            field,
        });
    }
    Ok(found)
}

fn text(
    place: &Place,
    map: &Map<String, Value>,
    field: &'static str,
) -> Result<String, ObjectsError> {
    match map.get(key_of(field)) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => Err(ObjectsError::NotAString {
            place: place.clone(),
            field,
            expected: "a string; put it in quotes",
            found: kind_of(other.unwrap_or(&Value::Null)),
        }),
    }
}

fn key_of(field: &'static str) -> &'static str {
    field.rsplit('.').next().unwrap_or(field)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Null => "nothing",
        Value::Number(_) => "a number",
        Value::Object(_) => "a mapping",
        Value::String(_) => "a string",
    }
}

/// Where in a file. Shown as people count: documents, lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Document, counted from 0.
    pub document: u32,
    /// Line and column in the file, counted from 1, where known.
    pub line: Option<(u64, u64)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}", u64::from(self.document) + 1)?;
        self.line
            .iter()
            .try_for_each(|(line, column)| write!(f, " (line {line}, column {column})"))
    }
}

/// Why a file cannot be applied. The fault of the file (and trying again of no help), except for `NoThread`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// The server would name the object anew at every import.
    #[error(
        "{place}: {kind} has metadata.generateName but no metadata.name, so each import would create another one; give it a name"
    )]
    GenerateName {
        /// Where.
        place: Place,
        /// Its kind.
        kind: String,
    },
    /// Not YAML or JSON, or not in a way that `kubectl` takes.
    #[error("{place}: {reason}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong there.
        reason: String,
    },
    /// Without this field no cluster can take it.
    #[error(
        "{place}: {owner}has no {field}; every Kubernetes object needs apiVersion, kind and metadata.name"
    )]
    Missing {
        /// Where.
        place: Place,
        /// Its kind and a space, where known.
        owner: String,
        /// Which field.
        field: &'static str,
    },
    /// A document that is something else.
    #[error(
        "{place}: expected a Kubernetes object (a mapping with apiVersion, kind and metadata), found {found}"
    )]
    NotAnObject {
        /// Where.
        place: Place,
        /// What it is.
        found: &'static str,
    },
    /// A field of the wrong type.
    #[error("{place}: {field} is {found}, expected {expected}")]
    NotAString {
        /// Where.
        place: Place,
        /// Which field.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The machine is out of threads or memory: not the file's fault, and trying again may help.
    #[error("cannot start a thread to read the file: {0}")]
    NoThread(String),
    /// Not UTF-8, from this byte on.
    #[error("byte {0} is not UTF-8 text; save the file as UTF-8")]
    NotText(usize),
    /// More than [`FILE_LIMIT`].
    #[error(
        "the file has {0} bytes, more than the 16 MiB that are read; split it into several files"
    )]
    TooLarge(usize),
}

#[cfg(test)]
mod tests;
