/*! What an API server answers: objects, and refusals in the words that clients go by. */

use hyper::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{apply::Conflict, route::Route};
use crate::message::Response;

/// An answer.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub status: StatusCode,
    pub body: Value,
}

impl ApiResponse {
    /// What was asked for.
    pub fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// A `Status` (Kubernetes API conventions, "Response Status Kind").
    pub fn refusal(status: StatusCode, reason: &str, message: &str, details: Value) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": status.as_u16(),
        });
        Self { status, body }
    }

    /// There is no such object.
    pub fn not_found(route: &Route) -> Self {
        let name = route.name.as_deref().unwrap_or_default();
        let message = format!("{} {name:?} not found", route.qualified_resource());
        let (group, plural) = (&route.resource.group, &route.resource.plural);
        let details = json!({"name": name, "group": group, "kind": plural});
        Self::refusal(StatusCode::NOT_FOUND, "NotFound", &message, details)
    }

    /// The request makes no sense.
    pub fn invalid(message: &str) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, "BadRequest", message, json!({}))
    }

    /// Others hold fields that were applied.
    pub fn conflict(conflicts: &[Conflict]) -> Self {
        let words =
            |conflict: &Conflict| format!("conflict with {:?}{}", conflict.manager, conflict.how);
        let causes = conflicts.iter().map(
            |conflict| json!({"reason": "FieldManagerConflict", "message": words(conflict), "field": conflict.field}),
        );
        let details = json!({"causes": causes.collect::<Value>()});
        let message = match conflicts {
            [one] => format!(
                "Apply failed with 1 conflict: {}: {}",
                words(one),
                one.field
            ),
            many => {
                let lines = many
                    .iter()
                    .map(|one| format!("\n{}:\n- {}", words(one), one.field));
                format!(
                    "Apply failed with {} conflicts: {}",
                    many.len(),
                    lines.collect::<String>()
                )
            }
        };
        Self::refusal(StatusCode::CONFLICT, "Conflict", &message, details)
    }
}

impl From<ApiResponse> for Response {
    fn from(ApiResponse { status, body }: ApiResponse) -> Self {
        match body {
            Value::String(text) => Self::bytes(status, text).with(CONTENT_TYPE, "text/plain"),
            body => Self::json(status, &body),
        }
    }
}
