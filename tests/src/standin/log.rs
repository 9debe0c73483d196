/*!
Every request the clusters got: each of them up to a bound, and their numbers without one.
*/

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// The most requests that are kept one by one: some 100 MB.
const KEPT: usize = 500_000;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// To which cluster.
    pub cluster: usize,
    /// `GET`, `PATCH`, …
    pub method: String,
    /// The path below that of the cluster, without the query.
    pub path: String,
    /// Whether it was to be answered, not done.
    pub dry_run: bool,
    /// The status answered; `None` while it is worked on, and for good if it hangs or was cut.
    pub status: Option<u16>,
}

impl Logged {
    /// Whether it asks for an object to be stored, altered or deleted. A review of access is posted, but never stored.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.dry_run && !self.path.contains("/authorization.k8s.io/")
    }
}

/// The numbers of all requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of them.
    pub requests: u64,
    /// Those that were to change something; see [`Logged::is_write`].
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

#[derive(Debug)]
pub(super) struct Log {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner {
    since: Instant,
    /// How often it was forgotten: tickets of before count no more.
    age: u64,
    requests: Vec<Logged>,
    under_way: u64,
    open: u64,
    summary: Summary,
}

/// A request under way; ends when dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    log: &'a Log,
    place: Option<usize>,
    age: u64,
    cluster: usize,
    /// What it was answered with, as soon as that is known.
    pub status: Option<u16>,
}

/// An open connection; ends when dropped.
#[derive(Debug)]
pub(super) struct Connection<'a>(&'a Log);

impl Log {
    pub fn new() -> Self {
        let inner = Inner {
            since: Instant::now(),
            age: 0,
            requests: Vec::new(),
            under_way: 0,
            open: 0,
            summary: Summary::default(),
        };
        Self {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
        }
    }

    /// A connection is open.
    pub fn connect(&self) -> Connection<'_> {
        self.change(|inner| {
            inner.open += 1;
            inner.summary.connections = inner.summary.connections.max(inner.open);
        });
        Connection(self)
    }

    /// A request has come.
    pub fn begin(&self, request: Logged) -> Ticket<'_> {
        self.change(|inner| {
            let now = inner.since.elapsed();
            let cluster = request.cluster;
            inner.under_way += 1;
            let summary = &mut inner.summary;
            summary.requests += 1;
            summary.writes += u64::from(request.is_write());
            summary.peak = summary.peak.max(inner.under_way);
            let span = Span {
                first: now,
                last: now,
            };
            summary.spans.entry(cluster).or_insert(span);
            let place = (inner.requests.len() < KEPT).then_some(inner.requests.len());
            if place.is_some() {
                inner.requests.push(request);
            }
            Ticket {
                log: self,
                place,
                age: inner.age,
                cluster,
                status: None,
            }
        })
    }

    pub fn all(&self) -> Vec<Logged> {
        self.change(|inner| inner.requests.clone())
    }

    pub fn summary(&self) -> Summary {
        self.change(|inner| inner.summary.clone())
    }

    pub fn forget(&self) {
        self.change(|inner| {
            inner.since = Instant::now();
            inner.age += 1;
            inner.requests.clear();
            inner.summary = Summary::default();
        });
    }

    /// Blocks until `condition` holds.
    pub fn wait(&self, limit: Duration, condition: impl Fn(&Summary) -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        while !condition(&inner.summary) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let (seconds, summary) = (limit.as_secs(), &inner.summary);
                bail!("the stand-in waited {seconds} s in vain; it counts {summary:#?}");
            }
            let waited = self.changed.wait_timeout(inner, left);
            (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let value = change(&mut inner);
        self.changed.notify_all();
        value
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.log.change(|inner| {
            inner.under_way -= 1;
            if inner.age != self.age {
                return;
            }
            let now = inner.since.elapsed();
            let summary = &mut inner.summary;
            *summary
                .statuses
                .entry(self.status.unwrap_or(0))
                .or_default() += 1;
            if let Some(span) = summary.spans.get_mut(&self.cluster) {
                span.last = now;
            }
            let logged = self.place.and_then(|place| inner.requests.get_mut(place));
            if let Some(logged) = logged {
                logged.status = self.status;
            }
        });
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.change(|inner| inner.open -= 1);
    }
}
