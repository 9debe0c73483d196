/*!
A request and an answer, as the parts of a fake pass them on.

Bodies are streams of chunks, so that a 6 GiB blob passes through and a fault can cut, lengthen or bend it on its way.
*/

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use serde_json::Value;

use crate::log::Entry;

/// The body of an answer on its way to a client.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body; an error in it breaks the connection.
pub type Chunks = BoxStream<'static, io::Result<Bytes>>;

/// A request.
pub struct Request {
    /// `GET`, …
    pub method: Method,
    /// Without the query.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, which can be read once.
    pub body: Chunks,
    entry: Entry,
}

impl Request {
    pub(crate) fn new(parts: Parts, body: Chunks, entry: Entry) -> Self {
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            body,
            entry,
        }
    }

    /// Notes the body in the log.
    pub(crate) fn keep(&self, body: &Bytes) {
        self.entry.update(|logged| logged.body = body.clone());
    }

    /// The first query parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The whole body, refused above `limit` bytes.
    pub async fn collect(&mut self, limit: usize) -> io::Result<Option<Bytes>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.next().await {
            whole.extend_from_slice(&chunk?);
            if whole.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(whole.into()))
    }
}

/// An answer.
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Chunks,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self::bytes(status, Bytes::new())
    }

    /// An answer with a body at hand.
    pub fn bytes(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len() as u64;
        let chunks = stream::iter((!body.is_empty()).then_some(Ok(body))).boxed();
        Self::stream(status, chunks, length)
    }

    /// An answer whose body comes in chunks, `length` bytes in all.
    pub fn stream(status: StatusCode, body: Chunks, length: u64) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, length.into());
        Self {
            status,
            headers,
            body,
        }
    }

    /// An answer in JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::bytes(status, body.to_string()).with(CONTENT_TYPE, "application/json")
    }

    /// The errors body of the distribution spec ("Error Codes").
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let error = serde_json::json!({"code": code, "message": message});
        let body = serde_json::json!({"errors": [error]});
        Self::bytes(status, body.to_string()).with(CONTENT_TYPE, "application/json; charset=utf-8")
    }

    /// A 404 with a code.
    pub fn unknown(code: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, code, "not known to the registry")
    }

    /// Adds a header; one that cannot be a header is a mistake in the harness and is left out.
    pub fn with(mut self, name: impl TryInto<HeaderName>, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) = (name.try_into(), HeaderValue::from_str(value.as_ref())) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// A query or a form as pairs, decoded.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    File(Arc<Path>, u64),
    Memory(Bytes),
}

impl Content {
    pub fn size(&self) -> u64 {
        match self {
            Self::File(_, size) => *size,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// `length` bytes from `start`, in blocks of at most 64 KiB; the range must lie inside.
    pub fn slice(&self, start: u64, length: u64) -> io::Result<Chunks> {
        use std::io::{Read, Seek};
        const BLOCK: u64 = 64 << 10;
        match self {
            Self::Memory(bytes) => {
                let bytes = bytes.slice(start as usize..(start + length) as usize);
                let blocks = (0..length.div_ceil(BLOCK)).map(move |n| {
                    let end = ((n + 1) * BLOCK).min(length);
                    Ok(bytes.slice((n * BLOCK) as usize..end as usize))
                });
                Ok(stream::iter(blocks).boxed())
            }
            Self::File(path, _) => {
                let mut file = std::fs::File::open(path)?;
                file.seek(io::SeekFrom::Start(start))?;
                let blocks = (0..length.div_ceil(BLOCK)).map(move |n| {
                    let mut block = vec![0; (length - n * BLOCK).min(BLOCK) as usize];
                    file.read_exact(&mut block)?;
                    Ok(block.into())
                });
                Ok(stream::iter(blocks).boxed())
            }
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)
    }
}
