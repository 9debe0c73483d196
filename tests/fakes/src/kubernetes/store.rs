/*!
What one cluster holds, and how that changes: objects by key, the version of each, kinds that are still to come.
*/

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    apply::NOW,
    resources::{self, DEFINITIONS, ResourceType},
};

/// The most objects of a cluster; with the bound on bodies it bounds the memory.
const MOST: usize = 2_000;

const NAMESPACES: &str = "namespaces";

/// Which object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectKey {
    pub group: String,
    pub plural: String,
    /// Empty for what has none.
    pub namespace: String,
    pub name: String,
}

#[derive(Debug)]
pub(super) struct State {
    pub objects: BTreeMap<ObjectKey, Value>,
    pub resources: Vec<ResourceType>,
    /// The last `resourceVersion`.
    version: u64,
    pending: Vec<Pending>,
}

/// A definition that is not in force yet.
#[derive(Debug)]
struct Pending {
    key: ObjectKey,
    /// Counts requests down to its being established, and further down to its being served.
    established: u32,
    served: u32,
}

/// What machines are configured by.
const MIRRORS: [&str; 3] = [
    "imagedigestmirrorsets",
    "imagetagmirrorsets",
    "imagecontentsourcepolicies",
];

/// There is no room.
#[derive(Debug)]
pub(super) struct Full;

impl ObjectKey {
    /// That of a namespace.
    pub fn namespace(name: &str) -> Self {
        Self {
            group: String::new(),
            plural: NAMESPACES.to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
        }
    }

    /// Whether it is that of a namespace.
    pub fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.plural == NAMESPACES
    }
}

impl State {
    /// That of a cluster without any object.
    pub fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            resources: resources::initial(),
            version: 100,
            pending: Vec::new(),
        }
    }

    /// Takes away what OpenShift added.
    pub fn forget_openshift(&mut self) {
        self.resources.retain(|resource| !resource.custom);
        self.objects
            .retain(|key, _| key.is_namespace() && !key.name.starts_with("openshift-"));
    }

    /// Stores an object in its next version, as the server completes it.
    pub fn put(&mut self, key: ObjectKey, object: Value, crd_delay: u32) -> Result<Value, Full> {
        if self.objects.len() >= MOST && !self.objects.contains_key(&key) {
            return Err(Full);
        }
        let before = self.objects.get(&key).unwrap_or(&Value::Null);
        let mut object = completed(before, object, self.version + 1);
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let fresh = before.is_null();
        let for_machines =
            MIRRORS.contains(&key.plural.as_str()) && before["spec"] != object["spec"];
        if key.is_namespace() && object["status"]["phase"].is_null() {
            object["status"]["phase"] = "Active".into();
        }
        let defines = key.plural == DEFINITIONS;
        if defines && fresh {
            object["status"] = established(crd_delay == 0);
        }
        self.objects.insert(key.clone(), object.clone());
        if for_machines {
            self.roll_out();
        }
        if defines && fresh {
            self.pending.push(Pending {
                key,
                established: crd_delay,
                served: crd_delay.saturating_mul(2),
            });
        }
        Ok(object)
    }

    /// Machines take up, at once, what was changed for them.
    fn roll_out(&mut self) {
        let pools = self.objects.iter_mut();
        for (key, pool) in pools.filter(|(key, _)| key.plural == "machineconfigpools") {
            let rendered = json!({"name": format!("rendered-{}-{}", key.name, self.version)});
            pool["spec"]["configuration"] = rendered.clone();
            pool["status"]["configuration"] = rendered;
        }
    }

    /// A request goes by: definitions come into force.
    pub fn tick(&mut self) {
        for mut pending in std::mem::take(&mut self.pending) {
            if pending.established == 0
                && let Some(definition) = self.objects.get_mut(&pending.key)
            {
                definition["status"] = established(true);
            }
            if pending.served == 0 {
                let definition = self.objects.get(&pending.key);
                let defined = definition.map(resources::defined).unwrap_or_default();
                self.resources.extend(defined);
                continue;
            }
            pending.established = pending.established.saturating_sub(1);
            pending.served -= 1;
            self.pending.push(pending);
        }
    }
}

/// An object with what the server says of it: who it is, since when, and how often what it asks for changed.
pub(super) fn completed(before: &Value, mut object: Value, number: u64) -> Value {
    let old = &before["metadata"];
    let uid = old["uid"].as_str().map_or_else(
        || format!("00000000-0000-4000-9000-{number:012x}"),
        str::to_owned,
    );
    object["metadata"]["uid"] = uid.into();
    object["metadata"]["creationTimestamp"] = NOW.into();
    let has_generation = object.get("spec").is_some();
    if has_generation {
        let generation = old["generation"].as_u64().unwrap_or(0);
        let changed = before["spec"] != object["spec"];
        object["metadata"]["generation"] = (generation + u64::from(changed)).into();
    }
    object
}

fn established(yes: bool) -> Value {
    let condition = |kind: &str, yes: bool| {
        let status = if yes { "True" } else { "False" };
        json!({"type": kind, "status": status, "reason": "Fake", "message": "", "lastTransitionTime": NOW})
    };
    json!({"conditions": [condition("NamesAccepted", true), condition("Established", yes)]})
}
