/*!
What goes wrong on the way to a cluster, or in it: for some clusters, for a kind, for a share of all requests.

Chance is drawn from a seed, the cluster and the number of its request: the same run meets the same faults.
*/

use std::{collections::BTreeSet, time::Duration};

use hyper::Method;

use super::log::Logged;

/// Everything that goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// How long each answer takes, at least.
    pub(super) latency: Duration,
    /// Of all chance.
    pub(super) seed: u64,
    /// In this order: the first that strikes decides.
    pub(super) list: Vec<Fault>,
    /// Requests to a cluster before a new CustomResourceDefinition is established, and once more before it is served.
    pub(super) crd_delay: u32,
}

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    clusters: Option<BTreeSet<usize>>,
    method: Option<Method>,
    resource: Option<String>,
    share: f64,
    times: Option<u32>,
    meant: bool,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is answered with this status and not done.
    Status(u16),
    /// It is answered with 429 or 503 and so many seconds to wait.
    RetryAfter(u16, u64),
    /// The connection breaks, and nothing was done.
    CutBefore,
    /// It is done, and the connection breaks instead of an answer.
    CutAfter,
    /// It is taken, and never answered.
    Hang,
    /// The answer comes later, by so much.
    Slow(Duration),
    /// The answer comes in small pieces, with so much between them.
    Drip(Duration),
    /// Nobody may do anything with the resource, and reviews of access say so.
    Forbid,
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

    /// A new CustomResourceDefinition is established after so many requests to its cluster, and served after as many more.
    pub fn crd_delay(self, requests: u32) -> Self {
        Self {
            crd_delay: requests,
            ..self
        }
    }

    /// And this goes wrong too.
    pub fn with(mut self, fault: Fault) -> Self {
        self.list.push(fault);
        self
    }

    /// What happens to a request, the `number`th of its cluster. `struck` counts the strikes of each fault on it.
    pub(super) fn strike(
        &self,
        number: u64,
        request: &Logged,
        resource: &str,
        struck: &mut Vec<u32>,
    ) -> Option<&Action> {
        struck.resize(self.list.len(), 0);
        let mut faults = self.list.iter().zip(struck).enumerate();
        let struck = faults.find(|(place, (fault, struck))| {
            let left = fault.times.is_none_or(|times| **struck < times);
            let chance = || chance(&[self.seed, *place as u64, request.cluster as u64, number]);
            left && fault.concerns(request, resource)
                && (fault.share >= 1.0 || chance() < fault.share)
        });
        let (_, (fault, count)) = struck?;
        *count += 1;
        Some(&fault.action)
    }

    /// Whether a resource of a cluster is forbidden.
    pub(super) fn forbids(&self, cluster: usize, resource: &str) -> bool {
        let forbidding = self
            .list
            .iter()
            .filter(|fault| fault.action == Action::Forbid);
        forbidding
            .filter(|fault| fault.is_of(cluster))
            .any(|fault| {
                fault
                    .resource
                    .as_deref()
                    .is_none_or(|wanted| wanted == resource)
            })
    }
}

impl Fault {
    /// On every request to every cluster.
    pub fn of(action: Action) -> Self {
        Self {
            action,
            clusters: None,
            method: None,
            resource: None,
            share: 1.0,
            times: None,
            meant: false,
        }
    }

    /// Only on these clusters.
    pub fn clusters(self, clusters: impl IntoIterator<Item = usize>) -> Self {
        Self {
            clusters: Some(clusters.into_iter().collect()),
            ..self
        }
    }

    /// Only with this method.
    pub fn method(self, method: Method) -> Self {
        Self {
            method: Some(method),
            ..self
        }
    }

    /// Only on a resource: `configmaps`. What is none has the name of its path's last part: `version`, `v1`.
    pub fn resource(self, resource: &str) -> Self {
        Self {
            resource: Some(resource.to_owned()),
            ..self
        }
    }

    /// Only on a share of the requests, 0 to 1.
    pub fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Only so many times on each cluster.
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Only on requests that are to change something: no reads, reviews or dry runs.
    pub fn meant(self) -> Self {
        Self {
            meant: true,
            ..self
        }
    }

    fn is_of(&self, cluster: usize) -> bool {
        let clusters = self.clusters.as_ref();
        clusters.is_none_or(|clusters| clusters.contains(&cluster))
    }

    fn concerns(&self, request: &Logged, resource: &str) -> bool {
        self.is_of(request.cluster)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.as_str() == request.method)
            && (!self.meant || request.is_write())
            && self
                .resource
                .as_deref()
                .is_none_or(|wanted| wanted == resource)
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
