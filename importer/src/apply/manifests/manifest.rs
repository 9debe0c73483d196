/*!
What is applied, in the order in which it is: what others rest on first.

Pure: files of a verified bundle, and what the importer rendered, in; objects by phase out.
*/

use std::{borrow::Cow, sync::Arc};

use manifests::ObjectsError;
use serde_json::Value;

use crate::configuration::{
    Share,
    trust::{self, PullSecret},
};

/// One object, and the file it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// `config/…` of the bundle, or `mirror/…`, `update-service/…` of what the importer rendered.
    pub path: String,
    /// Which document of the file, from 0.
    pub document: u32,
    /// `apiVersion`: `v1`, `config.openshift.io/v1`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`, where given.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// The object as the API server is to get it; shared, since hundreds of clusters get the same.
    pub value: Arc<Value>,
    /// How much of the object that is.
    pub share: Share,
}

/// When an object's turn is. Phases follow one another on each cluster; inside one, several objects are sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Namespaces and CustomResourceDefinitions: waited for until they are served.
    Foundations,
    /// ResourceQuotas and LimitRanges: they judge what comes after them.
    Limits,
    /// Classes of priority, storage, runtime and ingress, which others name.
    Classes,
    /// Who may do what.
    Rights,
    /// ServiceAccounts.
    Accounts,
    /// Signatures of releases: they must be there before anything is pulled from a mirror.
    Signatures,
    /// ConfigMaps and Secrets.
    Config,
    /// Services, volumes and claims.
    Services,
    /// What runs, and whatever else the API server itself serves.
    Workloads,
    /// Objects of kinds that somebody defined.
    Custom,
    /// Mirror configuration, which may restart nodes.
    Mirrors,
    /// Webhook configurations and APIServices: once there, they judge or serve what others apply.
    Admission,
}

impl Manifest {
    /// The objects of a file, read as `kubectl` reads them.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Vec<Self>, ObjectsError> {
        let objects = manifests::read(bytes)?.into_iter();
        Ok(objects
            .map(|object| Self {
                path: path.to_owned(),
                document: object.document,
                api_version: object.api_version,
                kind: object.kind,
                namespace: object.namespace,
                name: object.name,
                value: Arc::new(object.value),
                share: Share::Whole,
            })
            .collect())
    }

    /// An object that stands in no file: one of a cluster, by its name alone.
    pub fn named(
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        value: Value,
    ) -> Self {
        Self {
            path: String::new(),
            document: 0,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            value: Arc::new(value),
            share: Share::Whole,
        }
    }

    /// The global pull secret of a cluster, as far as it holds credentials of the site.
    pub fn pull_secret(secret: &Arc<PullSecret>) -> Self {
        let namespace = Some(trust::NAMESPACE);
        Self {
            path: "trust/pull-secret".to_owned(),
            share: Share::Credentials(Arc::clone(secret)),
            ..Self::named("v1", "Secret", namespace, "pull-secret", Value::Null)
        }
    }

    /// The API group, empty for the core: what precedes `/` in `apiVersion`.
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// When its turn is.
    pub fn phase(&self) -> Phase {
        match (self.group(), self.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", _) => Phase::Foundations,
            ("", "ResourceQuota" | "LimitRange") => Phase::Limits,
            ("scheduling.k8s.io" | "storage.k8s.io" | "node.k8s.io", _)
            | ("networking.k8s.io", "IngressClass") => Phase::Classes,
            ("rbac.authorization.k8s.io", _) => Phase::Rights,
            ("", "ServiceAccount") => Phase::Accounts,
            ("", "ConfigMap") if self.is_signature() => Phase::Signatures,
            ("", "ConfigMap" | "Secret") => Phase::Config,
            ("", "Service" | "PersistentVolume" | "PersistentVolumeClaim") => Phase::Services,
            ("config.openshift.io", "ImageDigestMirrorSet" | "ImageTagMirrorSet")
            | ("operator.openshift.io", "ImageContentSourcePolicy") => Phase::Mirrors,
            ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Phase::Admission,
            _ if self.is_built_in() => Phase::Workloads,
            _ => Phase::Custom,
        }
    }

    /// Whether other objects are deleted with it.
    pub fn is_foundation(&self) -> bool {
        matches!(
            (self.group(), self.kind.as_str()),
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition")
        )
    }

    /// Whether the machine-config-operator brings what it says to nodes, and may drain and restart them for that.
    pub fn is_for_nodes(&self) -> bool {
        match (self.group(), self.kind.as_str()) {
            ("config.openshift.io", "Image" | "Proxy" | "Node" | "FeatureGate") => true,
            ("machineconfiguration.openshift.io", kind) => {
                ["MachineConfig", "KubeletConfig", "ContainerRuntimeConfig"].contains(&kind)
            }
            _ => self.phase() == Phase::Mirrors,
        }
    }

    /// Whether it carries signatures of releases.
    pub fn is_signature(&self) -> bool {
        let labels = self.value.pointer("/metadata/labels");
        self.kind == "ConfigMap" && labels.is_some_and(|labels| labels.get(SIGNATURES).is_some())
    }

    /// Whether the API server itself knows its kind: groups without a dot, or of the project's own domain.
    pub fn is_built_in(&self) -> bool {
        let group = self.group();
        !group.contains('.') || group.ends_with(".k8s.io")
    }

    /// The object as it is sent. `status` is no wish of anybody's: definitions that controller-gen wrote before 0.9 carry an empty
    /// one, and API servers before 1.22 take it for a field that its writer holds.
    pub fn wanted(&self) -> Cow<'_, Value> {
        match self.value.get("status") {
            Some(_) if self.is_built_in() => {
                let mut value = Value::clone(&self.value);
                if let Some(fields) = value.as_object_mut() {
                    fields.remove("status");
                }
                Cow::Owned(value)
            }
            _ => Cow::Borrowed(&self.value),
        }
    }
}

/// The label by which the cluster-version operator finds signatures.
const SIGNATURES: &str = "release.openshift.io/verification-signatures";

/// Sorts by phase; inside each, reports keep the order of files and documents.
pub fn in_order(mut manifests: Vec<Manifest>) -> Vec<Manifest> {
    manifests.sort_by_key(Manifest::phase);
    manifests
}
