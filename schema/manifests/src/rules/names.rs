/*!
Names: of objects, namespaces, labels and annotations (apimachinery, `validation`; the API's "Object Names and IDs").

Objects of most kinds, custom resources among them, are named as a DNS subdomain. Namespaces and services are DNS labels; roles and their
bindings, certificate requests, and what OpenShift's own API server keeps need only be a segment of a path.
*/

use serde_json::Value;

use super::{Fault, group, map_at, texts};
use crate::Object;

pub(super) fn check(object: &Object) -> Result<(), Fault> {
    api_version(object)?;
    kind(object)?;
    name(object)?;
    if let Some(namespace) = &object.namespace
        && let Err(reason) = label(namespace)
    {
        return Err(Fault::invalid(&["metadata", "namespace"], reason));
    }
    metadata(object, &["metadata"])?;
    for path in templates(object) {
        metadata(object, path)?;
    }
    selector(object)
}

/// Where the metadata of pods stands that an object makes.
fn templates(object: &Object) -> &'static [&'static [&'static str]] {
    match (group(object), object.kind.as_str()) {
        ("batch", "CronJob") => &[&["spec", "jobTemplate", "spec", "template", "metadata"]],
        ("apps" | "batch", _) | ("", "ReplicationController") => {
            &[&["spec", "template", "metadata"]]
        }
        ("", "PodTemplate") => &[&["template", "metadata"]],
        _ => &[],
    }
}

/// Services and ReplicationControllers choose their pods by labels.
fn selector(object: &Object) -> Result<(), Fault> {
    const PATH: [&str; 2] = ["spec", "selector"];
    if group(object).is_empty()
        && matches!(object.kind.as_str(), "Service" | "ReplicationController")
        && let Some(map) = map_at(object, &PATH)?
    {
        for pair in texts(map, &PATH) {
            pair?;
        }
    }
    Ok(())
}

fn api_version(object: &Object) -> Result<(), Fault> {
    let (group, version) = match object.api_version.split_once('/') {
        Some((group, version)) => (Some(group), version),
        None => (None, object.api_version.as_str()),
    };
    if group.is_none_or(|group| subdomain(group).is_ok()) && label(version).is_ok() {
        return Ok(());
    }
    let reason = format!(
        "is {:?}, expected VERSION or GROUP/VERSION, such as v1 or apps/v1",
        object.api_version
    );
    Err(Fault::invalid(&["apiVersion"], reason))
}

fn kind(object: &Object) -> Result<(), Fault> {
    let starts = object.kind.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && label(&object.kind.to_ascii_lowercase()).is_ok() {
        return Ok(());
    }
    let reason = format!("is {:?}, expected a name such as ConfigMap", object.kind);
    Err(Fault::invalid(&["kind"], reason))
}

fn name(object: &Object) -> Result<(), Fault> {
    let checked = match (group(object), object.kind.as_str()) {
        ("", "Namespace" | "Service") => label(&object.name),
        ("rbac.authorization.k8s.io" | "certificates.k8s.io", _)
        | ("networking.k8s.io", "IPAddress") => segment(&object.name),
        (group, _) if OPENSHIFT.contains(&group) => segment(&object.name),
        _ => subdomain(&object.name),
    };
    checked
        .and_then(|()| own_name(object))
        .map_err(|reason| Fault::invalid(&["metadata", "name"], reason))
}

