/*!
What a command line means: every name parsed, every file that is small read, every contradiction found.

Nothing is asked of a registry and nothing written before a [`Request`] stands.
*/

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use schema::{
    Platform, Reference, Repository, Selector, Tag,
    bundle::SigningKey,
    registry::{Options, Registry},
};

use crate::{
    Error,
    args::BuildArgs,
    config::{self, ConfigFile},
    keygen,
    source::{Disk, Source},
    spec::{Spec, SpecImage},
};

/// A build, ready to be carried out.
#[derive(Debug)]
pub struct Request {
    /// The images.
    pub images: Vec<Wanted>,
    /// Which platforms of multi-platform images; all if empty.
    pub platforms: Vec<Platform>,
    /// Keep indexes of which children are left out.
    pub sparse_index: bool,
    /// Leave signatures and referrers behind.
    pub skip_attached: bool,
    /// The manifests.
    pub config: Vec<ConfigFile>,
    /// A directory of their own for the manifests.
    pub config_to_dir: Option<PathBuf>,
    /// Who signs; needed unless `dry_run`.
    pub signing_key: Option<SigningKey>,
    /// Where the bundle goes.
    pub output: Output,
    /// `SOURCE_DATE_EPOCH`.
    pub created: Option<jiff::Timestamp>,
    /// Stop after the plan.
    pub dry_run: bool,
    /// Connections and slices under way at once.
    pub concurrency: usize,
}

/// An image to take.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where from.
    pub source: Source,
    /// Which manifest there.
    pub selector: Selector,
    /// Its repository in the bundle.
    pub repository: Repository,
    /// Its tag in the bundle.
    pub tag: Option<Tag>,
    /// The reference as it stands in the index and in messages.
    pub shown: String,
}

/// Where a bundle goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A directory.
    Directory(PathBuf),
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// A zstd-compressed file.
    Zstd(PathBuf),
}

impl Output {
    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        *self == Self::Stdout
    }

    fn of(args: &BuildArgs) -> Result<Self, Error> {
        if let Some(directory) = &args.to_dir {
            return Ok(Self::Directory(directory.clone()));
        }
        // Only a dry run names no output.
        let Some(path) = args.output.clone() else {
            return Ok(Self::Stdout);
        };
        let name = path.to_string_lossy();
        if name == "-" {
            Ok(Self::Stdout)
        } else if name.ends_with(".tar.zst") {
            Ok(Self::Zstd(path))
        } else if name.ends_with(".tar") {
            Ok(Self::File(path))
        } else {
            Err(Error::Usage(format!(
                "--output {name}: expected a name that ends in .tar or .tar.zst, or - for standard output"
            )))
        }
    }
}

impl Request {
    /// Reads what the flags name.
    pub fn from_args(args: &BuildArgs) -> Result<Self, Error> {
        let spec = args
            .spec
            .as_deref()
            .map(Spec::load)
            .transpose()?
            .unwrap_or_default();
        let mut platforms = args.platforms.clone();
        for text in &spec.platforms {
            platforms.push(
                text.parse()
                    .map_err(|error| Error::Usage(format!("platforms in the spec: {error}")))?,
            );
        }
        platforms.dedup();
        if platforms.len() > 1 && !args.sparse_index {
            let text = "several platforms leave an index of which some children are missing, which some registries refuse; \
                        name one platform, none for all of them, or add --sparse-index";
            return Err(Error::Usage(text.to_owned()));
        }
        let paths: Vec<PathBuf> = args.config.iter().chain(&spec.config).cloned().collect();
        let from_dir = args.from_dir.as_ref().or(spec.from_dir.as_ref());
        let disk = from_dir
            .map(|path| Disk::open(strip(path)).map(Arc::new))
            .transpose()?;
        let typed = args
            .images
            .iter()
            .map(|text| split_name(text))
            .collect::<Vec<_>>();
        let images = Names {
            options: args.registry.options(),
            registries: Mutex::default(),
            disk,
        };
        let images = images.wanted(typed.iter().chain(&spec.images))?;
        if images.is_empty() && paths.is_empty() {
            let text = "there is nothing to bundle; name images with --image or --from-dir, or manifests with --config";
            return Err(Error::Usage(text.to_owned()));
        }
        let load = |path: &PathBuf| keygen::load(path, args.passphrase_file.as_deref());
        Ok(Self {
            images,
            platforms,
            sparse_index: args.sparse_index,
            skip_attached: args.skip_attached,
            config: config::gather(&paths, args.allow_secrets)?,
            config_to_dir: args.config_to_dir.clone(),
            signing_key: args.signing_key.as_ref().map(load).transpose()?,
            output: Output::of(args)?,
            created: source_date_epoch()?,
            dry_run: args.dry_run,
            concurrency: args.registry.options().concurrency,
        })
    }
}

/// Turns what users call images into sources, one connection pool per registry.
struct Names {
    options: Options,
    registries: Mutex<HashMap<String, Registry>>,
    disk: Option<Arc<Disk>>,
}

