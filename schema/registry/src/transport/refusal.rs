/*! The error for an answer that is a refusal, with the reason that the registry gives ("Error Codes" of the distribution spec). */

use net::{proxy, wait};
use reqwest::{Method, StatusCode, header};

use crate::{
    Error,
    error::clean,
    transport::{origin, reply::Reply},
};

/// Most bytes read of an error's body.
const ERROR_LIMIT: usize = 8 << 10;

/// The error for an answer that is a refusal, with the reason that the registry gives.
pub(crate) async fn refusal(method: &Method, mut reply: Reply, target: String) -> Error {
    if let Some(proxy) = proxy::of(reply.url())
        && reply.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
    {
        return Error::Unreachable {
            host: origin::authority(reply.url()),
            detail: proxy.wants_login(),
            transient: false,
        };
    }
    let mut body = Vec::new();
    while body.len() < ERROR_LIMIT {
        match reply.chunk("", "").await {
            Ok(Some(chunk)) => {
                body.extend_from_slice(chunk.get(..ERROR_LIMIT - body.len()).unwrap_or(&chunk))
            }
            _ => break,
        }
    }
    refused(method, reply.status(), reply.headers(), &body, target)
}

/// The error for an answer that is a refusal. `body` is what was read of it (at most 8 KiB).
fn refused(
    method: &Method,
    status: StatusCode,
    headers: &header::HeaderMap,
    body: &[u8],
    target: String,
) -> Error {
    let detail = reason(body);
    let reading = matches!(*method, Method::GET | Method::HEAD);
    let pushing = "the project or repository may not exist there, or the credentials are wrong or lack the right to push to it";
    match status.as_u16() {
        status @ (401 | 403) => {
            let pulling = "check that it exists and that the credentials may pull it (`podman login`, --authfile)";
            Error::Denied {
                target,
                status,
                detail,
                hint: if reading { pulling } else { pushing },
            }
        }
        404 => {
            let pulling = "check the name, and that the image still exists there";
            Error::NotFound {
                target,
                detail,
                hint: if reading { pulling } else { pushing },
            }
        }
        413 => Error::Http {
            target,
            status: 413,
            detail: format!(
                "{detail}; it, or a proxy before it, takes no larger requests (nginx: client_max_body_size)"
            ),
            retry_after: None,
        },
        status => Error::Http {
            target,
            status,
            detail,
            retry_after: headers
                .get(header::RETRY_AFTER)
                .and_then(|value| wait::retry_after(value.to_str().ok()?)),
        },
    }
}

/// `errors` of the distribution spec ("Error Codes").
#[derive(serde::Deserialize)]
struct Body {
    errors: Vec<Item>,
}

#[derive(serde::Deserialize)]
struct Item {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The codes in an answer that is a refusal.
pub(crate) fn codes(body: &[u8]) -> Vec<String> {
    let parsed = serde_json::from_slice::<Body>(body).ok();
    let items = parsed.into_iter().flat_map(|body| body.errors);
    items.map(|item| item.code).collect()
}

/// The reason in a refusal: that of its `errors`, or of a well-known plain text; else empty.
fn reason(body: &[u8]) -> String {
    if let Ok(body) = serde_json::from_slice::<Body>(body) {
        let items: Vec<_> = body
            .errors
            .iter()
            .map(|item| format!("{} {}", item.code, item.message))
            .collect();
        let text = clean(items.join(", ").trim());
        return if text.is_empty() {
            text
        } else {
            format!(": {text}")
        };
    }
    if body.starts_with(b"Client sent an HTTP request to an HTTPS server") {
        return ": it wants HTTPS there; leave out --plain-http".to_owned();
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_words_are_quoted_without_control_characters() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no\u001b[31m\npush"}]}"#;
        assert_eq!(reason(body), ": DENIED no\\u{1b}[31m push");
        assert_eq!(reason(b"<html>login"), "");
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(5000));
        assert!(reason(long.as_bytes()).len() < 210);
    }
}
