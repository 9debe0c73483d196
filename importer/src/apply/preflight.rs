/*!
What would happen on one cluster, found out without changing anything: who it is, what it serves, what the user may do, and
what the server says to each object on a dry run.
*/

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use cluster::{
    Call, Cluster, ClusterError, Connection, Identity, Served, Session, connect, in_time, openshift,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    ApplyOptions,
    manifests::{Local, Manifest},
    object::{DryRunResult, Notes, Provided, Survey, waits},
    plan::ApplyPlan,
    skew::{self, Seen},
};
use crate::rollout::{Forecast, Site};

/// How many requests are under way at a time on one cluster.
pub(crate) const AT_ONCE: usize = 8;

/// API versions that are asked for whatever the manifests are: others decide by them what a cluster understands.
const ALWAYS: [&str; 2] = ["config.openshift.io/v1", "operator.openshift.io/v1alpha1"];

/// What would happen on one cluster.
#[derive(Debug)]
pub struct Preflight<'p> {
    /// Who it is.
    pub site: Site,
    /// The way to it; no socket is open.
    pub connection: Connection,
    /// What it serves.
    pub serves: Served,
    /// What it is to get, in order; shared where it is what others get.
    pub manifests: Cow<'p, [Manifest]>,
    /// For each manifest, in their order.
    pub objects: Vec<DryRunResult>,
    /// How objects would change, in their order, where that was asked for.
    pub diffs: Vec<String>,
}

impl Forecast for Preflight<'_> {
    fn site(&self) -> &Site {
        &self.site
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn summary(&self) -> String {
        let count = |wanted: fn(&DryRunResult) -> bool| {
            self.objects.iter().filter(|&result| wanted(result)).count()
        };
        let counts = [
            (count(|it| matches!(it, DryRunResult::Create)), "to create"),
            (
                count(|it| matches!(it, DryRunResult::Configure { .. })),
                "to change",
            ),
            (
                count(|it| matches!(it, DryRunResult::Recreate(_))),
                "to delete and create anew",
            ),
            (
                count(|it| matches!(it, DryRunResult::Waits { .. })),
                "waiting for others",
            ),
            (
                count(|it| matches!(it, DryRunResult::Untried { .. })),
                "without forecast",
            ),
            (count(|it| it.objection().is_some()), "refused"),
            (
                count(|it| matches!(it, DryRunResult::Unchanged { .. })),
                "right already",
            ),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let warnings = match self.site.warnings.len() {
            0 => String::new(),
            many => format!("; {many} warnings"),
        };
        format!("{}{warnings}", counts.join(", "))
    }

    fn objection(&self) -> Option<String> {
        let mut objects = self.manifests.iter().zip(&self.objects);
        objects.find_map(|(manifest, result)| {
            let reason = result.objection()?;
            Some(format!("{} {}: {reason}", manifest.kind, manifest.name))
        })
    }
}

impl Preflight<'_> {
    /// A session with the cluster that was looked at.
    pub(crate) fn session(
        &self,
        cluster: &Cluster,
        options: &ApplyOptions,
        deadline: Instant,
    ) -> Session {
        let (timeout, id) = (options.request_timeout, self.site.cluster_id.as_ref());
        Session::again(cluster, &self.connection, timeout, id).until(deadline)
    }
}

