/*!
What is applied, in the order in which it is: what others rest on first.

Pure: files of a verified bundle, and what the importer rendered, in; objects by phase out.
*/

use std::sync::Arc;

use manifests::ObjectsError;
use serde_json::Value;

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
}

/// When an object's turn is. Phases follow one another on each cluster; inside one, several objects are sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Namespaces and CustomResourceDefinitions: waited for until they are served.
    Foundations,
    /// Signatures of releases: they must be there before anything is pulled from a mirror.
    Signatures,
    /// Everything else.
    Rest,
    /// Mirror configuration, which may restart nodes.
    Mirrors,
}

impl Phase {
    /// In their order.
    pub const ALL: [Self; 4] = [
        Self::Foundations,
        Self::Signatures,
        Self::Rest,
        Self::Mirrors,
    ];
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
            })
            .collect())
    }

    /// The API group, empty for the core: what precedes `/` in `apiVersion`.
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// When its turn is.
    pub fn phase(&self) -> Phase {
        let labels = self.value.pointer("/metadata/labels");
        let signature = || labels.is_some_and(|labels| labels.get(SIGNATURES).is_some());
        match (self.group(), self.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                Phase::Foundations
            }
            ("", "ConfigMap") if signature() => Phase::Signatures,
            ("config.openshift.io", "ImageDigestMirrorSet" | "ImageTagMirrorSet")
            | ("operator.openshift.io", "ImageContentSourcePolicy") => Phase::Mirrors,
            _ => Phase::Rest,
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
