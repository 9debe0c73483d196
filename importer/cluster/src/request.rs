/*! What is sent to an API server, and what comes back. */

pub mod path;
pub mod refusal;
mod unanswered;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::Value;

pub use unanswered::Unanswered;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Call {
    /// A read.
    pub fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            content_type: "",
            body: Bytes::new(),
        }
    }

    /// A question that is put by creating an object which is not kept.
    pub fn ask(path: &str, question: &Value) -> Self {
        Self {
            method: Method::POST,
            path: path.to_owned(),
            content_type: "application/json",
            body: question.to_string().into(),
        }
    }

    /// A merge patch (RFC 7386).
    pub fn merge(path: String, patch: &Value) -> Self {
        Self {
            method: Method::PATCH,
            path,
            content_type: "application/merge-patch+json",
            body: patch.to_string().into(),
        }
    }

    /// A JSON patch (RFC 6902).
    pub fn json_patch(path: String, patch: &Value) -> Self {
        Self {
            method: Method::PATCH,
            path,
            content_type: "application/json-patch+json",
            body: patch.to_string().into(),
        }
    }

    /// A new object in a collection.
    pub fn create(path: String, object: &Value) -> Self {
        Self {
            method: Method::POST,
            path,
            content_type: "application/json",
            body: object.to_string().into(),
        }
    }

    /// An object in place of what is there. It may be sent twice only with the `resourceVersion` of that.
    pub fn replace(path: String, object: &Value) -> Self {
        Self {
            method: Method::PUT,
            path,
            content_type: "application/json",
            body: object.to_string().into(),
        }
    }

    /// A deletion, with its options (`DeleteOptions`). It may be sent twice only with the `uid` of what is to go.
    pub fn delete(path: String, options: &Value) -> Self {
        Self {
            method: Method::DELETE,
            path,
            content_type: "application/json",
            body: options.to_string().into(),
        }
    }

    /// An apply patch; JSON is YAML.
    pub fn apply(path: String, object: &Value) -> Self {
        Self {
            method: Method::PATCH,
            path,
            content_type: "application/apply-patch+yaml",
            body: object.to_string().into(),
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The object, or the `Status` that says why not; null where a proxy answered in its own way.
    pub body: Value,
    /// Whether it took more than one attempt, so that an earlier one may have had its effect.
    pub repeated: bool,
    /// What the server warns of (`Warning` headers, RFC 7234 section 5.5): deprecated versions, policies. Not harmless yet.
    pub warnings: Vec<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// One that nobody gave.
    #[cfg(any(test, feature = "testing"))]
    pub fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            repeated: false,
            warnings: Vec::new(),
            retry_after: None,
        }
    }

    /// Whether it is what was asked for.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the `Status` says for people, as it came.
    pub fn message(&self) -> &str {
        let message = self.body.get("message").and_then(Value::as_str);
        message.unwrap_or_default()
    }

    /// Whether it is about the object that was sent: older servers answer 500 to fields that their kind does not have.
    pub fn is_misfit(&self) -> bool {
        self.status == 500
            && self
                .message()
                .starts_with("failed to create typed patch object")
    }

    /// Whether the same request may soon do better.
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504) && !self.is_misfit()
    }
}

/// The texts of `Warning: 299 - "text"`, which is how API servers write them; others are passed over.
pub(crate) fn warnings(headers: &HeaderMap) -> Vec<String> {
    let headers = headers.get_all(header::WARNING).iter();
    let texts = headers.filter_map(|value| {
        let rest = value.to_str().ok()?.strip_prefix("299 ")?;
        let (_, quoted) = rest.split_once('"')?;
        let text = quoted.rsplit_once('"')?.0;
        Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
    });
    texts.collect()
}

/// How long the server asks to wait; capped where it is used.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    net::wait::retry_after(headers.get(header::RETRY_AFTER)?.to_str().ok()?)
}
