/*!
Credentials of the site for the global pull secret of a cluster, `openshift-config/pull-secret`.

What the cluster has stays; ours are added, or replace those for the same registry. Nothing of them is ever shown but the
names of registries.
*/

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cluster::openshift::{one_line, text};
use serde_json::{Map, Value, json};

use crate::Error;

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
const KEY: &str = ".dockerconfigjson";

/// Most bytes that are read; a Secret holds 1 MiB.
const LIMIT: u64 = 1 << 20;

/// Credentials by registry.
#[derive(Clone, PartialEq, Eq)]
pub struct PullSecret(Map<String, Value>);

impl PullSecret {
    /// Reads a file in the format of `auth.json` and of Docker's `config.json`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: &str| {
            Error::Usage(format!("--merge-pull-secret {}: {reason}", path.display()))
        };
        let size = std::fs::metadata(path).map(|file| file.len());
        let size = size.map_err(|error| wrong(&format!("it cannot be read: {error}")))?;
        if size > LIMIT {
            return Err(wrong("it is larger than 1 MiB, which no Secret holds"));
        }
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|error| wrong(&format!("it cannot be read: {error}")))?;
        Self::parse(&bytes).map_err(|reason| wrong(&reason))
    }

    /// The same of what was read. No error quotes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        const EXPECTED: &str =
            r#"expected JSON as `podman login` writes it, {"auths": {"REGISTRY": {"auth": "…"}}}"#;
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("{EXPECTED}, found something else in line {line}, column {column}")
        })?;
        let Some(Value::Object(auths)) = value.get("auths") else {
            return Err(format!("{EXPECTED}, found no auths"));
        };
        if auths.is_empty() {
            return Err(format!("{EXPECTED}, found no registry in auths"));
        }
        for (registry, entry) in auths {
            let decoded = STANDARD.decode(text(entry, "/auth")).unwrap_or_default();
            if !decoded.contains(&b':') {
                return Err(format!(
                    "the entry for {} has no auth of the form base64(USER:PASSWORD), without which clusters cannot log in; credential helpers are not known to them",
                    one_line(registry)
                ));
            }
        }
        Ok(Self(auths.clone()))
    }

    /// The registries, for people.
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.0.keys().map(|host| one_line(host)).collect();
        hosts.join(", ")
    }

    /// The merge patch that brings the credentials into a Secret as it is, and only as long as it is that.
    pub fn patch(&self, live: &Value) -> Result<Value, String> {
        let merged = self.merged(text(live, &format!("/data/{KEY}")))?;
        Ok(json!({
            "metadata": {"resourceVersion": live.pointer("/metadata/resourceVersion")},
            "data": {KEY: merged},
        }))
    }

    /// What the Secret is to hold, from what it holds, both in base64; the same text where nothing changes.
    fn merged(&self, held: &str) -> Result<String, String> {
        const WRONG: &str = "the pull secret of the cluster holds no JSON of the kind kubernetes.io/dockerconfigjson, so nothing can be merged into it; mend it first";
        let bytes = STANDARD.decode(held).map_err(|_| WRONG.to_owned())?;
        let mut config: Value = serde_json::from_slice(&bytes).map_err(|_| WRONG.to_owned())?;
        let before = config.clone();
        let fields = config.as_object_mut().ok_or(WRONG)?;
        let auths = fields.entry("auths").or_insert_with(|| json!({}));
        let auths = auths.as_object_mut().ok_or(WRONG)?;
        for (registry, entry) in &self.0 {
            auths.retain(|known, _| known == registry || bare(known) != bare(registry));
            auths.insert(registry.clone(), entry.clone());
        }
        match config == before {
            true => Ok(held.to_owned()),
            false => Ok(STANDARD.encode(config.to_string())),
        }
    }
}

/// A registry as others write it: `https://HOST/v1/` is `HOST`.
fn bare(registry: &str) -> &str {
    let host = registry
        .split_once("://")
        .map_or(registry, |(_, host)| host);
    let host = host.trim_end_matches('/');
    let host = host.strip_suffix("/v1").unwrap_or(host);
    host.strip_suffix("/v2").unwrap_or(host)
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PullSecret").field(&self.hosts()).finish()
    }
}
