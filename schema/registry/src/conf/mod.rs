/*!
`registries.conf` of the container tools (containers-registries.conf(5), version 2): where a registry really is, which mirrors it has,
which registries are insecure or blocked, and what short names mean.

Sources are pulled as skopeo pulls them: from the mirrors in their order, then from the location. Targets are as for `skopeo copy`:
blocked and insecure count, mirrors and locations do not. Short names become full ones before anything is asked.
*/

mod file;
mod search;
mod short_names;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use file::Entry;
use schema::{Reference, Repository};

use crate::Error;

/// All files together. Where there are none, every registry is as it is named.
#[derive(Debug, Clone, Default)]
pub struct RegistriesConf {
    entries: BTreeMap<String, Entry>,
    aliases: BTreeMap<String, Alias>,
    search: Option<(Vec<String>, PathBuf)>,
}

/// What a short name stands for, and the file that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alias {
    target: String,
    file: PathBuf,
}

/// A place from which an image can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `HOST[:PORT]`.
    pub host: String,
    /// The repository there.
    pub repository: Repository,
    /// Whether any certificate is accepted, and plain HTTP where there is no TLS.
    pub insecure: bool,
}

impl RegistriesConf {
    /// Reads the given file and no other, or those of this user and this machine.
    pub fn read(given: Option<&Path>) -> Result<Self, Error> {
        let variable = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        match given
            .map(Path::to_owned)
            .or_else(|| variable("CONTAINERS_REGISTRIES_CONF"))
        {
            Some(file) => Self::of([search::required(file)?]),
            None => Self::of(search::found(variable)?),
        }
    }

    /// Later files replace what earlier ones set: the same prefix, the same alias, the search.
    fn of(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<Self, Error> {
        let mut whole = Self::default();
        for (path, text) in files {
            let file = file::parse(&path, &text)?;
            let entries = file.entries.into_iter();
            whole
                .entries
                .extend(entries.map(|entry| (entry.prefix.clone(), entry)));
            for (name, target) in file.aliases {
                let file = path.clone();
                whole.aliases.insert(name, Alias { target, file });
            }
            if let Some(search) = file.search {
                whole.search = Some((search, path));
            }
        }
        Ok(whole)
    }

    /// From where to pull: mirrors in their order, then the registry itself. Never empty.
    pub fn sources(&self, reference: &Reference) -> Result<Vec<Endpoint>, Error> {
        let name = format!("{}/{}", reference.host, reference.repository);
        let Some((entry, length)) = self.entry(&name) else {
            return Ok(vec![Endpoint {
                host: reference.host.clone(),
                repository: reference.repository.clone(),
                insecure: false,
            }]);
        };
        entry.refuse_if_blocked(&name)?;
        let rest = name.get(length..).unwrap_or_default();
        let mut endpoints = Vec::new();
        for mirror in entry.mirrors_for(reference.digest.is_some()) {
            let endpoint = entry.endpoint(&mirror.location, rest, mirror.insecure)?;
            let there = format!("{}/{}", endpoint.host, endpoint.repository);
            if self.entry(&there).is_none_or(|(entry, _)| !entry.blocked) {
                endpoints.push(endpoint);
            }
        }
        endpoints.push(match entry.location.as_str() {
            "" => Endpoint {
                host: reference.host.clone(),
                repository: reference.repository.clone(),
                insecure: entry.insecure,
            },
            location => entry.endpoint(location, rest, entry.insecure)?,
        });
        Ok(endpoints)
    }

    /// Whether a repository to push to is insecure; an error if it is blocked.
    pub fn target(&self, host: &str, repository: &Repository) -> Result<bool, Error> {
        let name = format!("{host}/{repository}");
        let Some((entry, _)) = self.entry(&name) else {
            return Ok(false);
        };
        entry.refuse_if_blocked(&name)?;
        Ok(entry.insecure)
    }

    /// The entry with the longest prefix of `HOST/REPOSITORY`, and how much of that it covers.
    fn entry(&self, name: &str) -> Option<(&Entry, usize)> {
        let matching = self
            .entries
            .values()
            .filter_map(|entry| Some((entry, entry.covers(name)?)));
        matching.max_by_key(|(entry, _)| entry.prefix.len())
    }
}
