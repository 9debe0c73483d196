/*!
Who looks after an object already: what Argo CD, Flux or an operator rolls out it also puts back, so to change such an object
here is to argue with it.

Each leaves marks of its own on what it manages; these are the ones their documentation and sources name.
*/

use serde_json::Value;

/// Marks that are enough alone: a label or annotation, and whose it is. The value names what it belongs to.
const MARKS: [(&str, &str); 14] = [
    ("argocd.argoproj.io/tracking-id", ARGO),
    ("argocd.argoproj.io/instance", ARGO),
    ("apps.open-cluster-management.io/hosting-subscription", ACM),
    ("apps.open-cluster-management.io/hosting-deployable", ACM),
    ("policy.open-cluster-management.io/root-policy", ACM),
    ("kustomize.toolkit.fluxcd.io/name", FLUX),
    ("helm.toolkit.fluxcd.io/name", FLUX),
    ("olm.owner", OLM),
    ("olm.managed", OLM),
    ("objectset.rio.cattle.io/id", FLEET),
    ("objectset.rio.cattle.io/hash", FLEET),
    ("kapp.k14s.io/app", KAPP),
    ("configmanagement.gke.io/managed", CONFIG_SYNC),
    ("addonmanager.kubernetes.io/mode", ADDONS),
];

/// Field managers that are enough alone, by how they begin: `work-agent` may be followed by a name.
const MANAGERS: [(&str, &str); 9] = [
    ("argocd-controller", ARGO),
    ("argocd-application-controller", ARGO),
    ("work-agent", ACM),
    ("config-policy-controller", ACM),
    ("kustomize-controller", FLUX),
    ("helm-controller", FLUX),
    ("cluster-version-operator", CVO),
    ("fleet-agent", FLEET),
    ("kapp", KAPP),
];

const ARGO: &str = "Argo CD";
const ACM: &str = "Advanced Cluster Management";
const FLUX: &str = "Flux";
const CVO: &str = "the cluster-version operator";
const OLM: &str = "the Operator Lifecycle Manager";
const FLEET: &str = "Fleet";
const KAPP: &str = "kapp";
const CONFIG_SYNC: &str = "Config Sync";
const ADDONS: &str = "the addon manager";

/// Argo CD's default label, which charts set too: it counts only where Argo CD also wrote the object.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Who puts an object of a cluster back, if anybody does: `Argo CD (web)`.
pub fn owner_of(live: &Value) -> Option<String> {
    marked(live)
        .or_else(|| owned(live))
        .or_else(|| written(live))
}

fn marked(live: &Value) -> Option<String> {
    MARKS.iter().find_map(|&(mark, owner)| {
        let value = meta(live, "annotations", mark).or_else(|| meta(live, "labels", mark))?;
        // `APPLICATION:GROUP/KIND:NAMESPACE/NAME` in Argo CD's tracking id.
        let name = value.split(':').next().unwrap_or(value);
        Some(named(owner, name))
    })
}

/// AppliedManifestWorks, policies and operators are named in `ownerReferences`.
fn owned(live: &Value) -> Option<String> {
    let owners = live.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find_map(|owner| {
        let group = owner.get("apiVersion")?.as_str()?.split('/').next()?;
        let field = |field| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        let manager = match (group, field("kind")) {
            ("config.openshift.io", "ClusterVersion") => CVO,
            ("operators.coreos.com", _) => OLM,
            (group, _) if group.ends_with(".open-cluster-management.io") => ACM,
            _ => return None,
        };
        Some(named(
            manager,
            &format!("{} {}", field("kind"), field("name")),
        ))
    })
}

fn written(live: &Value) -> Option<String> {
    let fields = live.pointer("/metadata/managedFields")?.as_array()?;
    let managers = fields
        .iter()
        .filter_map(|field| field.get("manager")?.as_str());
    let owner = managers
        .filter_map(|manager| {
            MANAGERS
                .iter()
                .find(|(known, _)| manager.starts_with(known))
        })
        .map(|&(_, owner)| owner)
        .next()?;
    let name = match owner {
        ARGO => meta(live, "labels", INSTANCE).unwrap_or_default(),
        _ => "",
    };
    Some(named(owner, name))
}

fn meta<'a>(live: &'a Value, what: &str, key: &str) -> Option<&'a str> {
    live.get("metadata")?.get(what)?.get(key)?.as_str()
}

fn named(owner: &str, name: &str) -> String {
    match name.trim() {
        "" => owner.to_owned(),
        name => format!("{owner} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_is_known_by_its_marks() {
        for (metadata, expected) in [
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:a/b"}}),
                Some("Argo CD (web)"),
            ),
            (
                json!({"labels": {"argocd.argoproj.io/instance": "web"}}),
                Some("Argo CD (web)"),
            ),
            (
                json!({"labels": {INSTANCE: "web"}, "managedFields": [{"manager": "kubectl"}, {"manager": "argocd-controller"}]}),
                Some("Argo CD (web)"),
            ),
            (
                json!({"managedFields": [{"manager": "argocd-controller"}]}),
                Some("Argo CD"),
            ),
            (
                json!({"ownerReferences": [{"apiVersion": "work.open-cluster-management.io/v1", "kind": "AppliedManifestWork", "name": "x"}]}),
                Some("Advanced Cluster Management (AppliedManifestWork x)"),
            ),
            (
                json!({"managedFields": [{"manager": "work-agent-mirrors"}]}),
                Some("Advanced Cluster Management"),
            ),
            (
                json!({"annotations": {"apps.open-cluster-management.io/hosting-subscription": "ns/sub"}}),
                Some("Advanced Cluster Management (ns/sub)"),
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "infra"}}),
                Some("Flux (infra)"),
            ),
            // A chart installed by hand.
            (
                json!({"labels": {INSTANCE: "web"}, "managedFields": [{"manager": "helm"}]}),
                None,
            ),
            (
                json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x"}]}),
                None,
            ),
            (
                json!({"annotations": {"argocd.argoproj.io/sync-wave": "1"}}),
                None,
            ),
            (
                json!({"labels": null, "annotations": 3, "managedFields": [{}], "ownerReferences": [{}, 1]}),
                None,
            ),
        ] {
            let owner = owner_of(&json!({"metadata": metadata}));
            assert_eq!(owner.as_deref(), expected, "{metadata}");
        }
        assert_eq!(owner_of(&Value::Null), None);
    }
}
