/*!
CLUSTERS.yaml: which clusters there are, in which order they come, and what differs.

It is the one file that reaches every cluster, so it is read strictly, every mistake has a line and a column, and all
kubeconfigs and contexts are looked up before the first cluster is asked anything.
*/

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use schema::objects::Kubernetes;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_saphyr::{MessageFormatter as _, Spanned, UserMessageFormatter, options};

use super::{
    Fleet, FleetError, Selector,
    contexts::{Contexts, Kubeconfigs, bounded},
    error::{Place, closest, did_you_mean},
    selector::{checked_key, checked_value},
};
use crate::apply::{
    cluster::Cluster,
    overlay::{Merge, Overlay, Overlays, Patch, Target},
    select::{KindName, PathGlob},
    waves::{Pause, Wave},
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

/// What is wrong, and where.
struct Wrong(Place, String);

fn at<T>(spanned: &Spanned<T>, reason: impl Into<String>) -> Wrong {
    let place = spanned.referenced;
    Wrong(Place(Some((place.line(), place.column()))), reason.into())
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

fn parse(text: &str) -> Result<Typed, Wrong> {
    let settings = options! { with_snippet: false, legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(text, settings).map_err(|error: serde_saphyr::Error| {
        let place = error.location().filter(|place| place.line() > 0);
        let place = place.map(|place| (place.line(), place.column()));
        let reason = UserMessageFormatter.format_message(error.without_snippet());
        Wrong(Place(place), plainly(&reason))
    })
}

/// The parser's words in ours, with the key that was meant where one is unknown.
fn plainly(reason: &str) -> String {
    let reason = reason.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let unknown = reason.strip_prefix("unknown field `");
    if let Some((key, known)) = unknown.and_then(|rest| rest.split_once("`, expected ")) {
        if ["apiVersion", "kind"].contains(&key) {
            return "a Kubernetes object, not a list of clusters; expected kubeconfig, clusters, waves and overlays".to_owned();
        }
        let known = known.trim_start_matches("one of ").replace('`', "");
        let hint = did_you_mean(&closest(key, known.split(", ")));
        return format!("unknown key {key:?}{hint}; expected {known}");
    }
    match reason.as_str() {
        "expected mapping start" => "expected a mapping, as in `name: canary`".to_owned(),
        number if number.starts_with("invalid u") => {
            "expected a whole number, not below 0".to_owned()
        }
        other => other.to_owned(),
    }
}

/// The file, key by key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Typed {
    kubeconfig: Option<Spanned<Files>>,
    clusters: Spanned<Vec<TypedCluster>>,
    #[serde(default)]
    waves: Vec<Spanned<TypedWave>>,
    #[serde(default)]
    overlays: Vec<TypedOverlay>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypedCluster {
    name: Spanned<String>,
    context: Option<Spanned<String>>,
    kubeconfig: Option<Spanned<Files>>,
    #[serde(rename = "clusterID")]
    cluster_id: Option<Spanned<String>>,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypedWave {
    #[serde(default)]
    clusters: Vec<Spanned<String>>,
    selector: Option<Spanned<Selector>>,
    max_concurrent: Option<Spanned<usize>>,
    max_failures: Option<usize>,
    pause: Option<TypedPause>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypedOverlay {
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    patch: Vec<TypedPatch>,
    #[serde(default)]
    exclude: Vec<Excluded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedPatch {
    #[serde(deserialize_with = "target")]
    target: Target,
    #[serde(deserialize_with = "merge")]
    merge: Merge,
}

fn merge<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Merge, D::Error> {
    let Kubernetes(patch) = Kubernetes::deserialize(deserializer)?;
    Merge::new(patch).map_err(D::Error::custom)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedTarget {
    path: Option<Glob>,
    kind: Option<Kind>,
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Debug)]
struct Glob(PathGlob);

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let glob = String::deserialize(deserializer)?;
        PathGlob::parse(&glob).map(Self).map_err(D::Error::custom)
    }
}

#[derive(Debug)]
struct Kind(KindName);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = String::deserialize(deserializer)?;
        KindName::parse(&kind).map(Self).map_err(D::Error::custom)
    }
}

/// What is excluded, which may not be everything.
#[derive(Debug, Deserialize)]
struct Excluded(#[serde(deserialize_with = "target")] Target);

fn target<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
    let typed = TypedTarget::deserialize(deserializer)?;
    let target = Target {
        path: typed.path.map(|Glob(path)| path),
        kind: typed.kind.map(|Kind(kind)| kind),
        namespace: typed.namespace,
        name: typed.name,
    };
    if target.is_everything() {
        let reason = "expected path, kind, namespace or name, since this would be every object";
        return Err(D::Error::custom(reason));
    }
    Ok(target)
}

impl From<TypedOverlay> for Overlay {
    fn from(typed: TypedOverlay) -> Self {
        let patches = typed.patch.into_iter().map(|patch| Patch {
            target: patch.target,
            merge: patch.merge,
        });
        Self {
            selector: typed.selector,
            patches: patches.collect(),
            excludes: typed
                .exclude
                .into_iter()
                .map(|excluded| excluded.0)
                .collect(),
        }
    }
}

/// A duration, or `approval`.
#[derive(Debug)]
struct TypedPause(Pause);

impl<'de> Deserialize<'de> for TypedPause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "approval" {
            return Ok(Self(Pause::Approval));
        }
        let time = text.parse::<SignedDuration>().ok();
        let time = time.and_then(|time| Duration::try_from(time).ok());
        time.map(|time| Self(Pause::For(time))).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no pause; expected a time such as 90s, 10m or 1h30m, or `approval`"
            ))
        })
    }
}

/// A path or a list of paths.
#[derive(Debug)]
struct Files(Vec<PathBuf>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kubeconfig or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Files, E> {
                Ok(Files(vec![text.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = items.next_element()? {
                    files.push(file);
                }
                Ok(Files(files))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
