/*!
Every request a registry got, for tests to ask about and to wait for.

Waiting is on a condition variable that each request and each chunk of a body wakes: a test that kills a program "after
the third blob" needs no sleep.
*/

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use hyper::{
    header::{AUTHORIZATION, RANGE},
    http::request::Parts,
};

/// A request, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query without `?`, empty if there was none.
    pub query: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// Whether it carried an `Authorization` header.
    pub authorization_present: bool,
    /// The status answered; `None` while it is worked on, and for good if the connection broke before.
    pub status: Option<u16>,
    /// Bytes of its body that arrived.
    pub received: u64,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// Whether the answer's body was handed over to its end.
    pub complete: bool,
}

impl LoggedRequest {
    /// A request that has just arrived.
    pub(crate) fn new(parts: &Parts) -> Self {
        let range = parts.headers.get(RANGE);
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            range: range
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            authorization_present: parts.headers.contains_key(AUTHORIZATION),
            status: None,
            received: 0,
            sent: 0,
            complete: false,
        }
    }
}

/// All requests in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: Mutex<Vec<LoggedRequest>>,
    changed: Condvar,
}

impl Log {
    /// Notes a request and gives its place.
    pub fn add(&self, request: LoggedRequest) -> usize {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request);
        self.changed.notify_all();
        requests.len() - 1
    }

    /// Changes what is known of a request.
    pub fn update(&self, place: usize, change: impl FnOnce(&mut LoggedRequest)) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get_mut(place).map(change);
        self.changed.notify_all();
    }

    pub fn all(&self) -> Vec<LoggedRequest> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Blocks until `condition` holds.
    pub fn wait(
        &self,
        limit: Duration,
        condition: impl Fn(&[LoggedRequest]) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while !condition(&requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "the registry waited {} s in vain; it got {requests:#?}",
                    limit.as_secs()
                );
            }
            let (guard, _) = self
                .changed
                .wait_timeout(requests, left)
                .unwrap_or_else(PoisonError::into_inner);
            requests = guard;
        }
        Ok(())
    }
}
