/*! A request to a cluster, and what its path names. */

use bytes::Bytes;
use hyper::Method;

use super::{resources::ResourceType, store::ObjectKey};

/// A request, read whole.
#[derive(Debug)]
pub struct ApiRequest {
    /// `GET`, `PATCH`, …
    pub method: Method,
    /// Without the query.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Empty if there was none.
    pub content_type: String,
    /// The body as it came.
    pub body: Bytes,
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub resource: ResourceType,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl ApiRequest {
    /// The first query parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is to be answered, not done.
    pub fn is_dry_run(&self) -> bool {
        self.parameter("dryRun") == Some("All")
    }

    /// Who changes fields: as it says, or as its program is called.
    pub fn manager(&self) -> &str {
        self.parameter("fieldManager").unwrap_or("unknown")
    }
}

impl Route {
    /// What a path names among the resources of a cluster; `None` for what is not served, and for discovery.
    pub fn parse(path: &str, resources: &[ResourceType]) -> Option<Self> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match &segments[..] {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
            _ => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, Some(*name), None),
            [plural, name, subresource] => (*plural, Some(*name), Some(*subresource)),
            _ => return None,
        };
        let resource = resources.iter().find(|resource| {
            resource.group == group && resource.version == version && resource.plural == plural
        })?;
        Some(Self {
            resource: resource.clone(),
            namespace,
            name: name.map(str::to_owned),
            subresource: subresource.map(str::to_owned),
        })
    }

    /// Which object that is; `None` for a whole list.
    pub fn key(&self) -> Option<ObjectKey> {
        Some(ObjectKey {
            group: self.resource.group.clone(),
            plural: self.resource.plural.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: self.name.clone()?,
        })
    }

    /// `configmaps`, `imagedigestmirrorsets.config.openshift.io`
    pub fn qualified_resource(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.resource.plural.clone(),
            group => format!("{}.{group}", self.resource.plural),
        }
    }
}
