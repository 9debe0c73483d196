/*! The types of resources that a cluster serves, and how it lists them: discovery (Kubernetes, "The Kubernetes API"). */

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A type of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// Empty for the core.
    pub group: String,
    /// `v1`
    pub version: String,
    /// `configmaps`
    pub plural: String,
    /// `ConfigMap`
    pub kind: String,
    /// Whether its objects lie in namespaces.
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
    ("config.openshift.io", "v1", "images", "Image", false),
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
/// Definitions of further resources.
pub(super) const DEFINITIONS: &str = "customresourcedefinitions";

/// The resources of a cluster that is new.
pub(super) fn initial() -> Vec<ResourceType> {
    let types = |list: &[(&str, &str, &str, &str, bool)], custom| -> Vec<ResourceType> {
        let kind =
            |&(group, version, plural, kind, namespaced): &(&str, &str, &str, &str, bool)| {
                ResourceType {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    plural: plural.to_owned(),
                    kind: kind.to_owned(),
                    namespaced,
                    custom,
                }
            };
        list.iter().map(kind).collect()
    };
    [types(BUILT_IN, false), types(CUSTOM, true)].concat()
}

/// The resources that a CustomResourceDefinition defines.
pub(super) fn defined(definition: &Value) -> Vec<ResourceType> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    served
        .map(|version| ResourceType {
            group: text(&spec["group"]),
            version: text(&version["name"]),
            plural: text(&spec["names"]["plural"]),
            kind: text(&spec["names"]["kind"]),
            namespaced: spec["scope"] == "Namespaced",
            custom: true,
        })
        .collect()
}

impl ResourceType {
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
pub(super) fn group_list(resources: &[ResourceType]) -> Value {
    let mut groups: BTreeMap<&str, ()> = BTreeMap::new();
    let named = resources.iter().map(|kind| kind.group.as_str());
    groups.extend(
        named
            .filter(|group| !group.is_empty())
            .map(|group| (group, ())),
    );
    let groups: Value = groups
        .into_keys()
        .filter_map(|group| group_of(resources, group))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`
pub(super) fn group(resources: &[ResourceType], group: &str) -> Option<Value> {
    let mut value = group_of(resources, group)?;
    value["kind"] = "APIGroup".into();
    value["apiVersion"] = "v1".into();
    Some(value)
}

fn group_of(resources: &[ResourceType], group: &str) -> Option<Value> {
    let mut versions: Vec<&str> = Vec::new();
    for kind in resources.iter().filter(|kind| kind.group == group) {
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
pub(super) fn resource_list(
    resources: &[ResourceType],
    group: &str,
    version: &str,
) -> Option<Value> {
    let here = |kind: &&ResourceType| kind.group == group && kind.version == version;
    let mut listed = Vec::new();
    for kind in resources.iter().filter(here) {
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
        listed.push(named(&kind.plural, verbs));
        if kind.custom || kind.plural == "namespaces" {
            listed.push(named(
                &format!("{}/status", kind.plural),
                json!(["get", "patch", "update"]),
            ));
        }
    }
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version), "resources": listed,
    });
    (!resources_are_empty(&list)).then_some(list)
}

fn resources_are_empty(list: &Value) -> bool {
    list["resources"].as_array().is_none_or(Vec::is_empty)
}
