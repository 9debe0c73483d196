/*!
From a request to an answer: what a path names, what a method does with it, and in which words it is refused.
*/

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    apply::{self, Conflict},
    faults::Faults,
    kinds::{self, AUTHORIZATION, Kind, REVIEWS},
    store::{Cluster, Place, State, completed},
};

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
    kind: Kind,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
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
    fn manager(&self) -> &str {
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

    fn not_found(route: &Route) -> Self {
        let name = route.name.as_deref().unwrap_or_default();
        let message = format!("{} {name:?} not found", route.resource());
        let details = json!({"name": name, "group": route.kind.group, "kind": route.kind.plural});
        Self::refusal(StatusCode::NOT_FOUND, "NotFound", &message, details)
    }

    fn invalid(message: &str) -> Self {
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

    /// `configmaps`
    pub fn plural(&self) -> &str {
        &self.kind.plural
    }

    /// `configmaps`, `imagedigestmirrorsets.config.openshift.io`
    fn resource(&self) -> String {
        match self.kind.group.as_str() {
            "" => self.kind.plural.clone(),
            group => format!("{}.{group}", self.kind.plural),
        }
    }
}

/// Does what is asked.
pub(super) fn answer(cluster: &Cluster, faults: &Faults, asked: &Asked) -> Reply {
    let state = &mut *cluster.state();
    state.tick();
    if let Some(known) = discovery(&asked.path, &state.kinds) {
        return Reply::ok(known);
    }
    let Some(route) = Route::parse(&asked.path, &state.kinds) else {
        let message = "the server could not find the requested resource";
        return Reply::refusal(StatusCode::NOT_FOUND, "NotFound", message, json!({}));
    };
    if route.kind.group == AUTHORIZATION && route.kind.plural == REVIEWS {
        return review(cluster.number, faults, &asked.body);
    }
    match (asked.method.as_str(), route.place()) {
        ("GET", None) => list(state, &route),
        ("GET", Some(place)) => {
            let found = state.objects.get(&place);
            found.map_or_else(
                || Reply::not_found(&route),
                |object| Reply::ok(object.clone()),
            )
        }
        ("POST", None) => create(state, faults, route, asked),
        ("PATCH", Some(place)) => patch(state, faults, &route, place, asked),
        ("DELETE", Some(place)) => match state.objects.get(&place).cloned() {
            None => Reply::not_found(&route),
            Some(object) => {
                if !asked.is_dry_run() {
                    state.objects.remove(&place);
                }
                Reply::ok(object)
            }
        },
        _ => {
            let message = "the server does not allow this method on the requested resource";
            Reply::refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                message,
                json!({}),
            )
        }
    }
}

/// What a cluster tells of itself, for a path that is no resource.
fn discovery(path: &str, kinds: &[Kind]) -> Option<Value> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match &segments[..] {
        ["version"] => Some(json!({
            "major": "1", "minor": "29", "gitVersion": "v1.29.6", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": apply::NOW, "goVersion": "go1.21", "compiler": "gc", "platform": "linux/amd64",
        })),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] => Some(
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        ["api", version] => kinds::resource_list(kinds, "", version),
        ["apis"] => Some(kinds::group_list(kinds)),
        ["apis", group] => kinds::group(kinds, group),
        ["apis", group, version] => kinds::resource_list(kinds, group, version),
        _ => None,
    }
}

/// "May I?" (`SelfSubjectAccessReview`)
fn review(cluster: usize, faults: &Faults, body: &[u8]) -> Reply {
    let Ok(mut review) = serde_json::from_slice::<Value>(body) else {
        return Reply::invalid("the review is not JSON");
    };
    let resource = review["spec"]["resourceAttributes"]["resource"].as_str();
    let allowed = !faults.forbids(cluster, resource.unwrap_or_default());
    review["status"] = json!({"allowed": allowed});
    Reply {
        status: StatusCode::CREATED,
        ..Reply::ok(review)
    }
}

fn list(state: &State, route: &Route) -> Reply {
    let of_kind = state.objects.iter().filter(|(place, _)| {
        let here = route
            .namespace
            .as_ref()
            .is_none_or(|wanted| *wanted == place.namespace);
        place.group == route.kind.group && place.plural == route.kind.plural && here
    });
    let items: Value = of_kind.map(|(_, object)| object.clone()).collect();
    Reply::ok(json!({
        "apiVersion": route.kind.api_version(), "kind": format!("{}List", route.kind.kind),
        "metadata": {"resourceVersion": "1"}, "items": items,
    }))
}

fn create(state: &mut State, faults: &Faults, mut route: Route, asked: &Asked) -> Reply {
    let Ok(object) = serde_json::from_slice::<Value>(&asked.body) else {
        return Reply::invalid("the object is not JSON");
    };
    route.name = object["metadata"]["name"].as_str().map(str::to_owned);
    let Some(place) = route.place() else {
        return Reply::invalid("name is required");
    };
    if state.objects.contains_key(&place) {
        let message = format!("{} {:?} already exists", route.resource(), place.name);
        return Reply::refusal(StatusCode::CONFLICT, "AlreadyExists", &message, json!({}));
    }
    let object = apply::update(&Value::Null, object, asked.manager(), route.kind.custom);
    store(state, faults, &route, place, object, asked)
}

