/*! Whether a user may do something (Kubernetes, "SelfSubjectAccessReview"): what a dry run cannot tell of what is not there yet. */

use serde_json::{Value, json};

use crate::{Call, ClusterError, Session, classify::clean};

/// What is to be done, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessReview {
    /// As RBAC calls it: `patch`.
    pub verb: &'static str,
    /// The API group; empty for the core.
    pub group: String,
    /// The plural of the kind.
    pub resource: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    /// The object.
    pub name: String,
}

/// Why it is forbidden; `None` if it is not, or if the cluster does not say.
pub async fn denied(
    session: &Session,
    review: &AccessReview,
) -> Result<Option<String>, ClusterError> {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": review.verb, "group": review.group, "resource": review.resource, "namespace": review.namespace, "name": review.name,
        }},
    });
    let answer = match session.send(&Call::ask(REVIEWS, &question)).await {
        Ok(answer) => answer,
        Err(error) if error.is_passing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let status = answer.body.get("status").filter(|_| answer.is_success());
    if status.and_then(|status| status.get("allowed")) != Some(&Value::Bool(false)) {
        return Ok(None);
    }
    let why = status.and_then(|status| status.get("reason")?.as_str());
    Ok(Some(sentence(review, why.unwrap_or_default())))
}

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

fn sentence(review: &AccessReview, why: &str) -> String {
    let AccessReview {
        verb,
        group,
        resource,
        namespace,
        ..
    } = review;
    let dot = if group.is_empty() { "" } else { "." };
    let place = if namespace.is_empty() {
        String::new()
    } else {
        format!(" in namespace {namespace}")
    };
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(" ({})", clean(why))
    };
    format!("forbidden: this user may not {verb} {resource}{dot}{group}{place}{why}")
}
