/*!
What would happen on one cluster, found out without changing anything: who it is, what it serves, what the user may do, and
what the server says to each object on a dry run.
*/

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use cluster::{CLUSTER_VERSION, Call, Cluster, ClusterError, Connection, Served, Session, connect};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Rules,
    dry_run::DryRunResult,
    foresee::{Brought, Notes, Survey},
    manifest::{Manifest, Phase},
};

/// How many requests are under way at a time on one cluster.
pub(super) const AT_ONCE: usize = 8;

/// What would happen on one cluster.
#[derive(Debug)]
pub struct Preflight {
    /// The way to it; no socket is open.
    pub connection: Connection,
    /// `spec.clusterID` of its ClusterVersion, if it has one.
    pub cluster_id: Option<String>,
    /// The OpenShift version that it completed last, or is on its way to when it never completed one.
    pub version: Option<String>,
    /// Its ClusterVersion, without `metadata.managedFields`.
    pub cluster_version: Option<Value>,
    /// What it serves.
    pub serves: Served,
    /// For each manifest, in their order.
    pub objects: Vec<DryRunResult>,
    /// What to look at before it is changed.
    pub warnings: Vec<String>,
    /// How objects would change, in their order, where that was asked for.
    pub diffs: Vec<String>,
    /// How many ImageContentSourcePolicies it has, as far as that can be read.
    pub icsp_objects: usize,
}

/// Looks at one cluster and at what each object would do there.
pub async fn preflight(
    cluster: &Cluster,
    manifests: &[Manifest],
    rules: &Rules,
) -> Result<Preflight, ClusterError> {
    let connection = connect(cluster, rules.request_timeout).await?;
    over(connection, cluster, manifests, rules).await
}

/// The same over a connection that is there.
pub(super) async fn over(
    connection: Connection,
    cluster: &Cluster,
    manifests: &[Manifest],
    rules: &Rules,
) -> Result<Preflight, ClusterError> {
    let limit = rules.cluster_timeout;
    let server = connection.server.clone();
    let looked = timeout(limit, look(connection, cluster, manifests, rules)).await;
    looked.unwrap_or(Err(ClusterError::Silent {
        server,
        seconds: limit.as_secs(),
    }))
}

async fn look(
    connection: Connection,
    cluster: &Cluster,
    manifests: &[Manifest],
    rules: &Rules,
) -> Result<Preflight, ClusterError> {
    let session = Session::new(cluster, &connection, rules.request_timeout);
    let mut warnings = Vec::new();
    let cluster_version = cluster_version(&session, &mut warnings).await?;
    let cluster_id = text(cluster_version.as_ref(), "/spec/clusterID");
    check_identity(&session, cluster, cluster_id.as_deref(), &warnings)?;
    session.identified(cluster_id.as_deref());
    let mut serves = Served::default();
    let api_versions: BTreeSet<String> = manifests
        .iter()
        .map(|manifest| manifest.api_version.clone())
        .chain(ALWAYS.map(str::to_owned))
        .collect();
    serves.ask(&session, api_versions, AT_ONCE).await?;
    let brought = Brought::by(manifests);
    let notes = Mutex::default();
    let default_namespace = session.default_namespace();
    let survey = Survey {
        session: &session,
        serves: &serves,
        brought: &brought,
        rules,
        default_namespace: &default_namespace,
        review: true,
        notes: &notes,
    };
    let objects: Vec<DryRunResult> = stream::iter(manifests)
        .map(|manifest| survey.foresee(manifest))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let Notes { managed, diffs } = notes.into_inner().unwrap_or_else(PoisonError::into_inner);
    warnings.extend(managed);
    warnings.extend(draining(manifests, &objects));
    let icsp_objects = policies(&session, &serves).await?;
    Ok(Preflight {
        diffs: diffs
            .into_values()
            .filter(|diff| !diff.is_empty())
            .collect(),
        icsp_objects,
        connection: connection.at_rest()?,
        version: version(cluster_version.as_ref()),
        cluster_id,
        cluster_version,
        serves,
        objects,
        warnings,
    })
}

