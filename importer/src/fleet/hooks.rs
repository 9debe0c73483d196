/*!
`hooks` of a wave: Jobs in files beside CLUSTERS.yaml, or written in it.

They are the site's own, and trusted as CLUSTERS.yaml is. All are read before the first cluster is asked anything.
*/

use std::path::{Path, PathBuf};

use schema::json::Strict;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::contexts::bounded;
use crate::gates::Hook;

/// The path of a manifest, or the manifest.
#[derive(Debug)]
pub(super) enum TypedHook {
    File(PathBuf),
    Inline(Value),
}

impl<'de> Deserialize<'de> for TypedHook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Strict::deserialize(deserializer)?.0 {
            Value::String(path) if !path.is_empty() => Ok(Self::File(path.into())),
            job @ Value::Object(_) => Ok(Self::Inline(job)),
            _ => Err(D::Error::custom(
                "expected a Job, or the path of its manifest",
            )),
        }
    }
}

/// The keys of `hooks`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedHooks {
    #[serde(default)]
    pub(super) before: Vec<Spanned<TypedHook>>,
    #[serde(default)]
    pub(super) after: Vec<Spanned<TypedHook>>,
}

/// Reads the files that are named, relative to `base`; the error says which hook is wrong.
pub(super) fn hooks<'t>(
    typed: &'t [Spanned<TypedHook>],
    base: &Path,
) -> Result<Vec<Hook>, (&'t Spanned<TypedHook>, String)> {
    let hooks = typed.iter().map(|hook| {
        let job = match &hook.value {
            TypedHook::File(path) => {
                let path = base.join(path);
                let job = of_file(&path);
                job.map_err(|reason| format!("{}: {reason}", path.display()))
            }
            TypedHook::Inline(job) => Hook::new(job.clone()),
        };
        job.map_err(|reason| (hook, reason))
    });
    hooks.collect()
}

/// The one Job of a file.
fn of_file(path: &Path) -> Result<Hook, String> {
    let text = bounded(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let objects = manifests::read(text.as_bytes()).map_err(|error| error.to_string())?;
    match &objects[..] {
        [job] => Hook::new(job.value.clone()),
        several => Err(format!("expected one Job, found {} objects", several.len())),
    }
}
