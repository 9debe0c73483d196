/*! A request, what its path names, and an answer, as the parts of the stand-in pass them on. */

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{kinds::Kind, store::Place};

/// A request, read whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub method: Method,
    /// Below that of the cluster.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Value,
    pub retry_after: Option<u64>,
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub kind: Kind,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_dry_run(&self) -> bool {
        self.parameter("dryRun") == Some("All")
    }

    /// Who changes fields: as it says, or as its program is called.
    pub fn manager(&self) -> &str {
        self.parameter("fieldManager").unwrap_or("unknown")
    }
}

impl Reply {
    pub fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            retry_after: None,
        }
    }

    /// A `Status` (Kubernetes API conventions, "Response Status Kind").
    pub fn refusal(status: StatusCode, reason: &str, message: &str, details: Value) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": status.as_u16(),
        });
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    pub fn not_found(route: &Route) -> Self {
        let name = route.name.as_deref().unwrap_or_default();
        let message = format!("{} {name:?} not found", route.resource());
        let details = json!({"name": name, "group": route.kind.group, "kind": route.kind.plural});
        Self::refusal(StatusCode::NOT_FOUND, "NotFound", &message, details)
    }

    pub fn invalid(message: &str) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, "BadRequest", message, json!({}))
    }
}

impl Route {
    /// What a path names among the kinds of a cluster; `None` for what is not served, and for discovery.
    pub fn parse(path: &str, kinds: &[Kind]) -> Option<Self> {
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
        let kind = kinds
            .iter()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)?;
        Some(Self {
            kind: kind.clone(),
            namespace,
            name: name.map(str::to_owned),
            subresource: subresource.map(str::to_owned),
        })
    }

    /// Where the object lies; `None` for a whole list.
    pub fn place(&self) -> Option<Place> {
        Some(Place {
            group: self.kind.group.clone(),
            plural: self.kind.plural.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            name: self.name.clone()?,
        })
    }

    /// `configmaps`, `imagedigestmirrorsets.config.openshift.io`
    pub fn resource(&self) -> String {
        match self.kind.group.as_str() {
            "" => self.kind.plural.clone(),
            group => format!("{}.{group}", self.kind.plural),
        }
    }
}
