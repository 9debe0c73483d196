/*!
What a method does with what a path names, and in which words it is refused.
*/

use std::sync::atomic::Ordering;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    FakeCluster, apply, namespaces,
    resources::{self, AUTHORIZATION, REVIEWS, ResourceType},
    response::ApiResponse,
    route::{ApiRequest, Route},
    store::{Full, ObjectKey, State, completed},
};

/// Does what is asked.
pub(super) fn answer(cluster: &FakeCluster, request: &ApiRequest) -> ApiResponse {
    let state = &mut *cluster.state();
    state.tick();
    if let Some(known) = discovery(&request.path, &state.resources) {
        return ApiResponse::ok(known);
    }
    let Some(route) = Route::parse(&request.path, &state.resources) else {
        let message = "the server could not find the requested resource";
        return ApiResponse::refusal(StatusCode::NOT_FOUND, "NotFound", message, json!({}));
    };
    if route.resource.group == AUTHORIZATION && route.resource.plural == REVIEWS {
        return review(cluster, &request.body);
    }
    match (request.method.as_str(), route.key()) {
        ("GET", None) => list(state, &route),
        ("GET", Some(key)) => {
            let found = state.objects.get(&key);
            found.map_or_else(
                || ApiResponse::not_found(&route),
                |object| ApiResponse::ok(object.clone()),
            )
        }
        ("POST", None) => create(cluster, state, route, request),
        ("PATCH", Some(key)) => patch(cluster, state, &route, key, request),
        ("DELETE", Some(key)) => match state.objects.get(&key).cloned() {
            None => ApiResponse::not_found(&route),
            Some(object) if request.is_dry_run() => ApiResponse::ok(object),
            Some(object) if key.is_namespace() => stored(
                StatusCode::OK,
                state.put(key, namespaces::terminating(object), 0),
            ),
            Some(object) => {
                state.objects.remove(&key);
                ApiResponse::ok(object)
            }
        },
        _ => {
            let message = "the server does not allow this method on the requested resource";
            ApiResponse::refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                message,
                json!({}),
            )
        }
    }
}

/// What a cluster tells of itself, for a path that is no resource.
fn discovery(path: &str, resources: &[ResourceType]) -> Option<Value> {
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
        ["api", version] => resources::resource_list(resources, "", version),
        ["apis"] => Some(resources::group_list(resources)),
        ["apis", group] => resources::group(resources, group),
        ["apis", group, version] => resources::resource_list(resources, group, version),
        _ => None,
    }
}

/// "May I?" (`SelfSubjectAccessReview`)
fn review(cluster: &FakeCluster, body: &[u8]) -> ApiResponse {
    let Ok(mut review) = serde_json::from_slice::<Value>(body) else {
        return ApiResponse::invalid("the review is not JSON");
    };
    let attributes = &review["spec"]["resourceAttributes"];
    let text = |key: &str| attributes[key].as_str().unwrap_or_default();
    let method = match text("verb") {
        "create" => "POST",
        "patch" => "PATCH",
        "delete" => "DELETE",
        _ => "GET",
    };
    let faults = &cluster.0.faults;
    let allowed = !faults.forbids(cluster.0.number, method, text("resource"));
    review["status"] = json!({"allowed": allowed});
    ApiResponse {
        status: StatusCode::CREATED,
        body: review,
    }
}

fn list(state: &State, route: &Route) -> ApiResponse {
    let of_kind = state.objects.iter().filter(|(key, _)| {
        let here = route
            .namespace
            .as_ref()
            .is_none_or(|wanted| *wanted == key.namespace);
        key.group == route.resource.group && key.plural == route.resource.plural && here
    });
    let items: Value = of_kind.map(|(_, object)| object.clone()).collect();
    ApiResponse::ok(json!({
        "apiVersion": route.resource.api_version(), "kind": format!("{}List", route.resource.kind),
        "metadata": {"resourceVersion": "1"}, "items": items,
    }))
}

fn create(
    cluster: &FakeCluster,
    state: &mut State,
    mut route: Route,
    request: &ApiRequest,
) -> ApiResponse {
    let Ok(object) = serde_json::from_slice::<Value>(&request.body) else {
        return ApiResponse::invalid("the object is not JSON");
    };
    route.name = object["metadata"]["name"].as_str().map(str::to_owned);
    let Some(key) = route.key() else {
        return ApiResponse::invalid("name is required");
    };
    if state.objects.contains_key(&key) {
        let message = format!(
            "{} {:?} already exists",
            route.qualified_resource(),
            key.name
        );
        return ApiResponse::refusal(StatusCode::CONFLICT, "AlreadyExists", &message, json!({}));
    }
    let object = apply::update(
        &Value::Null,
        object,
        request.manager(),
        route.resource.custom,
    );
    store(cluster, state, &route, key, object, request)
}

