/*! The kinds that a cluster serves, and how it tells of them: discovery (Kubernetes, "The Kubernetes API"). */

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// Empty for the core.
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
    /// From a CustomResourceDefinition: no schema declares its fields.
    pub custom: bool,
}

/// Group, version, plural, kind, whether it is namespaced.
const BUILT_IN: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "services", "Service", true),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        false,
    ),
    ("apps", "v1", "deployments", "Deployment", true),
    (
        AUTHORIZATION,
        "v1",
        REVIEWS,
        "SelfSubjectAccessReview",
        false,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "clusterroles",
        "ClusterRole",
        false,
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "rolebindings",
        "RoleBinding",
        true,
    ),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", true),
];

/// The same for what OpenShift adds.
const CUSTOM: &[(&str, &str, &str, &str, bool)] = &[
    (
        "config.openshift.io",
        "v1",
        "clusterversions",
        "ClusterVersion",
        false,
    ),
    (
        "config.openshift.io",
        "v1",
        "imagedigestmirrorsets",
        "ImageDigestMirrorSet",
        false,
    ),
    (
        "config.openshift.io",
        "v1",
        "imagetagmirrorsets",
        "ImageTagMirrorSet",
        false,
    ),
    (
        "machineconfiguration.openshift.io",
        "v1",
        "machineconfigpools",
        "MachineConfigPool",
        false,
    ),
    (
        "operator.openshift.io",
        "v1alpha1",
        "imagecontentsourcepolicies",
        "ImageContentSourcePolicy",
        false,
    ),
    (
        "updateservice.operator.openshift.io",
        "v1",
        "updateservices",
        "UpdateService",
        true,
    ),
];

/// The group of reviews of access.
pub(super) const AUTHORIZATION: &str = "authorization.k8s.io";
/// Reviews of access, which are never stored.
pub(super) const REVIEWS: &str = "selfsubjectaccessreviews";
/// Definitions of further kinds.
pub(super) const DEFINITIONS: &str = "customresourcedefinitions";

/// The kinds of a cluster that is new.
pub(super) fn initial() -> Vec<Kind> {
    let kinds = |list: &[(&str, &str, &str, &str, bool)], custom| -> Vec<Kind> {
        let kind =
            |&(group, version, plural, kind, namespaced): &(&str, &str, &str, &str, bool)| Kind {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: plural.to_owned(),
                kind: kind.to_owned(),
                namespaced,
                custom,
            };
        list.iter().map(kind).collect()
    };
    [kinds(BUILT_IN, false), kinds(CUSTOM, true)].concat()
}

/// The kinds that a CustomResourceDefinition defines.
pub(super) fn defined(definition: &Value) -> Vec<Kind> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    served
        .map(|version| Kind {
            group: text(&spec["group"]),
            version: text(&version["name"]),
            plural: text(&spec["names"]["plural"]),
            kind: text(&spec["names"]["kind"]),
            namespaced: spec["scope"] == "Namespaced",
            custom: true,
        })
        .collect()
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

fn api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        _ => format!("{group}/{version}"),
    }
}

/// `/apis`
pub(super) fn group_list(kinds: &[Kind]) -> Value {
    let mut groups: BTreeMap<&str, ()> = BTreeMap::new();
    let named = kinds.iter().map(|kind| kind.group.as_str());
    groups.extend(
        named
            .filter(|group| !group.is_empty())
            .map(|group| (group, ())),
    );
    let groups: Value = groups
        .into_keys()
        .filter_map(|group| group_of(kinds, group))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`
pub(super) fn group(kinds: &[Kind], group: &str) -> Option<Value> {
    let mut value = group_of(kinds, group)?;
    value["kind"] = "APIGroup".into();
    value["apiVersion"] = "v1".into();
    Some(value)
}

fn group_of(kinds: &[Kind], group: &str) -> Option<Value> {
    let mut versions: Vec<&str> = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.group == group) {
        if !versions.contains(&kind.version.as_str()) {
            versions.push(&kind.version);
        }
    }
    let named =
        |version: &&str| json!({"groupVersion": api_version(group, version), "version": version});
    let preferred = named(versions.first()?);
    let versions: Value = versions.iter().map(named).collect();
    Some(json!({"name": group, "versions": versions, "preferredVersion": preferred}))
}

/// `/api/v1`, `/apis/GROUP/VERSION`
pub(super) fn resource_list(kinds: &[Kind], group: &str, version: &str) -> Option<Value> {
    let here = |kind: &&Kind| kind.group == group && kind.version == version;
    let mut resources = Vec::new();
    for kind in kinds.iter().filter(here) {
        let verbs = match kind.plural.as_str() {
            REVIEWS => json!(["create"]),
            _ => json!([
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch"
            ]),
        };
        let named = |name: &str, verbs: Value| {
            json!({
                "name": name, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": verbs,
            })
        };
        resources.push(named(&kind.plural, verbs));
        if kind.custom || kind.plural == "namespaces" {
            resources.push(named(
                &format!("{}/status", kind.plural),
                json!(["get", "patch", "update"]),
            ));
        }
    }
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version), "resources": resources,
    });
    (!resources_are_empty(&list)).then_some(list)
}

fn resources_are_empty(list: &Value) -> bool {
    list["resources"].as_array().is_none_or(Vec::is_empty)
}
