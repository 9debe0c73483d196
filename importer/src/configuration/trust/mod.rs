/*!
The trust pack: what a cluster needs to reach the registry of its site, and to believe it, besides mirror configuration.

All of it stands in objects that are the cluster's own, of which a few fields are ours: the certificate authorities of registries, the global
pull secret, the ClusterVersion, the acknowledgements of its administrator. None of it comes from the bundle.
*/

pub mod args;
mod authority;
pub mod gates;
mod pull_secret;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Rendered, Share};
use crate::{Error, target::Target};

pub use authority::REGISTRY_CA;
pub use gates::Gate;
pub use pull_secret::PullSecret;

/// The namespace that administrators configure a cluster in.
pub const NAMESPACE: &str = "openshift-config";

/// What is asked for, with the files that were named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustPack {
    /// PEM certificates that sign those of the registry.
    pub registry_ca: Option<String>,
    /// Credentials that clusters are to have.
    pub pull_secret: Option<Arc<PullSecret>>,
    /// What clusters ask for updates, a URL.
    pub update_service: Option<String>,
    /// Where clusters look for signatures of releases, URLs.
    pub signature_stores: Vec<String>,
    /// What is acknowledged, where a cluster asks for it.
    pub acknowledged: Vec<Gate>,
}

impl TrustPack {
    /// The objects, as they are for a cluster that has nothing of the kind yet; those that hold a secret are left out.
    pub fn objects(&self, target: &Target) -> Result<Vec<Rendered>, Error> {
        let mut objects = Vec::new();
        if let Some(pem) = &self.registry_ca {
            objects.extend(authority::objects(pem, &target.host)?);
        }
        objects.extend(self.cluster_version());
        objects.extend(gates::object(&self.acknowledged));
        Ok(objects)
    }

    /// The fields of the ClusterVersion.
    fn cluster_version(&self) -> Option<Rendered> {
        let mut spec = Map::new();
        if let Some(url) = &self.update_service {
            spec.insert("upstream".to_owned(), json!(url));
        }
        if !self.signature_stores.is_empty() {
            let stores = self.signature_stores.iter();
            let stores: Vec<Value> = stores.map(|url| json!({"url": url})).collect();
            spec.insert("signatureStores".to_owned(), stores.into());
        }
        let object = json!({
            "apiVersion": "config.openshift.io/v1",
            "kind": "ClusterVersion",
            "metadata": {"name": "version"},
            "spec": spec,
        });
        let any = self.update_service.is_some() || !self.signature_stores.is_empty();
        any.then(|| fields("cluster-version", object))
    }
}

/// Fields of an object that is the cluster's own.
fn fields(name: &str, object: Value) -> Rendered {
    let path = format!("trust/{name}.yaml");
    Rendered {
        share: Share::Fields,
        ..Rendered::new(path, "", object)
    }
}
