/*!
What a push will do, as a value: where each repository goes, which blobs and manifests it needs, which tags are set.

Pure: the signed index and the operator's wishes in, steps out.
*/

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schema::{
    Digest, MediaType, Repository, Tag,
    bundle::{self, BundlePath, Index, Kind},
    manifest::Blob,
};

use crate::{Error, args::PushArgs};

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
}

impl Target {
    /// Reads `--to`, `--map`, `--max-nested-paths` and `--keep-tags`.
    pub fn from_args(args: &PushArgs) -> Result<Self, Error> {
        let to = args
            .to
            .strip_prefix("docker://")
            .unwrap_or(&args.to)
            .trim_end_matches('/');
        let (host, prefix) = match to.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (to, None),
        };
        let usage = |reason: String| Error::Usage(format!("--to {}: {reason}", args.to));
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
        let mut map = args
            .map
            .iter()
            .map(|text| parse_map(text))
            .collect::<Result<Vec<_>, _>>()?;
        map.sort_by_key(|(from, _)| std::cmp::Reverse(from.as_str().len()));
        Ok(Self {
            host: host.to_owned(),
            prefix,
            map,
            max_nested_paths: args.max_nested_paths.map(usize::from),
            keep_tags: args.keep_tags,
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

/// Everything a push does, in the order it is done.
#[derive(Debug)]
pub struct Plan {
    /// Layers, configs and other blobs.
    pub blobs: Vec<BlobStep>,
    /// Manifests, children before what lists them.
    pub manifests: Vec<ManifestStep>,
    /// Tags.
    pub tags: Vec<TagStep>,
    /// Every digest that is in the bundle, or that a delta says is at the target.
    pub known: HashSet<Digest>,
}

/// A blob, and the repositories that need it.
#[derive(Debug, Clone)]
pub struct BlobStep {
    /// Position of its bytes in the index.
    pub position: usize,
    /// Digest and size.
    pub blob: Blob,
    /// At the target, sorted.
    pub repositories: Vec<Repository>,
}

/// A manifest, and the repositories that need it.
#[derive(Debug, Clone)]
pub struct ManifestStep {
    /// Position of its bytes in the index.
    pub position: usize,
    /// Its digest.
    pub digest: Digest,
    /// Its type, from the index.
    pub media_type: MediaType,
    /// At the target, sorted.
    pub repositories: Vec<Repository>,
}

/// A tag to be set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagStep {
    /// At the target.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What it will point to.
    pub digest: Digest,
    /// Whether the image had none and this one keeps it from being collected.
    pub added: bool,
}

impl Plan {
    /// Decides everything that the index and the target decide.
    pub fn new(index: &Index, target: &Target) -> Result<Self, Error> {
        if let Some(assumed) = index.assumes.first() {
            let text = format!(
                "the bundle is a delta (it leaves out {} and more), which this version cannot push",
                assumed.digest
            );
            return Err(bundle::Error::Invalid(text).into());
        }
        let types: HashMap<Digest, MediaType> = index
            .manifests
            .iter()
            .map(|record| (record.digest, record.media_type))
            .collect();
        let mut needed: BTreeMap<Digest, (usize, u64, BTreeSet<Repository>)> = BTreeMap::new();
        let mut tags = Tags::default();
        for (position, file) in index.files.iter().enumerate() {
            match &file.path {
                BundlePath::Blob(repository, digest) => {
                    let entry =
                        needed
                            .entry(*digest)
                            .or_insert((position, file.size, BTreeSet::new()));
                    if matches!(file.kind(), Kind::Regular) {
                        entry.0 = position;
                    }
                    entry.2.insert(target.place(repository)?);
                }
                BundlePath::Tag(repository, tag) => {
                    tags.add(target.place(repository)?, tag.clone(), file.digest, false)?
                }
                BundlePath::Sums | BundlePath::Manifest(..) | BundlePath::Config(_) => {}
            }
        }
        for image in index.images.iter().filter(|image| image.tags.is_empty()) {
            let repository = target.place(&image.repository)?;
            // Not `sha256-<hex>`: that is where referrers are looked for.
            let tag = format!("digest-{}", &image.digest.hex()[..16]);
            let tag = tag
                .parse()
                .map_err(|error| Error::Usage(format!("{error}")))?;
            if !tags.names(&repository, &image.digest) {
                tags.add(repository, tag, image.digest, true)?;
            }
        }
        let known = needed.keys().copied().collect();
        let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
        for (digest, (position, size, repositories)) in needed {
            let repositories = repositories.into_iter().collect();
            match types.get(&digest) {
                Some(media_type) => manifests.push(ManifestStep {
                    position,
                    digest,
                    media_type: *media_type,
                    repositories,
                }),
                None => blobs.push(BlobStep {
                    position,
                    blob: Blob { digest, size },
                    repositories,
                }),
            }
        }
        blobs.sort_by_key(|step| step.position);
        manifests.sort_by_key(|step| step.position);
        Ok(Self {
            blobs,
            manifests,
            tags: tags.steps(),
            known,
        })
    }
}

/// Tags at the target, each with one meaning.
#[derive(Default)]
struct Tags(BTreeMap<(Repository, Tag), (Digest, bool)>);

impl Tags {
    fn add(
        &mut self,
        repository: Repository,
        tag: Tag,
        digest: Digest,
        added: bool,
    ) -> Result<(), Error> {
        let (first, _) = *self
            .0
            .entry((repository.clone(), tag.clone()))
            .or_insert((digest, added));
        if first != digest {
            let text = format!(
                "{repository}:{tag} would be both {first} and {digest}; give one of the repositories another name with --map"
            );
            return Err(Error::Usage(text));
        }
        Ok(())
    }

    fn names(&self, repository: &Repository, digest: &Digest) -> bool {
        self.0
            .iter()
            .any(|((at, _), (found, _))| at == repository && found == digest)
    }

    fn steps(self) -> Vec<TagStep> {
        let steps = self.0.into_iter();
        steps
            .map(|((repository, tag), (digest, added))| TagStep {
                repository,
                tag,
                digest,
                added,
            })
            .collect()
    }
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
}
