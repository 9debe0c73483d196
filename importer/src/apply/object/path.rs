/*!
One object on a cluster: where it lies, how it is asked for and applied, and whether it is right already.

What is sent is what stands in the file, but for `status`: `metadata.resourceVersion` or `metadata.managedFields` in it get the answer
that `kubectl apply --server-side` gets.
*/

use serde_json::{Value, json};

use cluster::{
    Call, Resource,
    path::{push, root},
};

use crate::apply::{FIELD_MANAGER, manifests::Manifest};

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPath {
    path: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
}

impl ObjectPath {
    /// The place of a manifest's object; without a namespace of its own it goes where the context says.
    pub fn of(
        manifest: &Manifest,
        resource: &Resource,
        default_namespace: &str,
    ) -> Result<Self, String> {
        let mut path = root(&manifest.api_version)?;
        let namespace = match &manifest.namespace {
            _ if !resource.namespaced => "",
            Some(own) => own,
            None => default_namespace,
        };
        if !namespace.is_empty() {
            path.push_str("/namespaces");
            push(&mut path, namespace)?;
        }
        push(&mut path, &resource.plural)?;
        push(&mut path, &manifest.name)?;
        Ok(Self {
            path,
            namespace: namespace.to_owned(),
        })
    }

    /// A JSON patch of it, by us.
    pub fn patch(&self, patch: &Value) -> Call {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", self.path);
        Call::json_patch(path, patch)
    }

    /// A merge patch of it, by us; on a dry run nothing is kept.
    pub fn merge(&self, patch: &Value, dry_run: bool) -> Call {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={FIELD_MANAGER}{dry_run}", self.path);
        Call::merge(path, patch)
    }

    /// Makes it anew, where nothing has the name.
    pub fn create(&self, object: &Value) -> Call {
        let collection = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let path = format!("{collection}?fieldManager={FIELD_MANAGER}");
        Call::create(path, object)
    }

    /// Puts this in its place, if it is still what its `resourceVersion` says.
    pub fn replace(&self, object: &Value) -> Call {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", self.path);
        Call::replace(path, object)
    }

    /// Deletes it, and what it owns, if it is still the one with this uid.
    pub fn delete(&self, uid: &str) -> Call {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": {"uid": uid},
        });
        Call::delete(self.path.clone(), &options)
    }

    /// The same, if nobody has changed it since it had this version either.
    pub fn delete_unchanged(&self, uid: &str, resource_version: &str) -> Call {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        });
        Call::delete(self.path.clone(), &options)
    }

    /// Asks what would become of it as a new object. Where one has the name, the server says so after it has looked at the new one.
    pub fn try_create(&self, object: &Value) -> Call {
        let collection = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Call::create(
            format!("{collection}?fieldManager={FIELD_MANAGER}&dryRun=All"),
            object,
        )
    }

    /// Asks for it.
    pub fn read(&self) -> Call {
        Call::get(self.path.clone())
    }

    /// Applies it, taking fields over from others with `force`; on a dry run nothing is kept.
    pub fn apply(&self, object: &Value, force: bool, dry_run: bool) -> Call {
        // Before 1.25 the server does not know `fieldValidation`, and ignores it.
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = &self.path;
        let path = format!(
            "{path}?fieldManager={FIELD_MANAGER}&force={force}&fieldValidation=Strict{dry_run}"
        );
        Call::apply(path, object)
    }
}

/// Whether two states of an object are one to its user: what the server counts and dates does not make them differ.
pub fn same(mut one: Value, mut other: Value) -> bool {
    bare(&mut one);
    bare(&mut other);
    one == other
}

/// Takes away what a write changes by itself.
fn bare(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    metadata.remove("resourceVersion");
    metadata.remove("generation");
    // Older servers add the manager of what nobody managed only with the second patch.
    if let Some(Value::Array(managers)) = metadata.get_mut("managedFields") {
        managers.retain(|manager| manager.get("manager") != Some(&"before-first-apply".into()));
        if managers.is_empty() {
            metadata.remove("managedFields");
            return;
        }
        for manager in managers.iter_mut().filter_map(Value::as_object_mut) {
            manager.remove("time");
        }
        // The server sorts them by time.
        managers.sort_by_cached_key(Value::to_string);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counters_and_dates_are_no_difference_but_managers_are() {
        let object = |version: &str, time: &str, manager: &str| {
            json!({
                "metadata": {
                    "name": "a", "resourceVersion": version, "generation": version.len(),
                    "managedFields": [{"manager": manager, "operation": "Apply", "time": time, "fieldsV1": {"f:data": {}}}],
                },
                "data": {"x": "1"},
            })
        };
        assert!(same(object("1", "2024", "a"), object("20", "2025", "a")));
        assert!(!same(object("1", "2024", "a"), object("1", "2024", "b")));
        let mut other = object("1", "2024", "a");
        other["data"]["x"] = json!("2");
        assert!(!same(object("1", "2024", "a"), other));
    }
}
