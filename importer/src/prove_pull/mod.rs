/*!
Whether the nodes of a cluster can pull, proved by pulling: through the cluster's own mirrors, certificates, pull secret and signature
policy, before anything depends on it.

```text
pools → one pod each → status and events → verdict → pods deleted
```

A pod names its images by digest and asks for a pull each time. What counts is the pull, not whether the container can run. However it
ends, on a failure, at the time limit or at an interruption, the pods are deleted, each by its uid; those that a killed run has left are
ended by their own deadline, and deleted by the next run.
*/

pub mod args;
pub mod cause;
pub mod images;
mod pod;
mod pods;
pub mod pools;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::{pin::pin, time::Duration};

use cluster::{Session, openshift::text};
use futures_util::FutureExt as _;
use schema::bundle::Index;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use self::{
    cause::Cause,
    pod::{container_name, pool_of},
    pods::Pods,
    pools::Pool,
    verdict::Pull,
};
use crate::{Error, rollout::interrupted};

/// What is to be pulled, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The namespace of the pods.
    pub namespace: String,
    /// By digest.
    pub images: Vec<String>,
    /// Nodes that the operator has named; none for the pools of the cluster.
    pub pools: Vec<Pool>,
    /// The most time for all pods of a cluster.
    pub limit: Duration,
}

impl Proof {
    /// Pulls a bundle's images where none is named, from where they came from, so that mirrors are put to use.
    pub fn of_bundle(mut self, index: &Index) -> Result<Self, Error> {
        if self.images.is_empty() {
            self.images = images::of_bundle(index)?;
        }
        Ok(self)
    }

    /// Pulls a release at the registry inside where no image is named, and a component where the bundle tells one.
    pub fn of_release(mut self, release: String, component: Option<String>) -> Self {
        if self.images.is_empty() {
            self.images = [release].into_iter().chain(component).collect();
        }
        self
    }
}

/// What came of an image on a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Pulled {
    /// Which nodes.
    pub pool: String,
    /// The node that tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Which image.
    pub image: String,
    /// What is wrong; nothing where the node has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// When a pull that fails is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// At once where the reason is plain: nothing of it will change by itself.
    None,
    /// At the time limit: nodes may be on their way to what they were just given.
    UntilLimit,
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Proves it, and says of each image on each pool what came of it. The error says why nothing could be proved.
pub async fn prove(
    session: &Session,
    proof: &Proof,
    patience: Patience,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<Pulled>, String> {
    let pools = match proof.pools.as_slice() {
        [] => pools::of_cluster(session).await?,
        named => named.to_vec(),
    };
    let pods = Pods::new(session, &proof.namespace);
    pods.delete_forgotten().await;
    // Listened to from before the first pod: a wish to end that comes while pods are made is not lost.
    let mut interrupt = pin!(interrupted());
    if interrupt.as_mut().now_or_never().is_some() {
        return Err("interrupted before any pod was made".to_owned());
    }
    let deadline = Instant::now() + proof.limit;
    let made = pods.make(&pools, proof).await;
    let proved = match made {
        Ok(()) => tokio::select! {
            proved = watch(&pods, proof, patience, &pools, deadline, say) => proved,
            () = interrupt => Err("interrupted while pods pulled".to_owned()),
        },
        Err(reason) => Err(reason),
    };
    // Whatever came of it.
    let deleted = pods.delete().await;
    match (proved, deleted) {
        (proved, Ok(())) => proved,
        (Ok(_), Err(left)) => Err(left),
        (Err(reason), Err(left)) => Err(format!("{reason}; {left}")),
    }
}

/// What came of each image, and why not all is well, if it is not.
pub fn parts(proved: Result<Vec<Pulled>, String>) -> (Vec<Pulled>, Option<String>) {
    match proved {
        Ok(pulled) => {
            let reason = failure(&pulled);
            (pulled, reason)
        }
        Err(reason) => {
            let reason = format!("it was not proved that its nodes can pull: {reason}");
            (Vec::new(), Some(reason))
        }
    }
}

/// One sentence for what is not pulled; none where all is.
pub fn failure(pulled: &[Pulled]) -> Option<String> {
    let failed: Vec<_> = pulled.iter().filter(|one| one.reason.is_some()).collect();
    let first = failed.first()?;
    let node = first
        .node
        .as_ref()
        .map_or(String::new(), |node| format!(" (node {node})"));
    let reason = first.reason.as_deref().unwrap_or_default();
    let (pool, image) = (&first.pool, &first.image);
    let more = match failed.len() {
        1 => String::new(),
        many => format!(" ({many} of {} pulls failed)", pulled.len()),
    };
    Some(format!("{pool}{node} cannot pull {image}: {reason}{more}"))
}

async fn watch(
    pods: &Pods<'_>,
    proof: &Proof,
    patience: Patience,
    pools: &[Pool],
    deadline: Instant,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<Pulled>, String> {
    let mut pause = FIRST_PAUSE;
    let mut last = Vec::new();
    loop {
        let over = Instant::now() >= deadline;
        let seen = tokio::select! {
            seen = pods.seen() => seen,
            () = sleep_until(deadline), if !over => continue,
        };
        match seen {
            Ok(seen) => last = looked(&seen.pods, &seen.events, proof, pools),
            Err(reason) if over => return Err(reason),
            Err(_) => {}
        }
        let open = last.iter().filter(|(_, pull)| *pull != Pull::Done).count();
        say(&format!("{} of {} pulled", last.len() - open, last.len()));
        let decided = |pull: &Pull| match pull {
            Pull::Done => true,
            Pull::Failing { cause, .. } => {
                patience == Patience::None && !matches!(cause, Cause::Other | Cause::Unreachable)
            }
            Pull::Waiting(_) => false,
        };
        let all = !last.is_empty() && last.iter().all(|(_, pull)| decided(pull));
        if all || over {
            let seconds = proof.limit.as_secs();
            return Ok(last
                .into_iter()
                .map(|(pulled, pull)| told(pulled, pull, seconds))
                .collect());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Every image on every pool, and how far it is.
fn looked(pods: &[Value], events: &[Value], proof: &Proof, pools: &[Pool]) -> Vec<(Pulled, Pull)> {
    let mut all = Vec::new();
    for pool in pools {
        let pod = pods.iter().find(|pod| pool_of(pod) == pool.name);
        let uid = pod.map_or("", |pod| text(pod, "/metadata/uid"));
        let about = events
            .iter()
            .filter(|event| text(event, "/involvedObject/uid") == uid);
        let about: Vec<_> = about.cloned().collect();
        let node = pod.map_or("", |pod| text(pod, "/spec/nodeName"));
        for (number, image) in proof.images.iter().enumerate() {
            let pull = match pod {
                Some(pod) => verdict::pull(pod, &about, &container_name(number)),
                None => Pull::Waiting("its pod is gone, and not by this run".to_owned()),
            };
            let pulled = Pulled {
                pool: pool.name.clone(),
                node: Some(node.to_owned()).filter(|node| !node.is_empty()),
                image: image.clone(),
                reason: None,
            };
            all.push((pulled, pull));
        }
    }
    all
}

fn told(pulled: Pulled, pull: Pull, seconds: u64) -> Pulled {
    let reason = match pull {
        Pull::Done => None,
        Pull::Failing { cause, message } => {
            Some(format!("{}; the node says: {message}", cause.text()))
        }
        Pull::Waiting(why) => Some(format!("nothing was pulled within {seconds} s: {why}")),
    };
    Pulled { reason, ..pulled }
}