impl<'p> ApplyPlan<'p> {
    /// Looks at one cluster and at what each object would do there.
    pub(super) async fn preflight(&self, cluster: &Cluster) -> Result<Preflight<'p>, ClusterError> {
        let connection = connect(cluster, self.options.request_timeout).await?;
        self.preflight_over(connection, cluster).await
    }

    /// The same over a connection that is there, within the cluster's time.
    pub(super) async fn preflight_over(
        &self,
        connection: Connection,
        cluster: &Cluster,
    ) -> Result<Preflight<'p>, ClusterError> {
        let server = connection.server.clone();
        let look = self.look_over(connection, cluster);
        in_time(&server, self.options.cluster_timeout, look).await
    }

    async fn look_over(
        &self,
        connection: Connection,
        cluster: &Cluster,
    ) -> Result<Preflight<'p>, ClusterError> {
        let session = Session::new(cluster, &connection, self.options.request_timeout)
            .until(Instant::now() + self.options.cluster_timeout);
        let identity = session.identify().await?;
        let mut warnings = Vec::new();
        if matches!(identity, Identity::Forbidden(_)) {
            warnings.push("this user may not read the ClusterVersion, so that the cluster's id and version are unknown".to_owned());
        }
        let mut serves = Served::default();
        let mut wanted = api_versions(self.manifests.all());
        wanted.extend(ALWAYS.map(str::to_owned));
        serves.ask(&session, wanted.clone(), AT_ONCE).await?;
        let chosen = self.choose(
            cluster,
            &Seen {
                cluster_version: identity.cluster_version(),
                serves_idms: serves.has("config.openshift.io/v1", "ImageDigestMirrorSet"),
                serves_icsp: serves
                    .has("operator.openshift.io/v1alpha1", "ImageContentSourcePolicy"),
                icsp_objects: policies(&session, &serves).await?,
            },
        );
        warnings.splice(0..0, chosen.warnings);
        let version = identity.cluster_version().and_then(openshift::version);
        let (version, next_minor) = match version {
            Some(version) => (version, skew::leaves_minor(version, self.releases)),
            None => ("", false),
        };
        let local = Local::read(&session, &chosen.manifests, version, next_minor).await?;
        let (manifests, found) = local.fit(chosen.manifests, next_minor);
        warnings.extend(found);
        // A patch of an overlay may have changed what an object is.
        let others = api_versions(&manifests);
        let others = others.difference(&wanted).cloned();
        serves.ask(&session, others, AT_ONCE).await?;
        let notes = Mutex::default();
        let survey = Survey {
            session: &session,
            serves: &serves,
            provided: &Provided::by(&manifests),
            options: self.options,
            default_namespace: &session.default_namespace(),
            notes: &notes,
        };
        let mut objects: Vec<DryRunResult> = stream::iter(&*manifests)
            .map(|manifest| survey.dry_run(manifest))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let Notes {
            warnings: noted,
            diffs,
        } = notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        warnings.extend(noted);
        wait_for_each_other(&manifests, &mut objects);
        warnings.extend(draining(&manifests, &objects));
        Ok(Preflight {
            site: Site {
                server: connection.server.clone(),
                cluster_id: identity.cluster_id(),
                version: identity
                    .cluster_version()
                    .and_then(openshift::version)
                    .map(str::to_owned),
                warnings,
            },
            connection: connection.at_rest()?,
            serves,
            manifests,
            objects,
            diffs: diffs
                .into_values()
                .filter(|diff| !diff.is_empty())
                .collect(),
        })
    }
}

/// Refusals that the bundle itself will cure become waits.
fn wait_for_each_other(manifests: &[Manifest], results: &mut [DryRunResult]) {
    for (index, manifest) in manifests.iter().enumerate() {
        if let Some(DryRunResult::Refused { reason }) = results.get(index)
            && let Some(waiting) = waits(manifest, reason, manifests, results)
            && let Some(slot) = results.get_mut(index)
        {
            *slot = waiting;
        }
    }
}

fn api_versions(manifests: &[Manifest]) -> BTreeSet<String> {
    let versions = manifests.iter();
    versions
        .map(|manifest| manifest.api_version.clone())
        .collect()
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

/// What makes nodes drain: mirrors by digest where they change, all else that is for nodes always.
fn draining(manifests: &[Manifest], objects: &[DryRunResult]) -> Option<String> {
    let drains = |manifest: &Manifest, result: &DryRunResult| match result {
        DryRunResult::Configure { .. } => true,
        DryRunResult::Create | DryRunResult::Waits { .. } => {
            !["ImageDigestMirrorSet", "ImageContentSourcePolicy"].contains(&manifest.kind.as_str())
        }
        _ => false,
    };
    let names: Vec<_> = manifests
        .iter()
        .zip(objects)
        .filter(|(manifest, _)| manifest.is_for_nodes())
        .filter(|(manifest, result)| drains(manifest, result))
        .map(|(manifest, _)| format!("{} {}", manifest.kind, manifest.name))
        .collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("a change of {names} may drain and restart nodes, one after the other")
    })
}
