/*!
CLUSTERS.yaml: which clusters there are, in which order they come, and what differs.

It is the one file that reaches every cluster, so it is read strictly, every mistake has a line and a column, and all
kubeconfigs and contexts are looked up before the first cluster is asked anything. Paths are relative to the file.

```yaml
kubeconfig: kubeconfigs/all.yaml       # for clusters without one; else where kubectl looks
clusters:
- name: canary
  context: admin@canary                # else the name
  kubeconfig: kubeconfigs/canary.yaml  # or a list, merged as KUBECONFIG lists are
  clusterID: 1f0c2d4e-…                # must be the cluster's own
  labels: {region: eu, tier: canary}
waves:                                 # clusters that stand in none come last
- clusters: [canary]
  pause: approval
- selector: {tier: edge}               # or "tier=edge,region!=us"
  maxConcurrent: 20
  maxFailures: 2
  wait: healthy                        # or none, applied; else what --wait says
  healthTimeout: 2h                    # else what --health-timeout says
  pause: 10m
  require:                             # on each cluster, right before its first change
    machineConfigPools: all            # or names: not degraded, not paused
    window: {from: "22:00", to: "04:00", zone: Europe/Berlin}
  hooks:
    after: [hooks/smoke-test.yaml]     # a Job, run and waited for on each cluster
overlays:                              # patches are JSON merge patches, applied in order
- selector: {region: eu}
  patch:
  - target: {kind: UpdateService, name: update-service}
    merge: {spec: {replicas: 1}}
  exclude:
  - {path: "config/us-*"}
```
*/

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use cluster::{Cluster, ClusterId};
use serde_saphyr::Spanned;

use super::{
    Fleet, FleetError,
    contexts::{Contexts, Kubeconfigs, bounded},
    error::{Place, closest, did_you_mean},
    hooks::{TypedHook, hooks},
    overlay::{Overlay, Overlays},
    selector::{checked_key, checked_value},
    typed::{Files, Typed, TypedCluster, TypedWait, TypedWave, Wrong, at, parse},
    wave::Wave,
};
use crate::{gates::Gates, health::Wait};

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
    let clusters = clusters(&typed, base).map_err(wrong)?;
    let (waves, warnings) = waves(&typed.waves, &clusters, base).map_err(wrong)?;
    Ok(Fleet {
        clusters,
        waves,
        overlays: Overlays(typed.overlays.into_iter().map(Overlay::from).collect()),
        warnings,
    })
}

/// The clusters of the file, every one looked up.
fn clusters(typed: &Typed, base: &Path) -> Result<Vec<Arc<Cluster>>, Wrong> {
    let listed = &typed.clusters;
    if listed.value.is_empty() {
        return Err(at(listed, "no cluster is listed; give each one a name"));
    }
    let mut lookup = Lookup::default();
    let clusters = listed.value.iter().map(|cluster| {
        let kubeconfig = cluster.kubeconfig.as_ref().or(typed.kubeconfig.as_ref());
        lookup.cluster(cluster, kubeconfig, base).map(Arc::new)
    });
    let clusters = clusters.collect::<Result<Vec<_>, _>>()?;
    keep_apart(&listed.value, &clusters)?;
    Ok(clusters)
}

/// Makes sure that no cluster is listed twice, under one name or under two.
fn keep_apart(typed: &[TypedCluster], clusters: &[Arc<Cluster>]) -> Result<(), Wrong> {
    let mut names = BTreeMap::new();
    let mut ways = BTreeMap::new();
    for (typed, cluster) in typed.iter().zip(clusters) {
        let name = &cluster.name;
        if let Some(first) = names.insert(name, typed.name.referenced.line()) {
            let reason = format!(
                "there is a cluster {name:?} already, in line {first}; give each a name of its own"
            );
            return Err(at(&typed.name, reason));
        }
        let way = (&cluster.kubeconfig, &cluster.context);
        if let Some(other) = ways.insert(way, name) {
            let reason = format!("this is the context of cluster {other:?} too; give each its own");
            return Err(at(typed.context.as_ref().unwrap_or(&typed.name), reason));
        }
    }
    Ok(())
}

/// Kubeconfigs that were read already: hundreds of clusters may share one.
#[derive(Default)]
struct Lookup {
    environment: Option<Kubeconfigs>,
    known: BTreeMap<Kubeconfigs, Contexts>,
}

