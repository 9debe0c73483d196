/*! Requests to the API server of a cluster, bounded in time and size; a failed one says why in a few words. */

use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use schema::text::escape;
use serde_json::Value;

use crate::apply::status::{one_line, text};

/// The one ClusterVersion there is.
pub const CLUSTER_VERSION: &str = "/apis/config.openshift.io/v1/clusterversions/version";

/// The pools that nodes are updated in.
pub const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";

/// The most that an answer may hold: an object takes up to 1.5 MiB in a cluster, and there are few pools.
const ANSWER_LIMIT: usize = 8 << 20;

/// The most that is shown of a refusal, in characters: an operator's webhook, or a proxy's web page, may say a lot.
const SHOWN: usize = 500;

/// Reads an object or a list.
pub async fn get(
    client: &kube::Client,
    path: &str,
    timeout: Duration,
) -> Result<Value, Unanswered> {
    send(client, Method::GET, path, None, timeout).await
}

/// Sends a merge patch (RFC 7386).
pub async fn merge_patch(
    client: &kube::Client,
    path: &str,
    patch: &Value,
    timeout: Duration,
) -> Result<Value, Unanswered> {
    send(client, Method::PATCH, path, Some(patch), timeout).await
}

async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    patch: Option<&Value>,
    timeout: Duration,
) -> Result<Value, Unanswered> {
    let request = Request::builder().method(method).uri(path);
    let request = match patch {
        None => request.body(Body::empty()),
        Some(patch) => request
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .body(Body::from(patch.to_string().into_bytes())),
    };
    let request = request.map_err(|error| Unanswered::Broken(error.to_string()))?;
    match tokio::time::timeout(timeout, answer(client, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Unanswered::Late(timeout)),
    }
}

async fn answer(client: &kube::Client, request: Request<Body>) -> Result<Value, Unanswered> {
    let response = client.send(request).await;
    let response = response.map_err(|error| Unanswered::Broken(cause(&error)))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_LIMIT);
    let body = body.collect().await;
    let body = body.map_err(|error| Unanswered::Broken(cause(error.as_ref())))?;
    let bytes = body.to_bytes();
    let read = serde_json::from_slice::<Value>(&bytes);
    if status.is_success() {
        return read.map_err(|error| Unanswered::Broken(format!("the answer is no JSON: {error}")));
    }
    let said = match read {
        Ok(answer) => one_line(text(&answer, "/message")),
        Err(_) => escape(&String::from_utf8_lossy(&bytes)),
    };
    Err(Unanswered::Status {
        code: status.as_u16(),
        said: match said.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &said[..end]),
            None => said,
        },
    })
}

/// A request that did not bring what it was for.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The server was not reached, or not understood.
    #[error("{0}")]
    Broken(String),
    /// The server let us wait.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The server refused it.
    #[error("{said} (HTTP {code})")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        said: String,
    },
}

impl Unanswered {
    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Broken(_) | Self::Late(_) => None,
        }
    }

    /// Whether the same request may soon do better.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            // It has cost its time already.
            Self::Late(_) => false,
            Self::Status { code, .. } => *code == 429 || *code >= 500,
        }
    }
}

/// What is at the bottom of an error: all above it only says that a request failed.
fn cause(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(next) = error.source() {
        error = next;
    }
    one_line(&error.to_string())
}
