/*!
Who looks after an object already: what Argo CD, Advanced Cluster Management or Flux roll out by Git they also put back, so
to change such an object here is to argue with them.

Each leaves marks of its own on what it manages; these are the ones their documentation and sources name.
*/

use serde_json::Value;

/// Marks that are enough alone: a label or annotation, and whose it is. The value names what it belongs to.
const MARKS: [(&str, &str); 8] = [
    ("argocd.argoproj.io/tracking-id", ARGO),
    ("argocd.argoproj.io/instance", ARGO),
    ("apps.open-cluster-management.io/hosting-subscription", ACM),
    ("apps.open-cluster-management.io/hosting-deployable", ACM),
    ("policy.open-cluster-management.io/root-policy", ACM),
    ("parent-policy", ACM),
    ("kustomize.toolkit.fluxcd.io/name", FLUX),
    ("helm.toolkit.fluxcd.io/name", FLUX),
];

/// Field managers that are enough alone.
const MANAGERS: [(&str, &str); 6] = [
    ("argocd-controller", ARGO),
    ("argocd-application-controller", ARGO),
    ("work-agent", ACM),
    ("config-policy-controller", ACM),
    ("kustomize-controller", FLUX),
    ("helm-controller", FLUX),
];

const ARGO: &str = "Argo CD";
const ACM: &str = "Advanced Cluster Management";
const FLUX: &str = "Flux";

/// Argo CD's default label, which charts set too: it counts only where Argo CD also wrote the object.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Who manages an object of a cluster by Git, if anybody does: `Argo CD (web)`.
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

/// AppliedManifestWorks and policies say so in `ownerReferences`.
fn owned(live: &Value) -> Option<String> {
    let owners = live.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find_map(|owner| {
        let group = owner.get("apiVersion")?.as_str()?.split('/').next()?;
        let managed = group.ends_with(".open-cluster-management.io");
        let field = |field| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        managed.then(|| named(ACM, &format!("{} {}", field("kind"), field("name"))))
    })
}

fn written(live: &Value) -> Option<String> {
    let fields = live.pointer("/metadata/managedFields")?.as_array()?;
    let managers = fields
        .iter()
        .filter_map(|field| field.get("manager")?.as_str());
    let owner = managers
        .filter_map(|manager| MANAGERS.iter().find(|(known, _)| *known == manager))
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
