/*!
From a document to its objects.

`kubectl` takes whatever has `items` for a list, of whatever kind, and applies what is in it instead; the API's own lists are
the only documents that may have them. Go programs, `kubectl` of before 1.23 among them, find a field without regard to case,
and Go's folding of case knows two letters beyond ASCII: what is spelled almost like a known field is refused.
*/

use schema::spelling;
use serde_json::{Map, Value};

use super::{Document, Location, Object, ObjectsError, error::kind_of, rules};

/// The fields at the top of an object whose meaning programs know.
const TOP: [&str; 9] = [
    "apiVersion",
    "binaryData",
    "data",
    "items",
    "kind",
    "metadata",
    "spec",
    "status",
    "stringData",
];

/// The same below `metadata`.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The objects of a document: one, or those of a list.
pub(super) fn of(mut document: Document) -> Result<Vec<Object>, ObjectsError> {
    let value = std::mem::take(&mut document.value);
    let spot = Spot {
        document: &document,
        path: Vec::new(),
    };
    let map = mapping(&spot, value)?;
    let own = TypeMeta::of(&spot, &map)?;
    if !map.contains_key("items") {
        return Ok(vec![object(&spot, own, map)?]);
    }
    items(&spot, &own, map)?
        .into_iter()
        .enumerate()
        .map(|(number, item)| {
            let spot = Spot {
                document: &document,
                path: vec!["items".to_owned(), number.to_string()],
            };
            let mut map = mapping(&spot, item)?;
            if map.contains_key("items") {
                return spot.malformed("items", "a list inside of a list, which kubectl takes apart in one way or another; write its items into the outer one");
            }
            // What `kubectl` adds, and only where both are missing: an item of a ConfigMapList need not say that it is one.
            let silent = !map.contains_key("apiVersion") && !map.contains_key("kind");
            if let Some(kind) = own.of_items().filter(|_| silent) {
                map.insert("apiVersion".to_owned(), own.api_version.clone().into());
                map.insert("kind".to_owned(), kind.into());
            }
            let own = TypeMeta::of(&spot, &map)?;
            object(&spot, own, map)
        })
        .collect()
}

/// The items of a list that is one by its kind as well.
fn items(
    spot: &Spot<'_>,
    own: &TypeMeta,
    mut map: Map<String, Value>,
) -> Result<Vec<Value>, ObjectsError> {
    let kind = &own.kind;
    if !kind.ends_with("List") || kind == "List" && own.api_version != "v1" {
        let reason = format!(
            "kubectl takes whatever has items for a list, and would apply what is in them instead of this {kind}; \
             write `apiVersion: v1` and `kind: List` if it is one, or name the field otherwise"
        );
        return spot.malformed("items", &reason);
    }
    for key in map.keys() {
        if !["apiVersion", "items", "kind", "metadata"].contains(&key.as_str()) {
            let reason = format!(
                "kubectl drops {key:?} beside the items of a list; put it into an item, or remove it"
            );
            return spot.malformed(key, &reason);
        }
    }
    match map.remove("items") {
        Some(Value::Array(items)) if !items.is_empty() => Ok(items),
        Some(Value::Array(_) | Value::Null) => spot.malformed(
            "items",
            "a list without items holds nothing to apply; remove it",
        ),
        other => {
            let found = kind_of(&other.unwrap_or_default());
            spot.malformed("items", &format!("items are {found}, expected a list"))
        }
    }
}

fn mapping(spot: &Spot<'_>, value: Value) -> Result<Map<String, Value>, ObjectsError> {
    let Value::Object(map) = value else {
        return Err(ObjectsError::NotAnObject {
            location: spot.location(&[]),
            found: kind_of(&value),
        });
    };
    if let Some((key, known)) = spelling::nearly(map.keys(), &TOP) {
        return spot.misspelt(&[key], key, known);
    }
    let metadata = map.get("metadata").and_then(Value::as_object);
    if let Some((key, known)) =
        metadata.and_then(|metadata| spelling::nearly(metadata.keys(), &METADATA))
    {
        return spot.misspelt(&["metadata", key], key, known);
    }
    Ok(map)
}

