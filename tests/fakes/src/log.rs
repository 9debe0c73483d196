/*!
Every request that a fake got, for tests to ask about and to wait for: each of them up to a bound, and their numbers
without one.

Waiting is on a condition variable that each request and each chunk of a body wakes: a test that kills a program "after
the third blob" needs no sleep.
*/

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use hyper::{
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RANGE},
    http::request::Parts,
};

/// The most requests that are kept one by one: some 100 MB.
const KEPT: usize = 500_000;

/// A request, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Which cluster of a fleet it went to; 0 elsewhere.
    pub cluster: usize,
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path without the query; of a cluster in a fleet, the path below that of the cluster.
    pub path: String,
    /// Query without `?`, empty if there was none.
    pub query: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Content-Type` header, empty if there was none.
    pub content_type: String,
    /// Whether it carried an `Authorization` header.
    pub authorization_present: bool,
    /// The body, kept by a [`FakeCluster`](crate::FakeCluster) outside a fleet and empty elsewhere.
    pub body: Bytes,
    /// The status answered; `None` while it is worked on, and for good if it hangs or the connection broke before.
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
    pub(crate) fn new(parts: &Parts, cluster: usize) -> Self {
        let text = |name: HeaderName| {
            let value = parts.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        Self {
            cluster,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            range: text(RANGE),
            content_type: text(CONTENT_TYPE).unwrap_or_default(),
            authorization_present: parts.headers.contains_key(AUTHORIZATION),
            body: Bytes::new(),
            status: None,
            received: 0,
            sent: 0,
            complete: false,
        }
    }

    /// `GET /path?query`, without `?` where there is no query.
    pub fn line(&self) -> String {
        let Self {
            method,
            path,
            query,
            ..
        } = self;
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{method} {path}{mark}{query}")
    }

    /// Whether it asks for an object of a cluster to be stored, altered or deleted. A dry run does not, and a review of
    /// access is posted, but never stored.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
            && !self.query.contains("dryRun=All")
            && !self.path.contains("/authorization.k8s.io/")
    }
}

/// The numbers of all requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of them.
    pub requests: u64,
    /// Those that were to change something; see [`LoggedRequest::is_write`].
    pub writes: u64,
    /// The most that were under way at a time.
    pub peak: u64,
    /// The most connections that were open at a time.
    pub connections: u64,
    /// How many were answered with each status; 0 counts those that were not.
    pub statuses: BTreeMap<u16, u64>,
    /// From the first request to the last answer, for each cluster that was asked.
    pub spans: BTreeMap<usize, Span>,
}

/// When a cluster was first asked and last answered, counted from the start or the last time the log forgot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When the first request came.
    pub first: Duration,
    /// When the last answer went.
    pub last: Duration,
}

impl Span {
    /// How long the cluster was busy.
    pub fn length(&self) -> Duration {
        self.last.saturating_sub(self.first)
    }
}

/// All requests in order of arrival.
#[derive(Debug)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct State {
    since: Instant,
    /// How often the log was forgotten: tickets of before count no more.
    age: u64,
    under_way: u64,
    open: u64,
    pub requests: Vec<LoggedRequest>,
    pub summary: Summary,
}

/// A request under way; what is never answered is counted when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    entry: Entry,
    cluster: usize,
    answered: bool,
}

/// The place of a request in the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    log: Arc<Log>,
    place: Option<usize>,
    age: u64,
}

/// An open connection; ends when dropped.
#[derive(Debug)]
pub(crate) struct Connection<'a>(&'a Log);

impl Default for Log {
    fn default() -> Self {
        let state = State {
            since: Instant::now(),
            age: 0,
            under_way: 0,
            open: 0,
            requests: Vec::new(),
            summary: Summary::default(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl State {
    /// Whether nobody is connected, so that nothing more will be done.
    pub fn is_deserted(&self) -> bool {
        self.open == 0
    }
}

impl Log {
    /// A connection is open.
    pub fn connect(&self) -> Connection<'_> {
        self.change(|state| {
            state.open += 1;
            state.summary.connections = state.summary.connections.max(state.open);
        });
        Connection(self)
    }

    /// A request has come.
    pub fn begin(self: &Arc<Self>, request: LoggedRequest) -> Ticket {
        self.change(|state| {
            let now = state.since.elapsed();
            let cluster = request.cluster;
            state.under_way += 1;
            let summary = &mut state.summary;
            summary.requests += 1;
            summary.writes += u64::from(request.is_write());
            summary.peak = summary.peak.max(state.under_way);
            let span = Span {
                first: now,
                last: now,
            };
            summary.spans.entry(cluster).or_insert(span);
            let place = (state.requests.len() < KEPT).then_some(state.requests.len());
            if place.is_some() {
                state.requests.push(request);
            }
            let entry = Entry {
                log: self.clone(),
                place,
                age: state.age,
            };
            Ticket {
                entry,
                cluster,
                answered: false,
            }
        })
    }

    pub fn all(&self) -> Vec<LoggedRequest> {
        self.lock().requests.clone()
    }

    pub fn summary(&self) -> Summary {
        self.lock().summary.clone()
    }

    pub fn forget(&self) {
        self.change(|state| {
            state.since = Instant::now();
            state.age += 1;
            state.requests.clear();
            state.summary = Summary::default();
        });
    }

    /// Blocks until `condition` holds; an error after a minute.
    pub fn wait(&self, condition: impl Fn(&State) -> bool) -> Result<()> {
        const LIMIT: Duration = Duration::from_secs(60);
        let deadline = Instant::now() + LIMIT;
        let mut state = self.lock();
        while !condition(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last = state.requests.len().saturating_sub(100);
                let State {
                    summary, requests, ..
                } = &*state;
                bail!(
                    "the fake waited {} s in vain; it counts {summary:#?} and got last {:#?}",
                    LIMIT.as_secs(),
                    &requests[last..]
                );
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.lock());
        self.changed.notify_all();
        value
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Where more can be noted of the request.
    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    /// The request is answered, but for its body.
    pub fn answer(mut self, status: u16) {
        self.end(Some(status));
    }

    fn end(&mut self, status: Option<u16>) {
        self.answered = true;
        let (age, cluster) = (self.entry.age, self.cluster);
        self.entry.log.change(|state| {
            state.under_way -= 1;
            if state.age != age {
                return;
            }
            let now = state.since.elapsed();
            *state
                .summary
                .statuses
                .entry(status.unwrap_or(0))
                .or_default() += 1;
            if let Some(span) = state.summary.spans.get_mut(&cluster) {
                span.last = now;
            }
        });
        self.entry.update(|logged| logged.status = status);
    }
}

impl Entry {
    /// Changes what is known of the request.
    pub fn update(&self, change: impl FnOnce(&mut LoggedRequest)) {
        self.log.change(|state| {
            let place = self.place.filter(|_| state.age == self.age);
            if let Some(logged) = place.and_then(|place| state.requests.get_mut(place)) {
                change(logged);
            }
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            self.end(None);
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.open -= 1);
    }
}
