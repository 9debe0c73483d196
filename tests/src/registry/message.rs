/*!
A request and an answer, as the parts of the registry pass them on.

Bodies are streams of chunks, so that a 6 GiB blob passes through and a fault can cut, lengthen or bend it on its way.
*/

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};

/// A body; an error in it breaks the connection.
pub(crate) type Chunks = BoxStream<'static, io::Result<Bytes>>;

/// A request.
pub(crate) struct Asked {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Chunks,
}

impl Asked {
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
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Chunks,
}

impl Answer {
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

    /// The errors body of the spec ("Error Codes").
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::bytes(status, body.to_string()).with(CONTENT_TYPE, "application/json")
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
