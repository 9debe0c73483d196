/*!
CLUSTERS.yaml: which clusters there are, in which order they come, and what differs.

It is the one file that reaches every cluster, so it is read strictly, every mistake has a line and a column, and all
kubeconfigs and contexts are looked up before the first cluster is asked anything.
*/

use std::{collections::BTreeMap, path::Path};

use serde_saphyr::Spanned;

use super::{
    Fleet, FleetError,
    contexts::{Contexts, Kubeconfigs, bounded},
    error::{Place, closest, did_you_mean},
    selector::{checked_key, checked_value},
    typed::{Files, Typed, TypedWave, Wrong, at, parse},
};
use crate::apply::{
    cluster::Cluster,
    overlay::{Overlay, Overlays},
    waves::Wave,
};

/// Reads the file, and the names of the contexts that it speaks of.
pub(super) fn load(path: &Path) -> Result<Fleet, FleetError> {
    let wrong = |Wrong(place, reason)| FleetError::File {
        path: path.to_owned(),
        place,
        reason,
    };
    let text = bounded(path)
        .map_err(|error| wrong(Wrong(Place(None), format!("it cannot be read: {error}"))))?;
    let typed = parse(&text).map_err(wrong)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let clusters = Clusters::of(&typed, base).map_err(wrong)?;
    let (waves, warnings) = waves(&typed.waves, &clusters.0).map_err(wrong)?;
    Ok(Fleet {
        clusters: clusters.0,
        waves,
        overlays: Overlays(typed.overlays.into_iter().map(Overlay::from).collect()),
        warnings,
    })
}

/// The clusters of the file, every one looked up.
struct Clusters(Vec<Cluster>);

impl Clusters {
    fn of(typed: &Typed, base: &Path) -> Result<Self, Wrong> {
        if typed.clusters.value.is_empty() {
            return Err(at(
                &typed.clusters,
                "no cluster is listed; give each one a name",
            ));
        }
        let mut places = BTreeMap::new();
        let mut ways = BTreeMap::new();
        let mut lookup = Lookup::default();
        let mut clusters = Vec::new();
        for cluster in &typed.clusters.value {
            let name = &cluster.name;
            if name.value.trim().is_empty() {
                return Err(at(name, "a cluster without a name; give it one of its own"));
            }
            let line = name.referenced.line();
            if let Some(first) = places.insert(&name.value, line) {
                let name_shown = &name.value;
                return Err(at(
                    name,
                    format!(
                        "there is a cluster {name_shown:?} already, in line {first}; give each a name of its own"
                    ),
                ));
            }
            let kubeconfig = cluster.kubeconfig.as_ref().or(typed.kubeconfig.as_ref());
            let files = lookup.files(kubeconfig, base, name)?;
            let unreadable = |error: FleetError| match kubeconfig {
                Some(kubeconfig) => at(kubeconfig, error.to_string()),
                None => at(name, error.to_string()),
            };
            let known = lookup.contexts(&files).map_err(unreadable)?;
            let context = cluster.context.as_ref().unwrap_or(name);
            let unknown = |error: FleetError| at(context, error.to_string());
            known.check(&context.value).map_err(unknown)?;
            let way = (files.clone(), &context.value);
            if let Some(other) = ways.insert(way, &name.value) {
                let reason =
                    format!("this is the context of cluster {other:?} too; give each its own");
                return Err(at(context, reason));
            }
            clusters.push(Cluster {
                name: name.value.clone(),
                kubeconfig: files.files().to_vec(),
                context: context.value.clone(),
                labels: labels(&cluster.labels)?,
                cluster_id: cluster_id(cluster.cluster_id.as_ref())?,
            });
        }
        Ok(Self(clusters))
    }
}

/// Kubeconfigs that were read already: hundreds of clusters may share one.
#[derive(Default)]
struct Lookup {
    environment: Option<Kubeconfigs>,
    known: BTreeMap<Kubeconfigs, Contexts>,
}

impl Lookup {
    fn files(
        &mut self,
        typed: Option<&Spanned<Files>>,
        base: &Path,
        name: &Spanned<String>,
    ) -> Result<Kubeconfigs, Wrong> {
        match (typed, &self.environment) {
            (Some(files), _) if files.value.0.is_empty() => {
                Err(at(files, "no file is listed; name at least one kubeconfig"))
            }
            (Some(files), _) => {
                let files = files.value.0.iter().map(|file| base.join(file));
                Ok(Kubeconfigs::named(files.collect()))
            }
            (None, Some(files)) => Ok(files.clone()),
            (None, None) => {
                let found = Kubeconfigs::of_environment();
                let found = found.map_err(|error| at(name, error.to_string()))?;
                Ok(self.environment.insert(found).clone())
            }
        }
    }