fn object(spot: &Spot<'_>, own: TypeMeta, map: Map<String, Value>) -> Result<Object, ObjectsError> {
    let TypeMeta { api_version, kind } = own;
    let metadata = match map.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(Value::Null) | None => {
            return Err(ObjectsError::Missing {
                location: spot.location(&[]),
                owner: format!("{kind} "),
                field: "metadata.name",
            });
        }
        Some(other) => {
            return Err(ObjectsError::NotAString {
                location: spot.location(&["metadata"]),
                field: "metadata",
                expected: "a mapping",
                found: kind_of(other),
            });
        }
    };
    if !metadata.contains_key("name") && metadata.contains_key("generateName") {
        return Err(ObjectsError::GenerateName {
            location: spot.location(&["metadata", "generateName"]),
            kind,
        });
    }
    let name = required(spot, &format!("{kind} "), metadata, "metadata.name")?;
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => None,
        Some(_) => Some(text(spot, metadata, "metadata.namespace")?)
            .filter(|namespace| !namespace.is_empty()),
    };
    let object = Object {
        document: spot.document.number,
        api_version,
        kind,
        namespace,
        name,
        value: Value::Object(map),
    };
    rules::check(&object).map_err(|fault| spot.fault(&object, fault))?;
    Ok(object)
}

/// What a document says it is.
struct TypeMeta {
    api_version: String,
    kind: String,
}

impl TypeMeta {
    fn of(spot: &Spot<'_>, map: &Map<String, Value>) -> Result<Self, ObjectsError> {
        Ok(Self {
            api_version: required(spot, "", map, "apiVersion")?,
            kind: required(spot, "", map, "kind")?,
        })
    }

    /// What items are where they do not say: nothing known for a plain `List`.
    fn of_items(&self) -> Option<&str> {
        let kind = self.kind.strip_suffix("List");
        kind.filter(|kind| !kind.is_empty())
    }
}

/// An object of a document.
struct Spot<'a> {
    document: &'a Document,
    /// Its path in the document.
    path: Vec<String>,
}

impl Spot<'_> {
    fn location(&self, below: &[&str]) -> Location {
        let path = self.path.iter().map(String::as_str);
        let node = self.document.node.as_ref();
        Location {
            document: self.document.number,
            line: node.map(|node| node.locate(path.chain(below.iter().copied()))),
        }
    }

    fn malformed<T>(&self, field: &str, reason: &str) -> Result<T, ObjectsError> {
        Err(ObjectsError::malformed(self.location(&[field]), reason))
    }

    fn misspelt<T>(&self, path: &[&str], key: &str, known: &str) -> Result<T, ObjectsError> {
        let reason = format!(
            "the key {key:?} is {known:?} for readers without regard to case, and another for the rest; write {known}"
        );
        Err(ObjectsError::malformed(self.location(path), &reason))
    }

    fn fault(&self, object: &Object, fault: rules::Fault) -> ObjectsError {
        let path: Vec<&str> = fault.path.iter().map(String::as_str).collect();
        let location = self.location(&path);
        let owner = format!("{} {:?}", object.kind, object.name);
        match fault.what {
            rules::What::Leftover(field) => ObjectsError::Leftover {
                location,
                owner,
                field,
                prefix: if self.path.is_empty() { "" } else { ".items[]" },
            },
            rules::What::Template => ObjectsError::Template { location },
            rules::What::Invalid(reason) => ObjectsError::Refused {
                location,
                owner,
                reason: format!("{} {reason}", path.join("."))
                    .trim_start()
                    .to_owned(),
            },
        }
    }
}

/// A string that must be there; `field` is the path to show, its last part the key.
fn required(
    spot: &Spot<'_>,
    owner: &str,
    map: &Map<String, Value>,
    field: &'static str,
) -> Result<String, ObjectsError> {
    let found = match map.get(key_of(field)) {
        None | Some(Value::Null) => String::new(),
        Some(_) => text(spot, map, field)?,
    };
    if found.is_empty() {
        return Err(ObjectsError::Missing {
            location: spot.location(&[]),
            owner: owner.to_owned(),
            field,
        });
    }
    Ok(found)
}

fn text(
    spot: &Spot<'_>,
    map: &Map<String, Value>,
    field: &'static str,
) -> Result<String, ObjectsError> {
    match map.get(key_of(field)) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => Err(ObjectsError::NotAString {
            location: spot.location(&field.split('.').collect::<Vec<_>>()),
            field,
            expected: "a string; put it in quotes",
            found: kind_of(other.unwrap_or(&Value::Null)),
        }),
    }
}

fn key_of(field: &'static str) -> &'static str {
    field.rsplit('.').next().unwrap_or(field)
}
