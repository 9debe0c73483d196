/*!
What a cluster has that decides what it is sent: the ConfigMap in which it keeps authorities of registries already, and the gates that
its release wants acknowledged. It is read before anything else is asked, and the manifests follow it.
*/

use std::{borrow::Cow, sync::Arc};

use cluster::{Call, ClusterError, Session, openshift::text};
use serde_json::Value;

use super::Manifest;
use crate::configuration::{
    Share,
    trust::{REGISTRY_CA, gates},
};

/// Where a cluster says whom its nodes trust.
const IMAGE: &str = "/apis/config.openshift.io/v1/images/cluster";

/// What one cluster has.
#[derive(Debug, Default)]
pub struct Local {
    /// The ConfigMap that it keeps authorities of registries in.
    authorities: Option<String>,
    gates: gates::Gates,
    warnings: Vec<String>,
}

impl Local {
    /// Reads it, as far as these manifests make it matter. `next_minor` is whether the cluster is to leave its minor version.
    pub async fn read(
        session: &Session,
        manifests: &[Manifest],
        version: &str,
        next_minor: bool,
    ) -> Result<Self, ClusterError> {
        let mut local = Self::default();
        if manifests.iter().any(is_authorities) {
            let image = get(session, IMAGE).await?.unwrap_or_default();
            let name = text(&image, "/spec/additionalTrustedCA/name");
            local.authorities = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        if next_minor || manifests.iter().any(is_answers) {
            match get(session, gates::GATES_PATH).await? {
                Some(named) => {
                    let acks = get(session, gates::ACKS_PATH).await?.unwrap_or_default();
                    local.gates = gates::Gates::new(&named, &acks, version);
                }
                None => local.warnings.push("ConfigMap admin-gates of openshift-config-managed cannot be read, so it is not known what the release wants acknowledged".to_owned()),
            }
        }
        Ok(local)
    }

    /// What the cluster is to get, and what there is to say of it.
    pub fn fit<'m>(
        mut self,
        manifests: Cow<'m, [Manifest]>,
        next_minor: bool,
    ) -> (Cow<'m, [Manifest]>, Vec<String>) {
        let answers = manifests.iter().find(|manifest| is_answers(manifest));
        let answers = answers.map(|manifest| Arc::clone(&manifest.value));
        let given = |gate: &str| {
            let answers = answers.as_ref().and_then(|value| value.get("data"));
            answers.is_some_and(|data| data.get(gate).is_some())
        };
        if next_minor {
            self.warnings
                .extend(self.gates.open(|gate| given(gate.as_str())));
        }
        if manifests.iter().all(|manifest| manifest.share.is_whole()) {
            return (manifests, self.warnings);
        }
        let fitted = manifests.iter().cloned();
        let fitted = fitted
            .filter_map(|manifest| self.fitted(manifest))
            .collect();
        (Cow::Owned(fitted), self.warnings)
    }

    fn fitted(&mut self, mut manifest: Manifest) -> Option<Manifest> {
        if is_authorities(&manifest) {
            if let Some(name) = &self.authorities {
                manifest.name.clone_from(name);
                set(&mut manifest, "/metadata/name", name);
            }
        } else if is_image(&manifest) {
            if let Some(name) = &self.authorities {
                set(&mut manifest, "/spec/additionalTrustedCA/name", name);
            }
        } else if is_answers(&manifest) {
            let value = Arc::make_mut(&mut manifest.value);
            let data = value.get_mut("data").and_then(Value::as_object_mut)?;
            data.retain(|gate, _| {
                let asked = self.gates.has(gate);
                if !asked {
                    self.warnings.push(format!(
                        "--acknowledge {gate}: the cluster does not ask for it now, so it is not given"
                    ));
                }
                asked
            });
            if data.is_empty() {
                return None;
            }
        }
        Some(manifest)
    }
}

fn is_authorities(manifest: &Manifest) -> bool {
    manifest.share == Share::Fields && manifest.kind == "ConfigMap" && manifest.name == REGISTRY_CA
}

fn is_image(manifest: &Manifest) -> bool {
    manifest.share == Share::Fields && manifest.kind == "Image"
}

fn is_answers(manifest: &Manifest) -> bool {
    manifest.share == Share::Fields && manifest.name == gates::ADMIN_ACKS
}

/// Puts a text where there is one; an overlay may have taken it away.
fn set(manifest: &mut Manifest, pointer: &str, text: &str) {
    let value = Arc::make_mut(&mut manifest.value);
    if let Some(place) = value.pointer_mut(pointer) {
        *place = Value::from(text);
    }
}

/// An object; null where there is none, and nothing where it may not be read.
async fn get(session: &Session, path: &str) -> Result<Option<Value>, ClusterError> {
    let answer = session.send(&Call::get(path.to_owned())).await?;
    let known = answer.is_success() || answer.status == 404;
    let body = answer.is_success().then_some(answer.body);
    Ok(known.then(|| body.unwrap_or_default()))
}
