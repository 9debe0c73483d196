/*! A look at one cluster: who it is, which versions it has, how its pools are, and what this user may not write. */

use std::time::Duration;

use cli::Line;
use cluster::{
    Call, Cluster, ClusterError, Connection, Identity, Session,
    access::{AccessReview, denied},
    connect, in_time,
    openshift::{self, items, text, when_true},
    refusal,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rollout::{ClusterOutcome, Forecast, Site, State, Task};

/// How many rights are asked for at a time.
const AT_ONCE: usize = 8;

/// What bundles bring, on any cluster: group, plural, and the namespace that is asked about.
const RESOURCES: [(&str, &str, &str); 5] = [
    ("", "namespaces", ""),
    ("", "configmaps", "default"),
    ("", "secrets", "default"),
    ("apps", "deployments", "default"),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
];

/// The same on OpenShift: mirror configuration, signatures of releases, and the request for an upgrade.
const OPENSHIFT: [(&str, &str, &str); 4] = [
    ("config.openshift.io", "imagedigestmirrorsets", ""),
    ("config.openshift.io", "imagetagmirrorsets", ""),
    ("", "configmaps", "openshift-config-managed"),
    ("config.openshift.io", "clusterversions", ""),
];

/// Where the pools are.
const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";

/// How clusters are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    pub request_timeout: Duration,
    pub cluster_timeout: Duration,
}

/// What a look has shown, besides who the cluster is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Checked {
    /// `gitVersion` of the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// MachineConfigPools.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// What this user may not write, of what bundles bring: `patch deployments.apps in default`.
    #[serde(default)]
    pub forbidden: Vec<String>,
}

/// A MachineConfigPool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pool {
    pub name: String,
    /// New configuration reaches none of its nodes.
    pub paused: bool,
    /// Its nodes are being changed.
    pub updating: bool,
    /// Why it is degraded, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

/// A cluster that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    site: Site,
    connection: Connection,
    checked: Checked,
}

impl Forecast for Looked {
    fn site(&self) -> &Site {
        &self.site
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn summary(&self) -> String {
        "looked at".to_owned()
    }

    fn objection(&self) -> Option<String> {
        None
    }
}

impl Task for Check {
    type Forecast = Looked;
    type Detail = Checked;

    async fn look(&self, cluster: &Cluster) -> Result<Looked, ClusterError> {
        let connection = connect(cluster, self.request_timeout).await?;
        let session = Session::new(cluster, &connection, self.request_timeout);
        let looking = in_time(&connection.server, self.cluster_timeout, look(&session));
        let (site, checked) = looking.await?;
        Ok(Looked {
            site,
            connection,
            checked,
        })
    }

    async fn run(&self, cluster: &Cluster, looked: &Looked, _: Line) -> ClusterOutcome<Checked> {
        ClusterOutcome {
            warnings: looked.site.warnings.clone(),
            detail: looked.checked.clone(),
            ..ClusterOutcome::at(cluster, &looked.site, State::Done, None)
        }
    }
}

async fn look(session: &Session) -> Result<(Site, Checked), ClusterError> {
    let identity = session.identify().await?;
    let mut warnings = Vec::new();
    let openshift = !matches!(identity, Identity::NotOpenShift);
    if let Identity::Forbidden(words) = &identity {
        warnings.push(format!(
            "this user may not read the ClusterVersion, so that the cluster's id and version are unknown: {words}"
        ));
    }
    let mut checked = Checked {
        kubernetes_version: session.kubernetes_version().await?,
        forbidden: forbidden(session, openshift).await?,
        pools: Vec::new(),
    };
    if openshift {
        match pools(session).await? {
            Ok(pools) => checked.pools = pools,
            Err(reason) => {
                warnings.push(format!("its MachineConfigPools cannot be read: {reason}"))
            }
        }
    }
    let cluster_version = identity.cluster_version();
    let version = cluster_version.and_then(openshift::version);
    let site = Site {
        server: session.server().to_owned(),
        cluster_id: identity.cluster_id(),
        version: version.map(str::to_owned),
        warnings,
    };
    Ok((site, checked))
}

/// What this user may not do, of what is done for bundles.
async fn forbidden(session: &Session, openshift: bool) -> Result<Vec<String>, ClusterError> {
    let more = OPENSHIFT.iter().filter(|_| openshift);
    let reviews = RESOURCES.iter().chain(more).flat_map(|resource| {
        ["create", "patch"].map(|verb| {
            let (group, plural, namespace) = *resource;
            AccessReview {
                verb,
                group: group.to_owned(),
                resource: plural.to_owned(),
                namespace: namespace.to_owned(),
                name: String::new(),
            }
        })
    });
    // Nobody creates a ClusterVersion.
    let reviews =
        reviews.filter(|review| review.resource != "clusterversions" || review.verb == "patch");
    let answers = stream::iter(reviews)
        .map(|review| async move {
            let denied = denied(session, &review).await?;
            Ok::<_, ClusterError>(denied.map(|_| shown(&review)))
        })
        .buffered(AT_ONCE);
    let answers: Vec<_> = answers.try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

/// `patch deployments.apps in default`.
fn shown(review: &AccessReview) -> String {
    let dot = if review.group.is_empty() { "" } else { "." };
    let place = match review.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" in {namespace}"),
    };
    format!(
        "{} {}{dot}{}{place}",
        review.verb, review.resource, review.group
    )
}

/// The pools, or why they cannot be read; none where the kind is not served.
async fn pools(session: &Session) -> Result<Result<Vec<Pool>, String>, ClusterError> {
    let answer = session.send(&Call::get(POOLS.to_owned())).await?;
    if answer.status == 404 {
        return Ok(Ok(Vec::new()));
    }
    if !answer.is_success() {
        return Ok(Err(refusal::text(&answer)));
    }
    Ok(Ok(items(&answer.body, "/items").iter().map(pool).collect()))
}

fn pool(object: &Value) -> Pool {
    let paused = object.pointer("/spec/paused").and_then(Value::as_bool);
    Pool {
        name: text(object, "/metadata/name").to_owned(),
        paused: paused.unwrap_or(false),
        updating: when_true(object, "Updating").is_some(),
        degraded: when_true(object, "Degraded").map(|condition| condition.text()),
    }
}