/// What some kinds ask of their names besides.
fn own_name(object: &Object) -> Result<(), String> {
    let (kind, name) = (object.kind.as_str(), &object.name);
    // Eleven characters are added for each job, and jobs have at most 63 (batch `validation`).
    const CRON_JOB: usize = 52;
    match (group(object), kind) {
        ("batch", "CronJob") if name.len() > CRON_JOB => Err(format!(
            "has {} characters, of a CronJob at most {CRON_JOB} are taken",
            name.len()
        )),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let text = |path| object.value.pointer(path).and_then(Value::as_str);
            let parts = (text("/spec/names/plural"), text("/spec/group"));
            match parts {
                (Some(plural), Some(group)) if *name != format!("{plural}.{group}") => {
                    Err(format!(
                        "is {name:?}, expected {:?}, which are spec.names.plural and spec.group",
                        format!("{plural}.{group}")
                    ))
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// The groups that OpenShift's API servers keep, whose names have rules of their own.
const OPENSHIFT: [&str; 11] = [
    "apps.openshift.io",
    "authorization.openshift.io",
    "build.openshift.io",
    "image.openshift.io",
    "oauth.openshift.io",
    "project.openshift.io",
    "quota.openshift.io",
    "route.openshift.io",
    "security.openshift.io",
    "template.openshift.io",
    "user.openshift.io",
];

fn metadata(object: &Object, path: &[&str]) -> Result<(), Fault> {
    let labels: Vec<&str> = path.iter().copied().chain(["labels"]).collect();
    if let Some(map) = map_at(object, &labels)? {
        for pair in texts(map, &labels) {
            let (key, value) = pair?;
            let found = qualified(key).and_then(|()| label_value(value));
            found.map_err(|reason| at(&labels, key, reason))?;
        }
    }
    finalizers(object, path)?;
    let annotations: Vec<&str> = path.iter().copied().chain(["annotations"]).collect();
    if let Some(map) = map_at(object, &annotations)? {
        const LIMIT: usize = 256 << 10;
        let mut size = 0;
        for pair in texts(map, &annotations) {
            let (key, value) = pair?;
            size += key.len() + value.len();
            let found = qualified(&key.to_ascii_lowercase());
            found.map_err(|reason| at(&annotations, key, reason))?;
        }
        if size > LIMIT {
            let reason = format!("hold {size} bytes, more than the 256 KiB that a cluster takes");
            return Err(Fault::invalid(&annotations, reason));
        }
    }
    Ok(())
}

fn finalizers(object: &Object, path: &[&str]) -> Result<(), Fault> {
    let metadata = path
        .iter()
        .try_fold(&object.value, |value, step| value.get(step));
    let found = metadata.and_then(|metadata| metadata.get("finalizers"));
    let texts = |list: &Value| {
        let items = list.as_array();
        items.is_some_and(|items| items.iter().all(Value::is_string))
    };
    match found {
        Some(found) if !found.is_null() && !texts(found) => {
            let path: Vec<&str> = path.iter().copied().chain(["finalizers"]).collect();
            let reason = "is no list of strings, which a cluster expects";
            Err(Fault::invalid(&path, reason))
        }
        _ => Ok(()),
    }
}

fn at(path: &[&str], key: &str, reason: String) -> Fault {
    let path: Vec<&str> = path.iter().copied().chain([key]).collect();
    Fault::invalid(&path, reason)
}

/// A DNS subdomain (RFC 1123): labels of small letters, digits and dashes between dots, at most 253 characters in all.
fn subdomain(name: &str) -> Result<(), String> {
    if name.len() > 253 {
        return Err(format!(
            "has {} characters, at most 253 are taken",
            name.len()
        ));
    }
    if name.split('.').all(is_label) {
        return Ok(());
    }
    Err(format!(
        "is {name:?}, expected small letters, digits, '-' and '.', with a letter or digit at both ends and beside each '.'"
    ))
}

/// A DNS label (RFC 1123): at most 63 characters.
fn label(name: &str) -> Result<(), String> {
    if name.len() <= 63 && is_label(name) {
        return Ok(());
    }
    Err(format!(
        "is {name:?}, expected at most 63 small letters, digits and '-', with a letter or digit at both ends"
    ))
}

fn is_label(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
}

/// A segment of a path (apimachinery, `IsValidPathSegmentName`).
fn segment(name: &str) -> Result<(), String> {
    if matches!(name, "." | "..") || name.contains(['/', '%']) {
        return Err(format!(
            "is {name:?}, which may not be '.' or '..', nor hold '/' or '%'"
        ));
    }
    Ok(())
}

/// The key of a label or annotation: `[SUBDOMAIN/]NAME`.
fn qualified(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_none_or(|prefix| subdomain(prefix).is_ok()) && !name.is_empty() && is_name(name) {
        return Ok(());
    }
    Err(
        "is no key that is taken: expected [PREFIX/]NAME, the prefix a DNS subdomain, the name at most 63 letters, digits, '-', '_' \
         and '.', with a letter or digit at both ends"
            .to_owned(),
    )
}

fn label_value(value: &str) -> Result<(), String> {
    if is_name(value) {
        return Ok(());
    }
    if value.len() > 63 {
        return Err(format!(
            "has a value of {} characters, at most 63 are taken",
            value.len()
        ));
    }
    Err(format!(
        "has the value {value:?}, expected letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    ))
}

/// At most 63 characters, or none.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
