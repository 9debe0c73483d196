/*!
What a command line means: every name parsed, every file that is small read, every contradiction found.

Nothing is asked of a registry and nothing written before a [`Request`] stands.
*/

mod locator;
mod openshift;
pub mod spec;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{
    Platform, Repository, Selector, Tag,
    bundle::SigningKey,
    output::{self, Stream},
};

pub use openshift::{GraphInput, ReleaseRules, WantedRelease};

use locator::{Locator, split_name};
use registry::web::Web;
use spec::{Spec, SpecImage};

use crate::{
    Error,
    args::{BuildArgs, ForeignLayers},
    config::{self, ConfigFile},
    keygen,
    resolve::{ManifestCache, ReferrerPolicy, Refusals},
    source::{Disk, Registries, Source},
    write,
};

/// A build, ready to be carried out.
#[derive(Debug)]
pub struct Request {
    /// The images.
    pub images: Vec<Wanted>,
    /// The OpenShift releases.
    pub releases: Vec<WantedRelease>,
    /// How releases are verified, and where they go.
    pub release: ReleaseRules,
    /// The data of an update service, and the image to put it on.
    pub graph: Option<(GraphInput, Wanted)>,
    /// Connections to registries, for those that payloads name.
    pub registries: Registries,
    /// The way to what is no registry: signature stores, graph data.
    pub web: Web,
    /// Which platforms of multi-platform images; all if empty.
    pub platforms: Vec<Platform>,
    /// Keep indexes of which children are left out.
    pub sparse_index: bool,
    /// What to do about signatures and referrers.
    pub attachments: Refusals,
    /// The manifests that were read.
    pub held: ManifestCache,
    /// Leave out images that their source does not have, and say so in the bundle.
    pub skip_missing: bool,
    /// What becomes of layers that are not meant to be distributed.
    pub foreign_layers: ForeignLayers,
    /// `HOST[:PORT]`s that may be asked for such layers wherever they are.
    pub allow_foreign_hosts: Vec<String>,
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
    /// Its tags in the bundle.
    pub tags: Vec<Tag>,
    /// The reference as it stands in the index and in messages.
    pub display_ref: String,
    /// What it is in a release, for messages. Lists of such an image are kept whole: clusters ask for them by digest.
    pub component: Option<String>,
    /// If it is a component: the tags of the releases it belongs to, in the same repository of the bundle, sorted.
    pub releases: Vec<Tag>,
}

/// Where a bundle goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A directory.
    Directory(PathBuf),
    /// A file.
    File(PathBuf),
    /// Standard output, a pipe or a character device, written to as it is.
    Stream {
        /// What it is.
        stream: Stream,
        /// Compressed, by its name.
        zstd: bool,
    },
    /// A zstd-compressed file.
    Zstd(PathBuf),
}

impl Output {
    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Self::Stream { stream, .. } if stream.is_stdout())
    }

    /// Its name, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::File(path) | Self::Zstd(path) => path,
            Self::Stream { stream, .. } => stream.path(),
        }
    }

    fn of(args: &BuildArgs) -> Result<Self, Error> {
        if let Some(directory) = &args.to_dir {
            return Ok(Self::Directory(directory.clone()));
        }
        let stdout = Self::Stream {
            stream: Stream::stdout(),
            zstd: false,
        };
        // Only a dry run names no output.
        let Some(path) = args.output.clone().filter(|path| path.as_os_str() != "-") else {
            return Ok(stdout);
        };
        let name = path.to_string_lossy();
        let zstd = name.ends_with(".tar.zst");
        // A shell's `>(…)` has the name that it has.
        if let Some(stream) = Stream::at(&path)? {
            return Ok(Self::Stream { stream, zstd });
        }
        match () {
            () if zstd => Ok(Self::Zstd(path)),
            () if name.ends_with(".tar") => Ok(Self::File(path)),
            () => Err(Error::Usage(format!(
                "--output {name}: expected a name that ends in .tar or .tar.zst, a pipe, or - for standard output"
            ))),
        }
    }
}