/// How many ImageContentSourcePolicies there are, at most as many as one page holds; none where they cannot be read.
async fn policies(session: &Session, serves: &Served) -> Result<usize, ClusterError> {
    if !serves.has("operator.openshift.io/v1alpha1", "ImageContentSourcePolicy") {
        return Ok(0);
    }
    let page = "/apis/operator.openshift.io/v1alpha1/imagecontentsourcepolicies?limit=100";
    let answer = session.send(&Call::get(page.to_owned())).await?;
    let items = answer.body.get("items").and_then(Value::as_array);
    Ok(items.filter(|_| answer.is_success()).map_or(0, Vec::len))
}

/// API versions that are asked for whatever the manifests are: others decide by them what a cluster understands.
const ALWAYS: [&str; 2] = ["config.openshift.io/v1", "operator.openshift.io/v1alpha1"];

/// The ClusterVersion; `None` if there is none, as off OpenShift. It is also what tells whether the cluster answers at all.
async fn cluster_version(
    session: &Session,
    warnings: &mut Vec<String>,
) -> Result<Option<Value>, ClusterError> {
    let answer = session.send(&Call::get(CLUSTER_VERSION.to_owned())).await?;
    match answer.status {
        404 => Ok(None),
        403 => {
            warnings.push("this user may not read the ClusterVersion, so that the cluster's id and version are unknown".to_owned());
            Ok(None)
        }
        _ if answer.is_success() => {
            let mut object = answer.body;
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            Ok(Some(object))
        }
        _ => Err(ClusterError::Unreachable {
            server: session.server().to_owned(),
            detail: format!("it is not ready ({})", cluster::refusal::said(&answer)),
            transient: false,
        }),
    }
}

fn check_identity(
    session: &Session,
    cluster: &Cluster,
    found: Option<&str>,
    warnings: &[String],
) -> Result<(), ClusterError> {
    let Some(expected) = cluster.cluster_id.as_deref() else {
        return Ok(());
    };
    let found = match found {
        Some(found) if found == expected => return Ok(()),
        Some(found) => format!("found {}", cluster::clean(found)),
        None if warnings.is_empty() => "found a cluster without ClusterVersion".to_owned(),
        None => "and this user may not read its ClusterVersion".to_owned(),
    };
    Err(ClusterError::Identity {
        server: session.server().to_owned(),
        expected: expected.to_owned(),
        found,
    })
}

/// The newest completed version of the history, else the desired one.
fn version(cluster_version: Option<&Value>) -> Option<String> {
    let history = cluster_version?.pointer("/status/history");
    let mut history = history.and_then(Value::as_array).into_iter().flatten();
    let completed =
        history.find(|entry| entry.get("state").and_then(Value::as_str) == Some("Completed"));
    text(completed, "/version").or_else(|| text(cluster_version, "/status/desired/version"))
}

fn text(value: Option<&Value>, pointer: &str) -> Option<String> {
    let text = value?.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Mirror configuration that makes nodes drain: mirrors by digest where they change, mirrors by tag always.
fn draining(manifests: &[Manifest], objects: &[DryRunResult]) -> Option<String> {
    let drains = |manifest: &Manifest, foreseen: &DryRunResult| match foreseen {
        DryRunResult::Configure => true,
        DryRunResult::Create | DryRunResult::Waits { .. } => manifest.kind == "ImageTagMirrorSet",
        _ => false,
    };
    let names: Vec<_> = manifests
        .iter()
        .zip(objects)
        .filter(|(manifest, _)| manifest.phase() == Phase::Mirrors)
        .filter(|(manifest, foreseen)| drains(manifest, foreseen))
        .map(|(manifest, _)| format!("{} {}", manifest.kind, manifest.name))
        .collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("a change of {names} may drain and restart nodes, one after the other")
    })
}
