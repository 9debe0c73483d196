/*! Targets as they are typed: what stands behind `--to`, `--map` and `--to-release-image`. */

use schema::Repository;

use super::{ReleaseImage, Target};
use crate::Error;

impl Target {
    /// Reads `[docker://]HOST[:PORT][/PREFIX]`: repositories keep their names there, below the prefix.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let to = typed
            .strip_prefix("docker://")
            .unwrap_or(typed)
            .trim_end_matches('/');
        let (host, prefix) = match to.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (to, None),
        };
        let usage = |reason: String| Error::Usage(format!("--to {typed}: {reason}"));
        if to.contains("://") {
            return Err(usage(
                "leave out the scheme; HTTPS is meant, and HTTP with --plain-http".to_owned(),
            ));
        }
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(usage("expected REGISTRY[:PORT][/PREFIX]".to_owned()));
        }
        let prefix = prefix
            .map(str::parse)
            .transpose()
            .map_err(|error| usage(format!("{error}")))?;
        Ok(Self {
            host: host.to_owned(),
            prefix,
            map: Vec::new(),
            max_nested_paths: None,
            release_image: None,
        })
    }

    /// The same with other names for some repositories, given as (from, to); the longest `from` wins.
    pub fn with_map(mut self, mut map: Vec<(Repository, Repository)>) -> Self {
        map.sort_by_key(|(from, _)| std::cmp::Reverse(from.as_str().len()));
        self.map = map;
        self
    }
}

/// Reads `FROM=TO`, a pair for [`Target::with_map`].
pub fn repository_map(text: &str) -> Result<(Repository, Repository), Error> {
    let usage = |reason: String| Error::Usage(format!("--map {text}: {reason}; expected FROM=TO"));
    let (from, to) = text
        .split_once('=')
        .ok_or_else(|| usage("there is no '='".to_owned()))?;
    Ok((
        from.parse().map_err(|error| usage(format!("{error}")))?,
        to.parse().map_err(|error| usage(format!("{error}")))?,
    ))
}

impl ReleaseImage {
    /// Reads `[docker://]REGISTRY/REPOSITORY[:TAG]`, at the registry of `--to`: the copy is made inside it.
    pub fn parse(text: &str, registry: &str) -> Result<Self, Error> {
        let usage = |reason: String| Error::Usage(format!("--to-release-image {text}: {reason}"));
        let expected = || usage(format!("expected {registry}/REPOSITORY[:TAG]"));
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        let (host, rest) = bare.split_once('/').ok_or_else(expected)?;
        if host != registry {
            return Err(usage(format!(
                "expected a repository at {registry}, where --to brings everything else, found {host}"
            )));
        }
        if rest.contains('@') {
            return Err(expected());
        }
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let invalid = |error| usage(format!("{error}"));
        Ok(Self {
            repository: repository.parse().map_err(invalid)?,
            tag: tag.map(str::parse).transpose().map_err(invalid)?,
        })
    }
}
