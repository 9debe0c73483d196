/*! One file of `registries.conf`, read and checked. An error names the file and the line. */

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};

use super::Endpoint;
use crate::{Error, error::clean};

/// What one file sets.
#[derive(Debug)]
pub(crate) struct File {
    pub entries: Vec<Entry>,
    pub aliases: BTreeMap<String, String>,
    pub search: Option<Vec<String>>,
}

/// The settings of all names below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `HOST[:PORT][/PATH]`, or `*.DOMAIN`.
    pub prefix: String,
    /// What takes the prefix's place; empty where nothing does.
    pub location: String,
    pub insecure: bool,
    pub blocked: bool,
    mirrors: Vec<Mirror>,
    file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub location: String,
    pub insecure: bool,
    pulls: Pulls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pulls {
    All,
    Digests,
    Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Toml {
    unqualified_search_registries: Option<Vec<String>>,
    registry: Option<Vec<TomlRegistry>>,
    aliases: Option<BTreeMap<String, String>>,
    /// `[registries.search]` and the like: version 1.
    registries: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TomlRegistry {
    prefix: Option<String>,
    location: Option<String>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<TomlMirror>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TomlMirror {
    location: Option<String>,
    #[serde(default)]
    insecure: bool,
    pull_from_mirror: Option<String>,
}

/// Reads a file's text; `path` is what errors call it.
pub(crate) fn parse(path: &Path, text: &str) -> Result<File, Error> {
    let wrong = |what: &str| {
        let shown = path.display();
        Error::Config(format!(
            "{shown}: {what}; mend it, or name another file with --registries-conf"
        ))
    };
    let toml: Toml = toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let place = line
            .map(|line| format!(" at line {line}"))
            .unwrap_or_default();
        wrong(&format!(
            "not a registries.conf (version 2){place}: {}",
            clean(error.message())
        ))
    })?;
    if toml.registries.is_some() {
        return Err(wrong(
            "it is in the format of version 1 ([registries.search] and the like), which container tools no longer read; expected [[registry]] tables",
        ));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for registry in toml.registry.unwrap_or_default() {
        let entry = registry.checked(path).map_err(|what| wrong(&what))?;
        let same = entries.iter().find(|other| other.prefix == entry.prefix);
        if same.is_some_and(|other| *other != entry) {
            return Err(wrong(&format!(
                "{:?} has two [[registry]] tables that differ",
                entry.prefix
            )));
        }
        entries.push(entry);
    }
    Ok(File {
        entries,
        aliases: toml.aliases.unwrap_or_default(),
        search: toml.unqualified_search_registries,
    })
}

impl TomlRegistry {
    fn checked(self, path: &Path) -> Result<Entry, String> {
        let location = place(self.location.as_deref().unwrap_or_default())?;
        let prefix = match self.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => place(prefix)?,
            None => location.clone(),
        };
        if prefix.is_empty() {
            return Err("a [[registry]] table has neither prefix nor location".to_owned());
        }
        let wild = prefix.strip_prefix("*.");
        if wild.is_some_and(|domain| domain.is_empty() || domain.contains(['/', ':', '*']))
            || (wild.is_none() && prefix.contains('*'))
        {
            return Err(format!(
                "the prefix {prefix:?} is neither HOST[:PORT][/PATH] nor *.DOMAIN"
            ));
        }
        if location.is_empty() && wild.is_none() {
            return Err(format!(
                "the [[registry]] table of {prefix:?} has no location"
            ));
        }
        let mut mirrors = Vec::new();
        for mirror in self.mirror {
            mirrors.push(mirror.checked(&prefix, self.mirror_by_digest_only)?);
        }
        Ok(Entry {
            prefix,
            location,
            insecure: self.insecure,
            blocked: self.blocked,
            mirrors,
            file: path.to_owned(),
        })
    }
}

impl TomlMirror {
    fn checked(self, prefix: &str, digests_only: bool) -> Result<Mirror, String> {
        let location = place(self.location.as_deref().unwrap_or_default())?;
        if location.is_empty() {
            return Err(format!("a mirror of {prefix:?} has no location"));
        }
        let pulls = match (self.pull_from_mirror.as_deref(), digests_only) {
            (None | Some(""), true) => Pulls::Digests,
            (None | Some("" | "all"), false) => Pulls::All,
            (Some("digest-only"), false) => Pulls::Digests,
            (Some("tag-only"), false) => Pulls::Tags,
            (Some(_), true) => {
                return Err(format!(
                    "{prefix:?} has mirror-by-digest-only, which excludes pull-from-mirror"
                ));
            }
            (Some(other), false) => {
                return Err(format!(
                    "pull-from-mirror = {other:?} is none of all, digest-only and tag-only"
                ));
            }
        };
        Ok(Mirror {
            location,
            insecure: self.insecure,
            pulls,
        })
    }
}

fn place(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err(format!(
            "{text:?} must not have a scheme; insecure = true is the way to plain HTTP"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

impl Entry {
    /// How much of `HOST/REPOSITORY` the prefix covers, if it does. A host covers only itself, not its other ports.
    pub(crate) fn covers(&self, name: &str) -> Option<usize> {
        if let Some(domain) = self.prefix.strip_prefix('*') {
            let host = name.split('/').next()?;
            let bare = host.split(':').next()?;
            return (bare.len() > domain.len() && bare.ends_with(domain)).then_some(host.len());
        }
        let rest = name.strip_prefix(&self.prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(self.prefix.len())
    }

    pub(crate) fn refuse_if_blocked(&self, name: &str) -> Result<(), Error> {
        if !self.blocked {
            return Ok(());
        }
        let (prefix, file) = (&self.prefix, self.file.display());
        Err(Error::Config(format!(
            "{name}: {file} says that {prefix} is blocked; take that out, or name another file with --registries-conf"
        )))
    }

    /// The mirrors that serve references of that kind.
    pub(crate) fn mirrors_for(&self, digest: bool) -> impl Iterator<Item = &Mirror> {
        self.mirrors
            .iter()
            .filter(move |mirror| match mirror.pulls {
                Pulls::All => true,
                Pulls::Digests => digest,
                Pulls::Tags => !digest,
            })
    }

    /// `location` with what followed the prefix.
    pub(crate) fn endpoint(
        &self,
        location: &str,
        rest: &str,
        insecure: bool,
    ) -> Result<Endpoint, Error> {
        let whole = format!("{location}{rest}");
        let parts = whole
            .split_once('/')
            .and_then(|(host, path)| Some((host, path.parse().ok()?)));
        let Some((host, repository)) = parts else {
            let file = self.file.display();
            return Err(Error::Config(format!(
                "{file}: {location:?} leads to {whole:?}, which is no repository"
            )));
        };
        Ok(Endpoint {
            host: host.to_owned(),
            repository,
            insecure,
        })
    }
}
