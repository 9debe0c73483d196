/*!
Acknowledgements: what a release wants its administrator to have read before the next minor version.

The release in charge keeps its gates in ConfigMap `admin-gates` of `openshift-config-managed`, each with a sentence; an
administrator answers in `admin-acks` of `openshift-config` (cluster-version-operator, `pkg/cvo/upgradeable.go`).
*/

use std::{collections::BTreeMap, fmt, str::FromStr};

use cluster::openshift::{one_line, text};
use serde_json::{Map, Value, json};

use super::{NAMESPACE, fields};
use crate::configuration::Rendered;

/// The ConfigMap of answers.
pub const ADMIN_ACKS: &str = "admin-acks";

/// Where the gates of a release are read.
pub const GATES_PATH: &str = "/api/v1/namespaces/openshift-config-managed/configmaps/admin-gates";

/// Where the answers are read.
pub const ACKS_PATH: &str = "/api/v1/namespaces/openshift-config/configmaps/admin-acks";

/// The name of a gate, `ack-4.15-…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gate(String);

impl Gate {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The minor version that it holds a cluster at, `4.15`.
    pub fn held_at(&self) -> &str {
        let rest = self.0.strip_prefix("ack-").unwrap_or_default();
        rest.split_once('-').map_or("", |(version, _)| version)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "expected the name of a gate as the cluster shows it, such as ack-4.15-kube-1.29-api-removals-in-4.16, found {}",
                one_line(text)
            )
        };
        let rest = text.strip_prefix("ack-").ok_or_else(expected)?;
        let (version, what) = rest.split_once('-').ok_or_else(expected)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let minor = version.split_once('.');
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let right = minor.is_some_and(|(major, minor)| digits(major) && digits(minor))
            && !what.is_empty()
            && !what.starts_with('-')
            && what.chars().all(allowed);
        match right {
            true => Ok(Self(text.to_owned())),
            false => Err(expected()),
        }
    }
}

/// The answers, as fields of the ConfigMap; none without any.
pub fn object(acknowledged: &[Gate]) -> Option<Rendered> {
    let answers = acknowledged.iter();
    let answers = answers.map(|gate| (gate.0.clone(), json!("true")));
    let data: Map<String, Value> = answers.collect();
    if data.is_empty() {
        return None;
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ADMIN_ACKS, "namespace": NAMESPACE},
        "data": data,
    });
    Some(fields(ADMIN_ACKS, object))
}

/// What a cluster asks to have acknowledged at its minor version, and whether that was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates(BTreeMap<Gate, Asked>);

/// A gate of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    sentence: String,
    answered: bool,
}

impl Gates {
    /// From both ConfigMaps; `version` is that of the cluster, `4.15.3`.
    pub fn new(gates: &Value, acks: &Value, version: &str) -> Self {
        let minor: Vec<&str> = version.splitn(3, '.').take(2).collect();
        let minor = minor.join(".");
        let named = gates.get("data").and_then(Value::as_object);
        let named = named.into_iter().flatten().filter_map(|(name, sentence)| {
            let gate: Gate = name.parse().ok()?;
            let sentence = one_line(sentence.as_str()?);
            let answered = text(acks, &format!("/data/{name}")) == "true";
            Some((gate, Asked { sentence, answered }))
        });
        Self(named.filter(|(gate, _)| gate.held_at() == minor).collect())
    }

    /// Whether it is asked for.
    pub fn has(&self, gate: &str) -> bool {
        self.0.keys().any(|known| known.as_str() == gate)
    }

    /// A sentence for each that nobody has answered, but for those that are `answered` now.
    pub fn open(&self, answered: impl Fn(&Gate) -> bool) -> Vec<String> {
        let open = self.0.iter();
        let open = open.filter(|(gate, asked)| !asked.answered && !answered(gate));
        open.map(|(gate, asked)| {
            format!(
                "before its next minor version the cluster asks for an acknowledgement: {} To give it, name it: --acknowledge {gate}",
                stop(&asked.sentence)
            )
        })
        .collect()
    }
}

/// The sentence with its full stop.
fn stop(sentence: &str) -> String {
    match sentence.ends_with(['.', '!', '?']) {
        true => sentence.to_owned(),
        false => format!("{sentence}."),
    }
}
