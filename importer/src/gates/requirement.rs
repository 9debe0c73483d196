/*! What must hold on a cluster before it is begun, judged by what the cluster says of itself. Pure, but for the reading. */

use cluster::{
    Answer, Call, Served, Session,
    openshift::{condition, items, text, when_true},
    path, refusal,
};
use serde_json::Value;

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// MachineConfigPools are neither degraded nor paused.
    Pools(Which),
    /// ClusterOperators are available and not degraded.
    Operators(Which),
    /// A condition of an object has a status.
    Condition {
        /// The object: `example.com/v1`.
        api_version: String,
        /// `Database`.
        kind: String,
        /// None for kinds that are in no namespace.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// The type of the condition: `Ready`.
        condition: String,
        /// `True`, `False` or `Unknown`.
        status: String,
    },
}

/// Which objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that there are, and at least one.
    All,
    /// These.
    Named(Vec<String>),
}

const POOLS: (&str, &str) = (
    "MachineConfigPool",
    "/apis/machineconfiguration.openshift.io/v1/machineconfigpools",
);
const OPERATORS: (&str, &str) = (
    "ClusterOperator",
    "/apis/config.openshift.io/v1/clusteroperators",
);

impl Requirement {
    /// What is not as it must be: what, expected, found; empty if all is.
    pub(super) async fn unmet(&self, session: &Session) -> Vec<String> {
        match self {
            Self::Pools(which) => all_of(session, POOLS, which, pool).await,
            Self::Operators(which) => all_of(session, OPERATORS, which, operator).await,
            Self::Condition {
                api_version,
                kind,
                namespace,
                name,
                condition,
                status,
            } => {
                let what = match namespace {
                    Some(namespace) => format!("{kind} {namespace}/{name}"),
                    None => format!("{kind} {name}"),
                };
                let found = match read(session, api_version, kind, namespace.as_deref(), name).await
                {
                    Ok(object) => judge(&object, condition, status),
                    Err(reason) => Some(reason),
                };
                let found = found.into_iter();
                found
                    .map(|found| format!("{what}: expected {condition}={status}, found {found}"))
                    .collect()
            }
        }
    }
}

/// What a list says of the objects that count.
async fn all_of(
    session: &Session,
    (kind, path): (&str, &str),
    which: &Which,
    judge: fn(&Value) -> Option<(&'static str, String)>,
) -> Vec<String> {
    let list = match session.send(&Call::get(path.to_owned())).await {
        Ok(answer) if answer.is_success() => answer.body,
        Ok(answer) if answer.status == 404 => {
            return vec![format!(
                "expected a {kind}, found that the cluster serves none"
            )];
        }
        Ok(answer) => {
            return vec![format!(
                "{kind}s cannot be read: {}",
                refusal::text(&answer)
            )];
        }
        Err(error) => return vec![format!("{kind}s cannot be read: {error}")],
    };
    let objects = items(&list, "/items");
    let found = |object: &Value| {
        let (expected, found) = judge(object)?;
        let name = cluster::clean(text(object, "/metadata/name"));
        Some(format!("{kind} {name}: expected {expected}, found {found}"))
    };
    match which {
        Which::All if objects.is_empty() => vec![format!("expected a {kind}, found none")],
        Which::All => objects.iter().filter_map(found).collect(),
        Which::Named(names) => {
            let each = names.iter().filter_map(|name| {
                let mut objects = objects.iter();
                match objects.find(|object| text(object, "/metadata/name") == name) {
                    Some(object) => found(object),
                    None => Some(format!(
                        "{kind} {name}: expected it, found none of this name"
                    )),
                }
            });
            each.collect()
        }
    }
}

/// What is expected of a pool, and what there is instead.
pub(super) fn pool(object: &Value) -> Option<(&'static str, String)> {
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Some(("not paused", "spec.paused: true".to_owned()));
    }
    let degraded = when_true(object, "Degraded")?;
    let text = degraded.text();
    Some((
        "not degraded",
        match text.is_empty() {
            true => "Degraded=True".to_owned(),
            false => format!("Degraded=True: {text}"),
        },
    ))
}

/// What is expected of an operator, and what there is instead.
pub(super) fn operator(object: &Value) -> Option<(&'static str, String)> {
    let expected = "available and not degraded";
    if let Some(degraded) = when_true(object, "Degraded") {
        let found = format!("Degraded is True: {}", degraded.text());
        return Some((expected, found.trim_end_matches(": ").to_owned()));
    }
    judge(object, "Available", "True").map(|found| (expected, format!("Available: {found}")))
}

/// What is found instead of a condition.
pub(super) fn judge(object: &Value, kind: &str, status: &str) -> Option<String> {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
    if let (Some(generation), Some(observed)) = (
        number("/metadata/generation"),
        number("/status/observedGeneration"),
    ) && observed < generation
    {
        return Some(format!(
            "that generation {generation} is not observed yet (observedGeneration {observed})"
        ));
    }
    let Some(found) = condition(object, kind) else {
        return Some("no such condition".to_owned());
    };
    if found.status == status {
        return None;
    }
    let text = found.text();
    let found = cluster::clean(found.status);
    Some(match text.is_empty() {
        true => found,
        false => format!("{found}: {text}"),
    })
}

async fn read(
    session: &Session,
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<Value, String> {
    let mut served = Served::default();
    let asked = served.ask(session, [api_version.to_owned()], 1).await;
    asked.map_err(|error| error.to_string())?;
    let Some(resource) = served.find(api_version, kind).map_err(str::to_owned)? else {
        return Err(format!(
            "that the cluster does not serve {kind} in {api_version}"
        ));
    };
    let mut path = path::root(api_version)?;
    match (namespace, resource.namespaced) {
        (Some(namespace), true) => {
            path.push_str("/namespaces");
            path::push(&mut path, namespace)?;
        }
        (None, true) => return Err("that its kind is in namespaces; name one".to_owned()),
        (Some(_), false) => {
            return Err("that its kind is in no namespace; leave it out".to_owned());
        }
        (None, false) => {}
    }
    path::push(&mut path, &resource.plural)?;
    path::push(&mut path, name)?;
    match session.send(&Call::get(path)).await {
        Ok(answer) if answer.is_success() => Ok(answer.body),
        Ok(Answer { status: 404, .. }) => Err("no such object".to_owned()),
        Ok(answer) => Err(refusal::text(&answer)),
        Err(error) => Err(error.to_string()),
    }
}
