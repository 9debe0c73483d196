/*!
The certificate authorities of registries: a ConfigMap, and the field of `image.config.openshift.io/cluster` that names it.

Each key is a registry, its port after two dots. The update service looks under a key of its own (cincinnati-operator,
`NameCertConfigMapKey`).
*/

use serde_json::{Map, Value, json};

use super::{NAMESPACE, fields};
use crate::{Error, configuration::Rendered};

/// The ConfigMap for a cluster that has none yet.
pub const REGISTRY_CA: &str = "registry-ca";

const UPDATE_SERVICE: &str = "updateservice-registry";

/// The ConfigMap, and the field that names it.
pub fn objects(pem: &str, registry: &str) -> Result<[Rendered; 2], Error> {
    let mut data = Map::new();
    for key in [key(registry)?.as_str(), UPDATE_SERVICE] {
        data.insert(key.to_owned(), Value::from(pem));
    }
    let authorities = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": REGISTRY_CA, "namespace": NAMESPACE},
        "data": data,
    });
    let image = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "Image",
        "metadata": {"name": "cluster"},
        "spec": {"additionalTrustedCA": {"name": REGISTRY_CA}},
    });
    Ok([fields(REGISTRY_CA, authorities), fields("image", image)])
}

/// The key of a registry, `HOST` or `HOST..PORT`.
fn key(registry: &str) -> Result<String, Error> {
    let key = registry.replace(':', "..");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match key.chars().all(allowed) {
        true => Ok(key),
        false => Err(Error::Usage(format!(
            "--registry-ca: clusters name registries by host name and port, which {registry} is not; give --to the registry by its name"
        ))),
    }
}