impl Output {
    /// Refuses an output that is also an input, or would lie in the other output.
    fn check_inputs(&self, args: &BuildArgs, spec: &Spec) -> Result<(), Error> {
        let one = [&args.spec, &args.signing_key, &args.passphrase_file];
        let more = [&args.registry.authfile, &args.registry.ca_file];
        let one = one.into_iter().chain(more).flatten();
        let lists = [&args.config, &spec.config, &args.release.release_keys];
        let graph = args.release.graph_data.as_ref().map(PathBuf::from);
        let inputs = one.chain(lists.into_iter().flatten()).chain(&graph);
        if let (Self::File(path) | Self::Zstd(path), Some(input)) =
            (self, output::is_one_of(self.path(), inputs))
        {
            return Err(Error::Usage(format!(
                "--output {}: this is {}, which the build reads; name another file",
                path.display(),
                input.display()
            )));
        }
        if let (Self::Directory(tree), Some(config)) = (self, &args.config_to_dir)
            && (config.starts_with(tree) || tree.starts_with(config))
        {
            return Err(Error::Usage(format!(
                "--config-to-dir {}: it is in --to-dir {}, or that in it, and each must be whole by itself; name two directories side by side",
                config.display(),
                tree.display()
            )));
        }
        Ok(())
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
        let mut platforms: Vec<Platform> =
            platforms.into_iter().map(Platform::normalized).collect();
        platforms.dedup();
        if platforms.len() > 1 && !args.sparse_index {
            let text = "several platforms leave an index of which some children are missing, which some registries refuse; \
                        name one platform, none for all of them, or add --sparse-index";
            return Err(Error::Usage(text.to_owned()));
        }
        let from_dir = args.from_dir.as_ref().or(spec.from_dir.as_ref());
        let from_dir = from_dir.map(|path| strip(path));
        let disk = from_dir.map(Disk::open).transpose()?.map(Arc::new);
        let registries = Registries::new(args.registry.options())?;
        let locator = Locator {
            registries: &registries,
            disk: disk.clone(),
        };
        let typed: Vec<_> = args.images.iter().map(|text| split_name(text)).collect();
        let images = locator.images(typed.iter().chain(&spec.images))?;
        let references = args.release.releases.iter().chain(&spec.releases);
        let releases = references
            .map(|text| locator.release(text))
            .collect::<Result<Vec<_>, _>>()?;
        let graph = openshift::graph(&args.release, &spec, &locator)?;
        let mut paths: Vec<PathBuf> = args.config.iter().chain(&spec.config).cloned().collect();
        // `oc adm release mirror --to-dir` puts signatures beside the images; what selects from the directory leaves them.
        let whole = !typed.iter().chain(&spec.images).any(is_selection);
        let beside = from_dir.map(|path| path.join("config"));
        paths.extend(beside.filter(|path| {
            whole && path.is_dir() && disk.as_ref().is_some_and(|disk| disk.is_oc_mirror())
        }));
        if images.is_empty() && releases.is_empty() && graph.is_none() && paths.is_empty() {
            let text = "there is nothing to bundle; name images with --image or --from-dir, a release with --release, or manifests with --config";
            return Err(Error::Usage(text.to_owned()));
        }
        let output = Output::of(args)?;
        if !args.dry_run {
            output.check_inputs(args, &spec)?;
            write::check(&output, args.config_to_dir.as_deref())?;
        }
        let load = |path: &PathBuf| keygen::load(path, args.passphrase_file.as_deref());
        Ok(Self {
            images,
            releases,
            release: ReleaseRules::of(&args.release, &spec)?,
            graph,
            web: Web::new(args.registry.ca_file.as_deref())?,
            registries,
            platforms,
            sparse_index: args.sparse_index,
            attachments: Refusals::new(match (args.skip_referrers, args.require_referrers) {
                (true, _) => ReferrerPolicy::Skip,
                (_, true) => ReferrerPolicy::Require,
                _ => ReferrerPolicy::Take,
            }),
            held: ManifestCache::default(),
            skip_missing: args.skip_missing,
            foreign_layers: args.foreign_layers,
            allow_foreign_hosts: args.allow_foreign_hosts.clone(),
            config: config::gather(&paths, args.allow_secrets)?,
            config_to_dir: args.config_to_dir.clone(),
            signing_key: args.signing_key.as_ref().map(load).transpose()?,
            output,
            created: source_date_epoch()?,
            dry_run: args.dry_run,
            concurrency: args.registry.options().concurrency,
        })
    }
}

/// Whether an image is chosen out of `--from-dir`, so that the rest of it stays behind.
fn is_selection(image: &SpecImage) -> bool {
    image.name.starts_with("file://")
}

/// A directory without the `oci:` or `file://` that some tools want before it.
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