    fn contexts(&mut self, files: &Kubeconfigs) -> Result<&Contexts, FleetError> {
        if !self.known.contains_key(files) {
            self.known.insert(files.clone(), files.contexts()?);
        }
        Ok(&self.known[files])
    }
}

fn labels(typed: &BTreeMap<String, Spanned<String>>) -> Result<BTreeMap<String, String>, Wrong> {
    let labels = typed.iter().map(|(key, value)| {
        let wrong = |reason| at(value, reason);
        let key = checked_key(key).map_err(wrong)?;
        Ok((key, checked_value(&value.value).map_err(wrong)?))
    });
    labels.collect()
}

fn cluster_id(typed: Option<&Spanned<String>>) -> Result<Option<String>, Wrong> {
    match typed {
        Some(id) if id.value.trim().is_empty() => Err(at(
            id,
            "clusterID is empty; leave it out, or give what `oc get clusterversion version -o jsonpath={.spec.clusterID}` says",
        )),
        other => Ok(other.map(|id| id.value.trim().to_owned())),
    }
}

/// The waves in order, a last one for clusters that stand in none, and what to warn about.
fn waves(
    typed: &[Spanned<TypedWave>],
    clusters: &[Cluster],
) -> Result<(Vec<Wave>, Vec<String>), Wrong> {
    let mut waves = Vec::new();
    let mut warnings = Vec::new();
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, wave) in (1..).zip(typed) {
        let members = members(wave, clusters)?;
        for (cluster, place) in &members {
            if let Some(other) = taken.insert(*cluster, number) {
                let name = &clusters[*cluster].name;
                let reason = match other == number {
                    true => format!("{name:?} is in this wave already; name it once"),
                    false => format!(
                        "{name:?} is in wave {other} already, and a cluster is in one wave only; leave it out here or there"
                    ),
                };
                return Err(Wrong(*place, reason));
            }
        }
        if members.is_empty() {
            let line = wave.referenced.line();
            warnings.push(format!("wave {number} of the clusters file (line {line}) is for no cluster: no labels are such as its selector asks for"));
        }
        waves.push(Wave {
            clusters: members.into_iter().map(|(cluster, _)| cluster).collect(),
            max_concurrent: at_once(wave.value.max_concurrent.as_ref())?,
            max_failures: wave.value.max_failures,
            pause: wave.value.pause.as_ref().map(|pause| pause.0),
        });
    }
    let rest = (0..clusters.len()).filter(|cluster| !taken.contains_key(cluster));
    let rest: Vec<usize> = rest.collect();
    if !rest.is_empty() {
        waves.push(Wave::of(rest));
    }
    Ok((waves, warnings))
}

/// The clusters of a wave, by name in the order of the wave or by label in the order of the file, each with the place that
/// says so.
fn members(wave: &Spanned<TypedWave>, clusters: &[Cluster]) -> Result<Vec<(usize, Place)>, Wrong> {
    let place = |line, column| Place(Some((line, column)));
    match (&wave.value.clusters[..], &wave.value.selector) {
        ([], None) => Err(at(
            wave,
            "a wave without clusters; give `clusters`, a list of names, or `selector`, labels",
        )),
        ([_, ..], Some(selector)) => Err(at(
            selector,
            "a wave has either `clusters` or `selector`; make it two waves",
        )),
        ([], Some(selector)) => {
            let here = selector.referenced;
            let here = place(here.line(), here.column());
            let chosen = clusters.iter().enumerate();
            let chosen = chosen.filter(|(_, cluster)| selector.value.matches(&cluster.labels));
            Ok(chosen.map(|(cluster, _)| (cluster, here)).collect())
        }
        (names, None) => {
            let find = |name: &Spanned<String>| {
                let found = clusters
                    .iter()
                    .position(|cluster| cluster.name == name.value);
                let here = place(name.referenced.line(), name.referenced.column());
                found.map(|cluster| (cluster, here)).ok_or_else(|| {
                    let names = clusters.iter().map(|cluster| cluster.name.as_str());
                    let hint = did_you_mean(&closest(&name.value, names));
                    at(
                        name,
                        format!("there is no cluster {:?}{hint} in `clusters`", name.value),
                    )
                })
            };
            names.iter().map(find).collect()
        }
    }
}

fn at_once(typed: Option<&Spanned<usize>>) -> Result<usize, Wrong> {
    match typed {
        None => Ok(usize::MAX),
        Some(zero) if zero.value == 0 => Err(at(
            zero,
            "maxConcurrent is 0, and nothing would ever be done; 1 is one at a time",
        )),
        Some(limit) => Ok(limit.value),
    }
}
