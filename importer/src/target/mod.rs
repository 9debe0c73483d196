/*!
Where things go at the target: one registry, a prefix, and the names that repositories of the bundle get there.

Whatever names a repository at the target goes through [`Target::place`], so that pushed images, mirror configuration and
printed commands cannot disagree.
*/

use std::collections::BTreeSet;

use schema::{
    Repository, Tag,
    bundle::{Index, Release},
};

use crate::{
    Error,
    args::{NameArgs, TargetArgs},
};

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
    /// Refuse to move tags.
    pub keep_tags: bool,
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
    /// Reads the flags.
    pub fn from_args(args: &TargetArgs) -> Result<Self, Error> {
        Ok(Self {
            keep_tags: args.keep_tags,
            ..Self::named_by(&args.to, &args.names)?
        })
    }

    /// Reads `--to` and what goes with it, for images that are there already.
    pub fn named_by(typed: &str, names: &NameArgs) -> Result<Self, Error> {
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
        let mut map = names
            .map
            .iter()
            .map(|text| parse_map(text))
            .collect::<Result<Vec<_>, _>>()?;
        map.sort_by_key(|(from, _)| std::cmp::Reverse(from.as_str().len()));
        let release_image = names
            .to_release_image
            .as_deref()
            .map(|text| parse_release_image(text, host))
            .transpose()?;
        Ok(Self {
            host: host.to_owned(),
            prefix,
            map,
            release_image,
            max_nested_paths: names.max_nested_paths.map(usize::from),
            keep_tags: false,
        })
    }

    /// The repository at the target for one of the bundle: mapped, prefixed, flattened.
    pub fn place(&self, repository: &Repository) -> Result<Repository, Error> {
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
        self.place(&repository)
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

fn parse_map(text: &str) -> Result<(Repository, Repository), Error> {
    let usage = |reason: String| Error::Usage(format!("--map {text}: {reason}; expected FROM=TO"));
    let (from, to) = text
        .split_once('=')
        .ok_or_else(|| usage("there is no '='".to_owned()))?;
    Ok((
        from.parse().map_err(|error| usage(format!("{error}")))?,
        to.parse().map_err(|error| usage(format!("{error}")))?,
    ))
}

/// `[docker://]REGISTRY/REPOSITORY[:TAG]`, at the registry of `--to`: the copy is made inside it.
fn parse_release_image(text: &str, registry: &str) -> Result<ReleaseImage, Error> {
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
    let named = |error| usage(format!("{error}"));
    Ok(ReleaseImage {
        repository: repository.parse().map_err(named)?,
        tag: tag.map(str::parse).transpose().map_err(named)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(
        map: &[(&str, &str)],
        prefix: Option<&str>,
        nested: Option<usize>,
    ) -> Result<Target, Box<dyn std::error::Error>> {
        let map = map
            .iter()
            .map(|(from, to)| Ok((from.parse()?, to.parse()?)))
            .collect::<Result<_, schema::name::NameError>>()?;
        let prefix = prefix.map(str::parse).transpose()?;
        Ok(Target {
            host: "registry:5000".to_owned(),
            prefix,
            map,
            max_nested_paths: nested,
            keep_tags: false,
            release_image: None,
        })
    }

    #[test]
    fn repositories_are_mapped_then_prefixed_then_flattened()
    -> Result<(), Box<dyn std::error::Error>> {
        let placed = |target: &Target, text: &str| -> Result<String, Box<dyn std::error::Error>> {
            Ok(target.place(&text.parse()?)?.to_string())
        };
        let plain = target(&[], Some("mirror/ocp"), None)?;
        assert_eq!(
            placed(&plain, "openshift/release")?,
            "mirror/ocp/openshift/release"
        );
        let mapped = target(
            &[("openshift/release", "r"), ("openshift", "o")],
            None,
            None,
        )?;
        assert_eq!(placed(&mapped, "openshift/release")?, "r");
        assert_eq!(placed(&mapped, "openshift/other")?, "o/other");
        assert_eq!(placed(&mapped, "openshift-x/other")?, "openshift-x/other");
        let flat = target(&[], Some("p"), Some(2))?;
        assert_eq!(placed(&flat, "a/b/c")?, "p/a-b-c");
        assert_eq!(placed(&flat, "a")?, "p/a");
        Ok(())
    }

    #[test]
    fn a_place_for_release_images_is_at_the_same_registry_and_may_have_a_tag()
    -> Result<(), Box<dyn std::error::Error>> {
        let place = parse_release_image("docker://registry:5000/a/b:v1", "registry:5000")?;
        assert_eq!(place.repository.as_str(), "a/b");
        assert_eq!(place.tag.as_ref().map(Tag::as_str), Some("v1"));
        assert_eq!(
            parse_release_image("registry:5000/a", "registry:5000")?.tag,
            None
        );
        let digest = schema::Digest::of(b"");
        for (wrong, said) in [
            ("other:5000/a", "expected a repository at registry:5000"),
            ("registry:5000", "expected registry:5000/REPOSITORY[:TAG]"),
            (
                &format!("registry:5000/a@{digest}"),
                "expected registry:5000/REPOSITORY[:TAG]",
            ),
            ("registry:5000/A", "is not a repository name"),
            ("registry:5000/a:", "is not a tag"),
        ] {
            let told = parse_release_image(wrong, "registry:5000");
            let told = told.map_or_else(|error| error.to_string(), |place| format!("{place:?}"));
            assert!(told.contains(said), "{wrong}: {told}");
        }
        let mut target = target(&[("openshift", "o")], Some("p"), None)?;
        assert_eq!(target.release_images()?.as_str(), "p/o/release-images");
        target.release_image = Some(place);
        assert_eq!(target.release_images()?.as_str(), "a/b");
        Ok(())
    }
}
