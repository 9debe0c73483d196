/*! What one look at a cluster says about its upgrade. Pure; how long that may last is for [`watch`](super::watch()) to judge. */

use cluster::openshift::{
    Condition, condition, digest_of, is_updated, items, one_line, text, when_true,
};
use schema::{Digest, text::escape};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an upgrade is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The cluster fetches and verifies the release.
    Accepting,
    /// Its operators are brought to the release.
    Operators,
    /// Its nodes are.
    Nodes,
    /// Its API server does not answer.
    Unreachable,
}

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where the upgrade is.
    pub stage: Stage,
    /// In the cluster's words, on one line.
    pub message: String,
}

/// What a ClusterVersion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Its operators are at the release; its nodes may not be.
    Arrived {
        /// The version it is at.
        version: Option<String>,
        /// Whether it has verified the signature of the release.
        verified: bool,
    },
    /// Somebody has asked for something else.
    Superseded(String),
    /// It is on its way.
    Underway(Progress, Option<Trouble>),
}

/// What must not last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The release is not accepted.
    Refused(String),
    /// The cluster, or a pool of nodes, does not get on.
    Failing(String),
}

/// Reads a ClusterVersion.
pub fn cluster(cluster_version: &Value, wanted: Digest) -> Look {
    let named = |pointer| digest_of(text(cluster_version, pointer)) == Some(wanted);
    let accepted = named("/status/desired/image");
    if !accepted && !named("/spec/desiredUpdate/image") {
        return Look::Superseded(asked_for(cluster_version));
    }
    if !accepted {
        return accepting(condition(cluster_version, "ReleaseAccepted"));
    }
    let progressing = condition(cluster_version, "Progressing");
    if let Some(failing) = when_true(cluster_version, "Failing") {
        let message = failing.text();
        let progress = progress(Stage::Operators, format!("failing: {message}"));
        return Look::Underway(progress, Some(Trouble::Failing(message)));
    }
    let newest = items(cluster_version, "/status/history").first();
    let completed = newest.filter(|entry| {
        text(entry, "/state") == "Completed" && digest_of(text(entry, "/image")) == Some(wanted)
    });
    match (completed, progressing) {
        (Some(entry), progressing) if progressing.is_none_or(|it| it.status != "True") => {
            let version = text(entry, "/version");
            Look::Arrived {
                version: (!version.is_empty()).then(|| escape(version)),
                verified: entry.get("verified") == Some(&Value::Bool(true)),
            }
        }
        (_, progressing) => {
            let message = progressing.map_or_else(String::new, |it| one_line(it.message));
            Look::Underway(progress(Stage::Operators, message), None)
        }
    }
}

/// A cluster that was asked, and is not at it yet. That an earlier release was accepted says nothing.
fn accepting(accepted: Option<Condition<'_>>) -> Look {
    let message = match accepted.filter(|condition| condition.status != "True") {
        Some(condition) => condition.text(),
        None => "the cluster has not looked at the release yet".to_owned(),
    };
    let refused = accepted.is_some_and(|condition| condition.status == "False");
    let trouble = refused.then(|| Trouble::Refused(message.clone()));
    Look::Underway(progress(Stage::Accepting, message), trouble)
}

fn asked_for(cluster_version: &Value) -> String {
    let desired = ["/spec/desiredUpdate/image", "/spec/desiredUpdate/version"]
        .map(|pointer| one_line(text(cluster_version, pointer)));
    let mut desired = desired.into_iter().filter(|text| !text.is_empty());
    desired.next().unwrap_or_else(|| "none".to_owned())
}

/// What MachineConfigPools say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pools {
    /// Those whose nodes are not all at their configuration, with numbers.
    pub waiting: Vec<String>,
    /// Those in trouble, and why.
    pub degraded: Vec<String>,
    /// Those that nobody gets further until somebody resumes them.
    pub paused: Vec<String>,
}

impl Pools {
    /// What there is to tell of them, unless all is well.
    pub fn underway(&self) -> Option<(Progress, Option<Trouble>)> {
        let mut message = self.degraded.clone();
        message.extend(self.waiting.iter().cloned());
        if message.is_empty() {
            return None;
        }
        let trouble =
            (!self.degraded.is_empty()).then(|| Trouble::Failing(self.degraded.join("; ")));
        Some((progress(Stage::Nodes, message.join("; ")), trouble))
    }
}

/// Reads MachineConfigPools.
pub fn pools(pools: &[Value]) -> Pools {
    let mut seen = Pools::default();
    for pool in pools {
        let name = escape(text(pool, "/metadata/name"));
        if let Some(degraded) = when_true(pool, "Degraded") {
            let message = degraded.text();
            seen.degraded
                .push(format!("machine config pool {name} is degraded: {message}"));
        } else if is_updated(pool) {
            continue;
        } else if pool.pointer("/spec/paused") == Some(&Value::Bool(true)) {
            seen.paused.push(name);
        } else {
            let count = |pointer| pool.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
            seen.waiting.push(format!(
                "machine config pool {name}: {} of {} nodes updated",
                count("/status/updatedMachineCount"),
                count("/status/machineCount"),
            ));
        }
    }
    seen
}

fn progress(stage: Stage, message: String) -> Progress {
    Progress { stage, message }
}
