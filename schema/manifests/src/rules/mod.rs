/*!
What the API server checks without looking at the cluster.

Only rules that hold in every release of Kubernetes and for every cluster: whatever breaks them is refused while somebody can still
mend it. Schemas and admission are the cluster's own, and not guessed at.
*/

mod data;
mod leftovers;
mod names;
mod template;

use serde_json::{Map, Value};

use super::{Object, error::kind_of};
pub(super) use template::instead as template_instead;

/// What is wrong with an object.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// Where, as a path of keys.
    pub(super) path: Vec<String>,
    pub(super) what: What,
}

#[derive(Debug, PartialEq)]
pub(super) enum What {
    /// A field that only the cluster may set.
    Leftover(&'static str),
    /// No manifest yet.
    Template,
    /// The rest of "no cluster takes ConfigMap a: metadata.name …".
    Invalid(String),
}

impl Fault {
    fn invalid(path: &[&str], reason: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|&step| step.to_owned()).collect(),
            what: What::Invalid(reason.into()),
        }
    }
}

/// Checks an object whose name, kind and API version are known to be texts.
pub(super) fn check(object: &Object) -> Result<(), Fault> {
    template::check(object)?;
    leftovers::check(object)?;
    names::check(object)?;
    data::check(object)
}

/// The API group: what precedes `/` in `apiVersion`, nothing for the core.
fn group(object: &Object) -> &str {
    let group = object.api_version.split_once('/');
    group.map_or("", |(group, _)| group)
}

/// A mapping at a path, if there is something.
fn map_at<'a>(object: &'a Object, path: &[&str]) -> Result<Option<&'a Map<String, Value>>, Fault> {
    let mut value = &object.value;
    for step in path {
        match value.get(step) {
            None | Some(Value::Null) => return Ok(None),
            Some(below) => value = below,
        }
    }
    let found = || Fault::invalid(path, format!("is {}, expected a mapping", kind_of(value)));
    value.as_object().map(Some).ok_or_else(found)
}

/// The texts of a mapping from texts to texts.
fn texts<'a>(
    map: &'a Map<String, Value>,
    path: &[&str],
) -> impl Iterator<Item = Result<(&'a str, &'a str), Fault>> {
    map.iter().map(move |(key, value)| match value {
        Value::String(text) => Ok((key.as_str(), text.as_str())),
        other => {
            let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            let reason = format!("is {}, expected a string; put it in quotes", kind_of(other));
            Err(Fault::invalid(&path, reason))
        }
    })
}

#[cfg(test)]
mod tests;
