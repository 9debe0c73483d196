/*! CLUSTERS.yaml as it is typed, key by key: strict, and with the place of everything that another part of it may contradict. */

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use jiff::SignedDuration;
use schema::json::Strict;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_saphyr::{MessageFormatter as _, Spanned, UserMessageFormatter, options};

use super::{
    error::{Place, closest, did_you_mean},
    hooks::TypedHooks,
    overlay::{Merge, Overlay, Patch, Target},
    require::TypedRequire,
    selector::Selector,
    wave::Pause,
};
use crate::{
    apply::manifests::select::{KindName, PathGlob},
    health::Wait,
};

/// Reads the text of the file.
pub(super) fn parse(text: &str) -> Result<Typed, Wrong> {
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
pub(super) struct Typed {
    pub(super) kubeconfig: Option<Spanned<Files>>,
    pub(super) clusters: Spanned<Vec<TypedCluster>>,
    #[serde(default)]
    pub(super) waves: Vec<Spanned<TypedWave>>,
    #[serde(default)]
    pub(super) overlays: Vec<TypedOverlay>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TypedCluster {
    pub(super) name: Spanned<String>,
    pub(super) context: Option<Spanned<String>>,
    pub(super) kubeconfig: Option<Spanned<Files>>,
    #[serde(rename = "clusterID")]
    pub(super) cluster_id: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TypedWave {
    #[serde(default)]
    pub(super) clusters: Vec<Spanned<String>>,
    pub(super) selector: Option<Spanned<Selector>>,
    pub(super) max_concurrent: Option<Spanned<usize>>,
    pub(super) max_failures: Option<usize>,
    pub(super) wait: Option<TypedWait>,
    pub(super) health_timeout: Option<Spanned<TypedTime>>,
    pub(super) pause: Option<TypedPause>,
    pub(super) require: Option<TypedRequire>,
    #[serde(default)]
    pub(super) hooks: TypedHooks,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TypedOverlay {
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    patch: Vec<TypedPatch>,
    #[serde(default)]
    exclude: Vec<Excluded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedPatch {
    #[serde(deserialize_with = "target")]
    target: Target,
    #[serde(deserialize_with = "merge")]
    merge: Merge,
}

fn merge<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Merge, D::Error> {
    let Strict(patch) = Strict::deserialize(deserializer)?;
    Merge::new(patch).map_err(D::Error::custom)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedTarget {
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
pub(super) struct TypedPause(pub(super) Pause);

impl<'de> Deserialize<'de> for TypedPause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "approval" {
            return Ok(Self(Pause::Approval));
        }
        time(&text)
            .map(|time| Self(Pause::For(time)))
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is no pause; expected a time such as 90s, 10m or 1h30m, or `approval`"
                ))
            })
    }
}

/// `none`, `applied` or `healthy`.
#[derive(Debug)]
pub(super) struct TypedWait(pub(super) Wait);

impl<'de> Deserialize<'de> for TypedWait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A duration.
#[derive(Debug)]
pub(super) struct TypedTime(pub(super) Duration);

impl<'de> Deserialize<'de> for TypedTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = time(&text).filter(|time| !time.is_zero());
        time.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no time; expected one such as 90s, 10m or 1h30m"
            ))
        })
    }
}

fn time(text: &str) -> Option<Duration> {
    let time = text.parse::<SignedDuration>().ok()?;
    Duration::try_from(time).ok()
}

/// A path or a list of paths.
#[derive(Debug)]
pub(super) struct Files(pub(super) Vec<PathBuf>);

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

/// What is wrong, and where.
pub(super) struct Wrong(pub(super) Place, pub(super) String);

pub(super) fn at<T>(spanned: &Spanned<T>, reason: impl Into<String>) -> Wrong {
    let place = spanned.referenced;
    Wrong(Place(Some((place.line(), place.column()))), reason.into())
}
