/*!
Kubernetes documents, read as `kubectl` and any other program reads them.

Both programs read manifests: the bundler to refuse a broken file while somebody can still mend it, the importer to
find out what it is about to apply. What people audit must be what is applied, by us or by `kubectl`, so there is one reader,
and it takes only what cannot be read in two ways:

- `documents` cuts a file into documents as `kubectl` does;
- `yaml` and `json` make values of them, `scalar` says what a text without quotes means, `libyaml` asks that library for its opinion;
- `objects` takes lists apart;
- `rules` are those of the API server that need no cluster: what breaks them, no cluster takes;
- [`mod@write`] is the way back: one writer for all YAML that is made of values.

```
let objects = manifests::read(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flags}\ndata: {dark: 'yes'}\n")?;
assert_eq!((objects[0].kind.as_str(), objects[0].name.as_str()), ("ConfigMap", "flags"));

// What two readers could take for two things is refused, with the place: here the last of two keys wins, or the first.
let error = manifests::read(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flags}\ndata: {dark: a, dark: b}\n");
assert!(error.is_err_and(|error| error.to_string().starts_with("document 1 (line 4")));
# Ok::<(), manifests::ObjectsError>(())
```
*/

mod documents;
mod error;
mod json;
mod libyaml;
mod names;
mod node;
mod objects;
mod rules;
mod scalar;
pub mod write;
mod yaml;

use serde_json::Value;

pub use names::{Name, one_under_two_names};

pub use error::{Location, ObjectsError};

/// The most one file may hold.
pub const FILE_LIMIT: u64 = schema::bundle::CONFIG_LIMIT;

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

impl Object {
    /// Whether it is a Secret, or holds one that a controller makes of it (a Template, a ManifestWork, a SyncSet).
    pub fn holds_secret(&self) -> bool {
        self.kind == "Secret" || holds_secret(&self.value)
    }
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            let text = |key| map.get(key).and_then(Value::as_str);
            let own = text("apiVersion") == Some("v1") && text("kind") == Some("Secret");
            (own && (map.contains_key("data") || map.contains_key("stringData")))
                || map.values().any(holds_secret)
        }
        Value::Array(items) => items.iter().any(holds_secret),
        _ => false,
    }
}

/// Reads every object of a file of YAML documents or of JSON. Lists are taken apart, empty documents skipped.
pub fn read(bytes: &[u8]) -> Result<Vec<Object>, ObjectsError> {
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(ObjectsError::TooLarge(bytes.len()));
    }
    let text = documents::decode(bytes)?;
    objects(text).map_err(|error| rules::template_instead(text, error))
}

fn objects(text: &str) -> Result<Vec<Object>, ObjectsError> {
    let documents = if documents::is_json(text)? {
        json::read(text)?
    } else {
        read_yaml(text)?
    };
    let mut objects = Vec::new();
    for document in documents {
        objects.extend(objects::of(document)?);
    }
    Ok(objects)
}

/// One document that is not empty.
struct Document {
    /// Counted from 0.
    number: u32,
    value: Value,
    /// Where everything stands, in YAML.
    node: Option<node::Node>,
}

fn read_yaml(text: &str) -> Result<Vec<Document>, ObjectsError> {
    let mut nodes = 0;
    let pieces = documents::pieces(text)?;
    let mut room = node::Room::over(yaml::NODES);
    let documents = pieces.into_iter().map(|piece| {
        let node = yaml::compose(&piece, &mut nodes)?;
        let value = node.value(&mut room).ok_or_else(|| {
            let location = Location {
                document: piece.document,
                line: Some(node.at),
            };
            ObjectsError::malformed(
                location,
                "aliases make the file far larger than it is; write the values out",
            )
        })?;
        libyaml::agrees(&piece, &node)?;
        Ok(Document {
            number: piece.document,
            value,
            node: Some(node),
        })
    });
    documents.collect()
}

#[cfg(test)]
mod tests;