fn patch(state: &mut State, faults: &Faults, route: &Route, place: Place, asked: &Asked) -> Reply {
    // JSON is YAML; nobody sends anything else.
    let Ok(sent) = serde_json::from_slice::<Value>(&asked.body) else {
        return Reply::invalid("the patch is not JSON");
    };
    let live = state.objects.get(&place).cloned().unwrap_or(Value::Null);
    match asked.content_type.as_str() {
        "application/apply-patch+yaml" => {
            if let Some(wrong) = unfit(route, &place, &sent, asked) {
                return wrong;
            }
            let request = apply::Request {
                manager: asked.manager(),
                force: asked.parameter("force") == Some("true"),
                custom: route.kind.custom,
            };
            match apply::apply(&live, &sent, request) {
                Ok(object) => store(state, faults, route, place, object, asked),
                Err(conflicts) => conflict(&conflicts),
            }
        }
        "application/merge-patch+json" if live.is_null() => Reply::not_found(route),
        "application/merge-patch+json" => {
            let mut object = live.clone();
            if route.subresource.as_deref() == Some("status") {
                apply::merge_patch(&mut object["status"], &sent["status"]);
            } else {
                apply::merge_patch(&mut object, &sent);
            }
            let object = if object == live {
                object
            } else {
                apply::update(&live, object, asked.manager(), route.kind.custom)
            };
            store(state, faults, route, place, object, asked)
        }
        _ => Reply::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/apply-patch+yaml",
            json!({}),
        ),
    }
}

/// What is wrong with an applied object, if anything is.
fn unfit(route: &Route, place: &Place, sent: &Value, asked: &Asked) -> Option<Reply> {
    if asked.parameter("fieldManager").is_none_or(str::is_empty) {
        let required = "Required value: is required for apply patch";
        let message = format!("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: {required}");
        let cause =
            json!({"reason": "FieldValueRequired", "message": required, "field": "fieldManager"});
        let details = json!({"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]});
        return Some(Reply::refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            &message,
            details,
        ));
    }
    if !sent["metadata"]["managedFields"].is_null() {
        return Some(Reply::invalid("metadata.managedFields must be nil"));
    }
    let kind = &route.kind;
    let named = [
        ("apiVersion", kind.api_version()),
        ("kind", kind.kind.clone()),
    ];
    if let Some((field, expected)) = named
        .iter()
        .find(|(field, expected)| sent[*field] != expected.as_str())
    {
        return Some(Reply::invalid(&format!(
            "{field} in the object is not {expected}"
        )));
    }
    let metadata = &sent["metadata"];
    let given = metadata["namespace"].as_str();
    if metadata["name"] != place.name.as_str()
        || given.is_some_and(|given| given != place.namespace)
    {
        return Some(Reply::invalid(
            "the name or namespace of the object does not match that of the request",
        ));
    }
    None
}

/// The last step of every write: nothing where nothing changed, and nothing where it is not meant.
fn store(
    state: &mut State,
    faults: &Faults,
    route: &Route,
    place: Place,
    mut object: Value,
    asked: &Asked,
) -> Reply {
    let live = state.objects.get(&place).unwrap_or(&Value::Null);
    if route.kind.namespaced {
        object["metadata"]["namespace"] = place.namespace.as_str().into();
        let namespace = Place {
            group: String::new(),
            plural: "namespaces".to_owned(),
            namespace: String::new(),
            name: place.namespace.clone(),
        };
        if live.is_null() && !state.objects.contains_key(&namespace) {
            let message = format!("namespaces {:?} not found", place.namespace);
            let details = json!({"name": place.namespace, "kind": "namespaces"});
            return Reply::refusal(StatusCode::NOT_FOUND, "NotFound", &message, details);
        }
    }
    let status = if live.is_null() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    if *live == object {
        return Reply::ok(object);
    }
    if asked.is_dry_run() {
        let object = completed(live, object, 0);
        return Reply {
            status,
            ..Reply::ok(object)
        };
    }
    match state.put(place, object, faults.crd_delay) {
        Ok(object) => Reply {
            status,
            ..Reply::ok(object)
        },
        Err(full) => Reply::refusal(
            StatusCode::FORBIDDEN,
            "Forbidden",
            &format!("the stand-in is full ({full:?})"),
            json!({}),
        ),
    }
}

fn conflict(conflicts: &[Conflict]) -> Reply {
    let said =
        |conflict: &Conflict| format!("conflict with {:?}{}", conflict.manager, conflict.how);
    let causes = conflicts.iter().map(
        |conflict| json!({"reason": "FieldManagerConflict", "message": said(conflict), "field": conflict.field}),
    );
    let details = json!({"causes": causes.collect::<Value>()});
    let message = match conflicts {
        [one] => format!("Apply failed with 1 conflict: {}: {}", said(one), one.field),
        many => {
            let lines = many
                .iter()
                .map(|one| format!("\n{}:\n- {}", said(one), one.field));
            format!(
                "Apply failed with {} conflicts: {}",
                many.len(),
                lines.collect::<String>()
            )
        }
    };
    Reply::refusal(StatusCode::CONFLICT, "Conflict", &message, details)
}
