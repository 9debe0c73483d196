/*! The list of a series' objects on a cluster, and where it is kept. */

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::series::Series;

/// The key of the list in the ConfigMap.
const KEY: &str = "objects.json";

/// An object of a series. Its version is that it was applied in; kinds outlive versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// The API group; empty for the core.
    pub group: String,
    /// `kind`.
    pub kind: String,
    /// Its namespace; empty for what is in none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `apiVersion`.
    pub api_version: String,
    /// It was rendered for a registry (`--to`), and did not stand in the bundle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rendered: bool,
}

impl Entry {
    /// Whether both are one object.
    pub fn is(&self, other: &Self) -> bool {
        let key = |entry: &Self| {
            let Self {
                group,
                kind,
                namespace,
                name,
                ..
            } = entry.clone();
            (group, kind, namespace, name)
        };
        key(self) == key(other)
    }
}

/// What is asked for on the command line.
#[derive(Debug, Clone)]
pub struct InventoryOptions {
    /// Which series.
    pub series: Series,
    /// The namespace of the ConfigMap.
    pub namespace: String,
    /// What the bundle no longer has is removed.
    pub prune: bool,
    /// Without asking.
    pub auto_prune: bool,
}

/// How the inventory of a run is kept.
#[derive(Debug)]
pub struct Inventory {
    /// What is asked for.
    pub options: InventoryOptions,
    /// The run has all objects of the bundle, so that what is not among them is not in the bundle.
    pub whole: bool,
    /// The run renders for a registry.
    pub renders: bool,
    /// What somebody has agreed to remove.
    pub approved: Mutex<BTreeSet<Entry>>,
}

impl Inventory {
    /// The ConfigMap with these objects.
    pub fn config_map(&self, entries: &BTreeSet<Entry>) -> Value {
        let list = json!(entries).to_string();
        let mut object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": self.options.series.config_map(), "namespace": self.options.namespace},
            "data": {KEY: list},
        });
        self.options.series.label(&mut object);
        object
    }

    /// The objects of a ConfigMap; why it is none of ours.
    pub fn entries(object: &Value) -> Result<BTreeSet<Entry>, String> {
        let text = object
            .pointer("/data")
            .and_then(|data| data.get(KEY)?.as_str());
        let text = text.ok_or_else(|| format!("it has no key {KEY}"))?;
        serde_json::from_str(text)
            .map_err(|error| format!("its key {KEY} is not readable: {error}"))
    }
}