impl Names {
    fn wanted<'a>(&self, typed: impl Iterator<Item = &'a SpecImage>) -> Result<Vec<Wanted>, Error> {
        let mut wanted = Vec::new();
        let mut selected = false;
        for image in typed {
            let (repository, tag) = image
                .rename
                .as_deref()
                .map(parse_rename)
                .transpose()?
                .unzip();
            let mut found = if let Some(name) = image.name.strip_prefix("file://") {
                selected = true;
                self.in_directory(name)?
            } else if let Some(layout) = image.name.strip_prefix("oci:") {
                in_layout(layout, &image.name)?
            } else {
                self.in_registry(&image.name)?
            };
            found.tag = tag.flatten().or(found.tag);
            found.repository = repository.unwrap_or(found.repository);
            wanted.push(found);
        }
        if let Some(disk) = self.disk.as_ref().filter(|_| !selected) {
            wanted.extend(disk.everything()?);
        }
        Ok(wanted)
    }

    fn in_registry(&self, name: &str) -> Result<Wanted, Error> {
        let usage =
            |error: &dyn std::fmt::Display| Error::Usage(format!("--image {name}: {error}"));
        let reference: Reference = name.parse().map_err(|error| usage(&error))?;
        let selector = reference.selector().map_err(|error| usage(&error))?;
        let mut registries = self
            .registries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let registry = match registries.get(&reference.host) {
            Some(registry) => registry.clone(),
            None => {
                let registry = Registry::new(&reference.host, &self.options)?;
                registries.insert(reference.host.clone(), registry.clone());
                registry
            }
        };
        Ok(Wanted {
            source: Source::Registry(registry.repository(&reference.repository)),
            selector,
            shown: reference.to_string(),
            repository: reference.repository,
            tag: reference.tag,
        })
    }

    fn in_directory(&self, name: &str) -> Result<Wanted, Error> {
        let usage = |reason: String| Error::Usage(format!("--image file://{name}: {reason}"));
        let disk = self
            .disk
            .as_ref()
            .ok_or_else(|| usage("name the directory with --from-dir".to_owned()))?;
        let (repository, tag) = parse_rename(name)?;
        let tag = tag.ok_or_else(|| usage("expected file://REPO:TAG".to_owned()))?;
        let mut all = disk.everything()?.into_iter();
        let found =
            all.find(|found| found.repository == repository && found.tag.as_ref() == Some(&tag));
        found.ok_or_else(|| usage("there is no such tag in that directory".to_owned()))
    }
}

/// `DIR[:NAME]`, as skopeo writes it.
fn in_layout(text: &str, name: &str) -> Result<Wanted, Error> {
    let (directory, wanted) = match text.rsplit_once(':') {
        Some((directory, wanted)) if !wanted.contains('/') => (directory, Some(wanted)),
        _ => (text, None),
    };
    let disk = Arc::new(Disk::open(Path::new(directory))?);
    let usage = |reason: &str| Error::Usage(format!("--image {name}: {reason}"));
    let missing = || usage("there is no image of that name in the layout");
    if let Some(wanted) = wanted {
        return disk.named(wanted)?.ok_or_else(missing);
    }
    let mut found = disk.everything()?;
    let first = found.pop().ok_or_else(missing)?;
    if !found.is_empty() {
        return Err(usage(
            "the layout holds several images; choose one with oci:DIR:NAME, or take all with --from-dir DIR",
        ));
    }
    Ok(first)
}

/// `REF=REPO[:TAG]`, parted at the last `=`.
fn split_name(text: &str) -> SpecImage {
    match text.rsplit_once('=') {
        Some((name, rename)) => SpecImage {
            name: name.to_owned(),
            rename: Some(rename.to_owned()),
        },
        None => SpecImage {
            name: text.to_owned(),
            rename: None,
        },
    }
}

fn parse_rename(text: &str) -> Result<(Repository, Option<Tag>), Error> {
    let (repository, tag) = match text.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (text, None),
    };
    let usage = |error| Error::Usage(format!("{text:?} is not REPO[:TAG]: {error}"));
    Ok((
        repository.parse().map_err(usage)?,
        tag.map(str::parse).transpose().map_err(usage)?,
    ))
}

fn strip(path: &Path) -> &Path {
    let text = path.to_str().unwrap_or_default();
    let bare = text
        .strip_prefix("oci:")
        .or_else(|| text.strip_prefix("file://"));
    bare.map_or(path, Path::new)
}

/// The reproducible-builds convention: seconds since 1970.
fn source_date_epoch() -> Result<Option<jiff::Timestamp>, Error> {
    let Ok(text) = env::var("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let time = text
        .parse()
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or_else(|| {
        Error::Usage(format!(
            "SOURCE_DATE_EPOCH is {text:?}, expected seconds since 1970"
        ))
    })
}
