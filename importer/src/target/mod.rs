/*!
Where things go at the target: one registry, a prefix, and the names that repositories of the bundle get there.

Whatever names a repository at the target goes through [`Target::map_repository`], so that pushed images, mirror configuration and
printed commands cannot disagree.
*/

#[cfg(test)]
mod tests;
mod typed;

use std::collections::BTreeSet;

use schema::{
    Repository, Tag,
    bundle::{Index, Release},
};

pub use typed::repository_map;

use crate::Error;

/// Where release images go alone, below the prefix: an update service that scraped a repository full of component tags
/// would run out of memory.
const RELEASE_IMAGES: &str = "openshift/release-images";

/// Where images go.
#[derive(Debug, Clone)]
pub struct Target {
    /// `HOST[:PORT]`.
    pub host: String,
    /// Goes before every repository.
    pub prefix: Option<Repository>,
    /// `--map`, longest source first.
    pub map: Vec<(Repository, Repository)>,
    /// Path components a repository may have at most.
    pub max_nested_paths: Option<usize>,
    /// `--to-release-image`.
    pub release_image: Option<ReleaseImage>,
}

/// Where release images go alone, if not where they usually go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseImage {
    /// At the target, whole: neither mapped nor prefixed.
    pub repository: Repository,
    /// The tag; none for that of the release.
    pub tag: Option<Tag>,
}

impl Target {
    /// The repository at the target for one of the bundle: mapped, prefixed, flattened.
    pub fn map_repository(&self, repository: &Repository) -> Result<Repository, Error> {
        let usage = |error| {
            Error::Usage(format!(
                "repository {repository} has no valid name at {}: {error}",
                self.host
            ))
        };
        let mapped = match self
            .map
            .iter()
            .find_map(|(from, to)| Some((to, below(repository, from)?)))
        {
            Some((to, "")) => to.clone(),
            Some((to, rest)) => format!("{to}/{rest}").parse().map_err(usage)?,
            None => repository.clone(),
        };
        let full = mapped.under(self.prefix.as_ref()).map_err(usage)?;
        let Some(limit) = self.max_nested_paths else {
            return Ok(full);
        };
        let parts: Vec<&str> = full.components().collect();
        if parts.len() <= limit {
            return Ok(full);
        }
        let (kept, joined) = parts.split_at(limit - 1);
        let last = joined.join("-");
        kept.iter()
            .copied()
            .chain([last.as_str()])
            .collect::<Vec<_>>()
            .join("/")
            .parse()
            .map_err(usage)
    }

    /// `HOST[:PORT]/REPOSITORY`, as clusters and people write it.
    pub fn named(&self, repository: &Repository) -> String {
        format!("{}/{repository}", self.host)
    }

    /// The repository that release images are published in alone.
    pub fn release_images(&self) -> Result<Repository, Error> {
        if let Some(chosen) = &self.release_image {
            return Ok(chosen.repository.clone());
        }
        let repository = RELEASE_IMAGES
            .parse()
            .map_err(|error| Error::Usage(format!("{error}")))?;
        self.map_repository(&repository)
    }

    /// The tag a release gets there.
    pub fn release_tag(&self, release: &Release, index: &Index) -> Result<Tag, Error> {
        let chosen = self.release_image.as_ref();
        let Some(tag) = chosen.and_then(|chosen| chosen.tag.as_ref()) else {
            return Ok(release.tag.clone());
        };
        let digests: BTreeSet<_> = index.releases.iter().map(|other| other.digest).collect();
        if digests.len() > 1 {
            return Err(Error::Usage(format!(
                "--to-release-image names the tag {tag}, and the bundle holds {} releases; leave the tag out, and each gets its own",
                digests.len()
            )));
        }
        Ok(tag.clone())
    }
}

/// What comes after `from/` in `repository`; empty if they are the same.
fn below<'r>(repository: &'r Repository, from: &Repository) -> Option<&'r str> {
    let rest = repository.as_str().strip_prefix(from.as_str())?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}
