/*!
Which kinds a cluster serves, and where: one read for each `apiVersion` that is needed.

Asking for all groups at once would fail as a whole when one aggregated API is down, as `metrics.k8s.io` is on many a
half-installed cluster.
*/

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde::Deserialize;

use crate::{Call, ClusterError, Session, path::root, refusal};

/// What a cluster serves of the API versions it was asked about.
#[derive(Debug, Clone, Default)]
pub struct Served {
    versions: BTreeMap<String, Version>,
}

/// A kind as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    kind: String,
    /// As it stands in paths: `configmaps`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// ConfigMaps, which every cluster serves.
    pub fn config_map() -> Self {
        Self {
            kind: "ConfigMap".to_owned(),
            plural: "configmaps".to_owned(),
            namespaced: true,
        }
    }

    /// Namespaces and CustomResourceDefinitions, which every cluster serves.
    pub fn foundation(kind: &str) -> Self {
        let plural = if kind == "Namespace" {
            "namespaces"
        } else {
            "customresourcedefinitions"
        };
        Self {
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced: false,
        }
    }
}

/// What came of asking for one API version.
#[derive(Debug, Clone)]
enum Version {
    /// Its kinds; none where it is not served.
    Known(Vec<Resource>),
    /// It could not be asked: why.
    Unknown(String),
}

impl Served {
    /// Whether the cluster serves a kind. Known for the versions of all manifests, `config.openshift.io/v1` and
    /// `operator.openshift.io/v1alpha1`; `false` for any other.
    pub fn has(&self, api_version: &str, kind: &str) -> bool {
        matches!(self.find(api_version, kind), Ok(Some(_)))
    }

    /// The kind; `None` if it is not served, an error where that is not known.
    pub fn find(&self, api_version: &str, kind: &str) -> Result<Option<&Resource>, &str> {
        match self.versions.get(api_version) {
            Some(Version::Known(resources)) => {
                Ok(resources.iter().find(|resource| resource.kind == kind))
            }
            Some(Version::Unknown(reason)) => Err(reason),
            None => Ok(None),
        }
    }

    /// Asks about API versions, again where that was done before.
    pub async fn ask(
        &mut self,
        session: &Session,
        api_versions: impl IntoIterator<Item = String>,
        at_once: usize,
    ) -> Result<(), ClusterError> {
        let questions = api_versions.into_iter().map(|api_version| async {
            let found = version(session, &api_version).await?;
            Ok((api_version, found))
        });
        let mut answers = stream::iter(questions).buffer_unordered(at_once);
        while let Some(answer) = answers.next().await {
            let (api_version, found) = answer?;
            self.versions.insert(api_version, found);
        }
        Ok(())
    }
}

/// `APIResourceList`, as much of it as counts.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    resources: Vec<ListedResource>,
}

#[derive(Deserialize)]
struct ListedResource {
    name: String,
    namespaced: bool,
    kind: String,
}

async fn version(session: &Session, api_version: &str) -> Result<Version, ClusterError> {
    let Some(path) = root(api_version).ok().filter(|_| is_plain(api_version)) else {
        return Ok(Version::Known(Vec::new()));
    };
    let answer = match session.send(&Call::get(path)).await {
        Ok(answer) => answer,
        Err(error) if error.is_passing() => return Ok(Version::Unknown(error.to_string())),
        Err(error) => return Err(error),
    };
    if answer.status == 404 {
        return Ok(Version::Known(Vec::new()));
    }
    if !answer.is_success() {
        return Ok(Version::Unknown(refusal::text(&answer)));
    }
    let Ok(list) = serde_json::from_value::<Listed>(answer.body) else {
        let reason = "its list of kinds is not one";
        return Ok(Version::Unknown(reason.to_owned()));
    };
    let kinds = list.resources.into_iter();
    // `deployments/status` and the like are no kinds of their own.
    let kinds = kinds.filter(|resource| !resource.name.contains('/'));
    let known = kinds.map(|resource| Resource {
        kind: resource.kind,
        plural: resource.name,
        namespaced: resource.namespaced,
    });
    Ok(Version::Known(known.collect()))
}

/// Whether it is a group and a version, and fit for a path.
fn is_plain(api_version: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let mut parts = api_version.splitn(2, '/');
    parts.all(|part| part.chars().all(allowed) && !part.chars().all(|c| c == '.'))
}

/// `APIGroup`, as much of it as counts.
#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    #[serde(rename = "groupVersion")]
    group_version: String,
}

impl Session {
    /// The API versions of a group in which a kind is served; none where that cannot be asked.
    pub async fn versions_of(&self, group: &str, kind: &str) -> Result<Vec<String>, ClusterError> {
        let api_version = format!("{group}/v1");
        if group.is_empty() || !is_plain(&api_version) {
            return Ok(Vec::new());
        }
        let answer = self.send(&Call::get(format!("/apis/{group}"))).await?;
        let Ok(group) = serde_json::from_value::<Group>(answer.body) else {
            return Ok(Vec::new());
        };
        let versions = group
            .versions
            .into_iter()
            .map(|version| version.group_version);
        let versions: Vec<_> = versions.collect();
        let mut served = Served::default();
        served.ask(self, versions.clone(), 1).await?;
        Ok(versions
            .into_iter()
            .filter(|version| served.has(version, kind))
            .collect())
    }
}
