/*!
What goes wrong, in one line per fault.

A [`Fault`] says which requests it hits (method, part of the request, from the nth on, how often, a share of them) and
what happens to them. Several may hit one request and act in the order they were added, up to the one that decides the
answer: so faults that are each to strike once wait for each other. Chance is drawn from a seed, the cluster and the
number of its request: the same run meets the same faults.

```
use fakes::{Action, Fault};
let fault = Fault::get("/blobs/").nth(2).does(Action::Cut { after: 1000 });
```
*/

mod action;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use action::{Action, Gate};

use crate::log::LoggedRequest;

/// Which requests something happens to, and what.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<String>,
    part: String,
    resource: Option<String>,
    clusters: Option<BTreeSet<usize>>,
    writes: bool,
    share: f64,
    first: usize,
    times: usize,
    action: Action,
}

/// Everything that goes wrong with a fake.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    latency: Duration,
    seed: u64,
    list: Vec<Fault>,
}

impl Fault {
    /// On every request.
    pub fn of(action: Action) -> Self {
        Self {
            method: None,
            part: String::new(),
            resource: None,
            clusters: None,
            writes: false,
            share: 1.0,
            first: 1,
            times: usize::MAX,
            action,
        }
    }

    /// On any request whose line `METHOD /path?query` contains this text.
    pub fn any(part: &str) -> Self {
        Self {
            part: part.to_owned(),
            ..Self::of(Action::Html)
        }
    }

    /// On requests of one method.
    pub fn on(method: &str, part: &str) -> Self {
        Self::any(part).method(method)
    }

    /// On GETs.
    pub fn get(part: &str) -> Self {
        Self::on("GET", part)
    }

    /// Only with this method.
    pub fn method(self, method: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            ..self
        }
    }

    /// Only on a resource of a cluster: `configmaps`. What is none has the name of its path's last part: `version`, `v1`.
    pub fn resource(self, resource: &str) -> Self {
        Self {
            resource: Some(resource.to_owned()),
            ..self
        }
    }

    /// Only on these clusters of a fleet.
    pub fn clusters(self, clusters: impl IntoIterator<Item = usize>) -> Self {
        Self {
            clusters: Some(clusters.into_iter().collect()),
            ..self
        }
    }

    /// Only on requests that are to change something: no reads, reviews of access or dry runs.
    pub fn writes(self) -> Self {
        Self {
            writes: true,
            ..self
        }
    }

    /// Only on a share of the requests, 0 to 1.
    pub fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Only on the nth that fits, counted from 1 for each cluster.
    pub fn nth(self, nth: usize) -> Self {
        Self {
            first: nth,
            times: 1,
            ..self
        }
    }

    /// On all that fit but the first so many.
    pub fn after(self, passed: usize) -> Self {
        Self {
            first: passed + 1,
            times: usize::MAX,
            ..self
        }
    }

    /// On the first so many that fit, of each cluster.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// What happens.
    pub fn does(self, action: Action) -> Self {
        Self { action, ..self }
    }

    fn is_of(&self, cluster: usize) -> bool {
        let clusters = self.clusters.as_ref();
        clusters.is_none_or(|clusters| clusters.contains(&cluster))
    }

    fn is_on(&self, resource: &str) -> bool {
        let wanted = self.resource.as_deref();
        wanted.is_none_or(|wanted| wanted == resource)
    }

    fn fits(&self, request: &LoggedRequest, resource: &str) -> bool {
        let method = self.method.as_deref();
        self.is_of(request.cluster)
            && method.is_none_or(|wanted| wanted == request.method)
            && (!self.writes || request.is_write())
            && self.is_on(resource)
            && request.line().contains(&self.part)
    }
}

impl Faults {
    /// Each answer takes so long, at least.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Other chance.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// And this goes wrong too.
    pub fn with(mut self, fault: Fault) -> Self {
        self.list.push(fault);
        self
    }
}

/// The faults of a fake, with what they have hit so far.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    /// How often each fault fitted, by its place in the list and the cluster.
    hits: HashMap<(usize, usize), usize>,
    /// How often any of them struck.
    struck: usize,
    /// Requests to each cluster.
    requests: HashMap<usize, u64>,
}

impl Script {
    pub fn new(faults: Faults) -> Self {
        let script = Self::default();
        script.set(faults);
        script
    }

    /// Replaces all faults; what hangs hangs on.
    pub fn set(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.hits.clear();
        state.struck = 0;
    }

    pub fn add(&self, fault: Fault) {
        self.state().faults.list.push(fault);
    }

    /// How many faults are still to strike: those without a bound for ever.
    pub fn left(&self) -> usize {
        let state = self.state();
        let faults = state.faults.list.iter().enumerate();
        let left = faults.filter(|(place, fault)| {
            let hits = state.hits.iter().filter(|((of, _), _)| of == place);
            let hits: usize = hits.map(|(_, hits)| hits).sum();
            hits < (fault.first - 1).saturating_add(fault.times)
        });
        left.count()
    }

    /// How often faults struck since they were last replaced.
    pub fn struck(&self) -> usize {
        self.state().struck
    }

    /// What each answer takes, at least.
    pub async fn delay(&self) {
        let latency = self.state().faults.latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    /// What happens to a request on a resource; counts it.
    pub fn strike(&self, request: &LoggedRequest, resource: &str) -> Vec<Action> {
        let State {
            faults,
            hits,
            struck,
            requests,
        } = &mut *self.state();
        let number = requests.entry(request.cluster).or_default();
        *number += 1;
        let mut actions = Vec::new();
        for (place, fault) in faults.list.iter().enumerate() {
            let cluster = request.cluster as u64;
            let chance = || chance(&[faults.seed, place as u64, cluster, *number]);
            if !fault.fits(request, resource) || (fault.share < 1.0 && chance() >= fault.share) {
                continue;
            }
            let hits = hits.entry((place, request.cluster)).or_default();
            *hits += 1;
            if *hits >= fault.first && *hits - fault.first < fault.times {
                actions.push(fault.action.clone());
                *struck += 1;
                if fault.action.decides() {
                    break;
                }
            }
        }
        actions
    }

    /// Whether a resource of a cluster is forbidden to a method.
    pub fn forbids(&self, cluster: usize, method: &str, resource: &str) -> bool {
        let state = self.state();
        let forbidding = state.faults.list.iter();
        forbidding
            .filter(|fault| matches!(fault.action, Action::Forbid))
            .filter(|fault| {
                fault
                    .method
                    .as_deref()
                    .is_none_or(|wanted| wanted == method)
            })
            .any(|fault| fault.is_of(cluster) && fault.is_on(resource))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number from 0 to 1 that depends on these and nothing else (SplitMix64).
fn chance(of: &[u64]) -> f64 {
    let mixed = of.iter().fold(0_u64, |state, value| {
        let mut z = (state ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