impl Lookup {
    fn cluster(
        &mut self,
        typed: &TypedCluster,
        kubeconfig: Option<&Spanned<Files>>,
        base: &Path,
    ) -> Result<Cluster, Wrong> {
        let name = &typed.name;
        if name.value.trim().is_empty() {
            return Err(at(name, "a cluster without a name; give it one of its own"));
        }
        let files = self.files(kubeconfig, base, name)?;
        let unreadable = |error: FleetError| match kubeconfig {
            Some(kubeconfig) => at(kubeconfig, error.to_string()),
            None => at(name, error.to_string()),
        };
        let known = self.contexts(&files).map_err(unreadable)?;
        let context = typed.context.as_ref().unwrap_or(name);
        let unknown = |error: FleetError| at(context, error.to_string());
        known.check(&context.value).map_err(unknown)?;
        Ok(Cluster {
            name: name.value.clone(),
            kubeconfig: files.files().to_vec(),
            context: context.value.clone(),
            labels: labels(&typed.labels)?,
            cluster_id: cluster_id(typed.cluster_id.as_ref())?,
        })
    }

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

fn cluster_id(typed: Option<&Spanned<String>>) -> Result<Option<ClusterId>, Wrong> {
    let Some(typed) = typed else {
        return Ok(None);
    };
    match ClusterId::new(&typed.value) {
        Some(id) => Ok(Some(id)),
        None => Err(at(
            typed,
            "clusterID is empty; leave it out, or give what `oc get clusterversion version -o jsonpath={.spec.clusterID}` says",
        )),
    }
}

/// The waves in order, a last one for clusters that stand in none, and what to warn about.
fn waves(
    typed: &[Spanned<TypedWave>],
    clusters: &[Arc<Cluster>],
    base: &Path,
) -> Result<(Vec<Wave>, Vec<String>), Wrong> {
    let mut waves = Vec::new();
    let mut warnings = Vec::new();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, wave) in (1..).zip(typed) {
        let members = members(wave, clusters)?;
        for (cluster, place) in &members {
            let name = cluster.name.as_str();
            if let Some(other) = taken.insert(name, number) {
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
        let members = members.into_iter();
        waves.push(Wave {
            number,
            clusters: members.map(|(cluster, _)| Arc::clone(cluster)).collect(),
            max_concurrent: at_once(wave.value.max_concurrent.as_ref())?,
            max_failures: wave.value.max_failures,
            wait: wave.value.wait.as_ref().map(|wait| wait.0),
            health_timeout: health_timeout(&wave.value)?,
            pause: wave.value.pause.as_ref().map(|pause| pause.0),
            gates: gates(&wave.value, base)?,
        });
    }
    let rest = clusters.iter();
    let rest = rest.filter(|cluster| !taken.contains_key(cluster.name.as_str()));
    let rest: Vec<_> = rest.cloned().collect();
    if !rest.is_empty() {
        waves.push(Wave::of(waves.len() + 1, rest));
    }
    Ok((waves, warnings))
}

/// What a wave asks of its clusters, with the hooks that are in files.
fn gates(wave: &TypedWave, base: &Path) -> Result<Arc<Gates>, Wrong> {
    let wrong = |(hook, reason): (&Spanned<TypedHook>, String)| at(hook, reason);
    let require = wave.require.as_ref();
    Ok(Arc::new(Gates {
        window: require.and_then(|require| require.window()),
        require: require.map_or_else(Vec::new, |require| require.requirements()),
        before: hooks(&wave.hooks.before, base).map_err(wrong)?,
        after: hooks(&wave.hooks.after, base).map_err(wrong)?,
    }))
}

/// The clusters of a wave, by name in the order of the wave or by label in the order of the file, each with the place that
/// says so.
fn members<'c>(
    wave: &Spanned<TypedWave>,
    clusters: &'c [Arc<Cluster>],
) -> Result<Vec<(&'c Arc<Cluster>, Place)>, Wrong> {
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
            let chosen = clusters.iter();
            let chosen = chosen.filter(|cluster| selector.value.matches(&cluster.labels));
            Ok(chosen.map(|cluster| (cluster, here)).collect())
        }
        (names, None) => {
            let find = |name: &Spanned<String>| {
                let found = clusters.iter().find(|cluster| cluster.name == name.value);
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

fn health_timeout(wave: &TypedWave) -> Result<Option<Duration>, Wrong> {
    match (&wave.health_timeout, &wave.wait) {
        (Some(time), Some(TypedWait(Wait::None | Wait::Applied))) => Err(at(
            time,
            "healthTimeout is for `wait: healthy`, and this wave waits for less; leave it out, or change `wait`",
        )),
        (time, _) => Ok(time.as_ref().map(|time| time.value.0)),
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
