/*!
What a method does with what a path names, and in which words it is refused.
*/

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    apply::{self, Conflict},
    faults::Faults,
    kinds::{self, AUTHORIZATION, Kind, REVIEWS},
    message::{Asked, Reply, Route},
    store::{Cluster, Place, State, completed},
};

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