fn patch(
    cluster: &FakeCluster,
    state: &mut State,
    route: &Route,
    key: ObjectKey,
    request: &ApiRequest,
) -> ApiResponse {
    // JSON is YAML; nobody sends anything else.
    let Ok(sent) = serde_json::from_slice::<Value>(&request.body) else {
        return ApiResponse::invalid("the patch is not JSON");
    };
    let live = state.objects.get(&key).cloned().unwrap_or(Value::Null);
    match request.content_type.as_str() {
        "application/apply-patch+yaml" => {
            if let Some(wrong) = unfit(route, &key, &sent, request) {
                return wrong;
            }
            let applied = apply::Request {
                manager: request.manager(),
                force: request.parameter("force") == Some("true"),
                custom: route.resource.custom,
            };
            match apply::apply(&live, &sent, applied) {
                Ok(object) => store(cluster, state, route, key, object, request),
                Err(conflicts) => ApiResponse::conflict(&conflicts),
            }
        }
        "application/merge-patch+json" if live.is_null() => ApiResponse::not_found(route),
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
                apply::update(&live, object, request.manager(), route.resource.custom)
            };
            store(cluster, state, route, key, object, request)
        }
        _ => ApiResponse::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/apply-patch+yaml",
            json!({}),
        ),
    }
}

/// What is wrong with an applied object, if anything is.
fn unfit(
    route: &Route,
    key: &ObjectKey,
    sent: &Value,
    request: &ApiRequest,
) -> Option<ApiResponse> {
    if request.parameter("fieldManager").is_none_or(str::is_empty) {
        let required = "Required value: is required for apply patch";
        let message = format!("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: {required}");
        let cause =
            json!({"reason": "FieldValueRequired", "message": required, "field": "fieldManager"});
        let details = json!({"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]});
        return Some(ApiResponse::refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            &message,
            details,
        ));
    }
    if !sent["metadata"]["managedFields"].is_null() {
        return Some(ApiResponse::invalid("metadata.managedFields must be nil"));
    }
    let kind = &route.resource;
    let named = [
        ("apiVersion", kind.api_version()),
        ("kind", kind.kind.clone()),
    ];
    if let Some((field, expected)) = named
        .iter()
        .find(|(field, expected)| sent[*field] != expected.as_str())
    {
        return Some(ApiResponse::invalid(&format!(
            "{field} in the object is not {expected}"
        )));
    }
    let metadata = &sent["metadata"];
    let given = metadata["namespace"].as_str();
    if metadata["name"] != key.name.as_str() || given.is_some_and(|given| given != key.namespace) {
        return Some(ApiResponse::invalid(
            "the name or namespace of the object does not match that of the request",
        ));
    }
    None
}

/// The last step of every write: nothing where nothing changed, and nothing where it is not meant.
fn store(
    cluster: &FakeCluster,
    state: &mut State,
    route: &Route,
    key: ObjectKey,
    mut object: Value,
    request: &ApiRequest,
) -> ApiResponse {
    let live = state.objects.get(&key).unwrap_or(&Value::Null);
    if route.resource.namespaced {
        object["metadata"]["namespace"] = key.namespace.as_str().into();
        if live.is_null()
            && let Some(refusal) = namespaces::refusal(state, route, &key)
        {
            return refusal;
        }
    }
    if key.is_namespace() && route.subresource.is_none() {
        namespaces::keep_status(live, &mut object);
    }
    let status = if live.is_null() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    if *live == object {
        return ApiResponse::ok(object);
    }
    if request.is_dry_run() {
        let object = completed(live, object, 0);
        return ApiResponse {
            status,
            ..ApiResponse::ok(object)
        };
    }
    let delay = cluster.0.establish_after.load(Ordering::Relaxed);
    stored(status, state.put(key, object, delay))
}

fn stored(status: StatusCode, outcome: Result<Value, Full>) -> ApiResponse {
    match outcome {
        Ok(object) => ApiResponse {
            status,
            ..ApiResponse::ok(object)
        },
        Err(full) => ApiResponse::refusal(
            StatusCode::FORBIDDEN,
            "Forbidden",
            &format!("the fake is full ({full:?})"),
            json!({}),
        ),
    }
}
