/*!
What a command line means: every name parsed, every file that is small read, every contradiction found.

Nothing is asked of a registry and nothing written before a [`Request`] stands.
*/

mod locator;
mod openshift;
mod output;
pub mod spec;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use registry::web::Web;
use schema::{Platform, Repository, bundle::SigningKey};

use locator::{Locator, split_name};
use spec::{Spec, SpecImage};

use crate::{
    Error,
    args::{BuildArgs, ForeignLayers},
    config::{self, ConfigFile},
    graph::GraphInput,
    keygen,
    protect::Recovery,
    release::{self, ReleaseRules},
    resolve::{self, ReferrerPolicy},
    source::{Disk, Registries},
    wanted::{Wanted, WantedRelease},
    write::{self, Output},
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
    /// The update graph image to make.
    pub graph: Option<GraphRequest>,
    /// Connections to registries, for those that payloads name.
    pub registries: Registries,
    /// The way to what is no registry: signature stores, graph data.
    pub web: Web,
    /// What is taken of each image.
    pub resolve: resolve::Options,
    /// Leave out images that their source does not have, and list them in the bundle.
    pub skip_missing: bool,
    /// The manifests.
    pub config: Vec<ConfigFile>,
    /// A directory of their own for the manifests.
    pub config_to_dir: Option<PathBuf>,
    /// Who signs; needed unless `dry_run`.
    pub signing_key: Option<SigningKey>,
    /// Where the bundle goes.
    pub output: Output,
    /// What parity is made for it.
    pub recovery: Option<Recovery>,
    /// `SOURCE_DATE_EPOCH`.
    pub created: Option<jiff::Timestamp>,
    /// Stop after the plan.
    pub dry_run: bool,
}

/// An update graph image.
#[derive(Debug)]
pub struct GraphRequest {
    /// The data of an update service.
    pub data: GraphInput,
    /// The image to put it on.
    pub base: Wanted,
    /// Its repository in the bundle.
    pub repository: Repository,
}

impl Request {
    /// What concerns its releases.
    pub fn release_inputs(&self) -> release::Inputs<'_> {
        release::Inputs {
            releases: &self.releases,
            images: &self.images,
            config: &self.config,
            rules: &self.release,
            registries: &self.registries,
            web: &self.web,
            concurrency: self.resolve.concurrency,
        }
    }

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
        let output = output::named(args)?;
        if !args.dry_run {
            output::check_inputs(&output, args, &spec)?;
            write::check(&output, args.config_to_dir.as_deref())?;
        }
        let load = |path: &PathBuf| keygen::load(path, args.passphrase_file.as_deref());
        Ok(Self {
            images,
            releases,
            release: openshift::rules(&args.release, &spec)?,
            graph,
            web: Web::new(args.registry.ca_file.as_deref())?,
            registries,
            resolve: resolve::Options {
                platforms,
                sparse_index: args.sparse_index,
                referrers: match (args.skip_referrers, args.require_referrers) {
                    (true, _) => ReferrerPolicy::Skip,
                    (_, true) => ReferrerPolicy::Require,
                    _ => ReferrerPolicy::Take,
                },
                skip_foreign_layers: args.foreign_layers == ForeignLayers::Skip,
                allow_foreign_hosts: args.allow_foreign_hosts.clone(),
                concurrency: args.registry.concurrency,
            },
            skip_missing: args.skip_missing,
            config: config::gather(&paths, args.allow_secrets)?,
            config_to_dir: args.config_to_dir.clone(),
            signing_key: args.signing_key.as_ref().map(load).transpose()?,
            recovery: Recovery::of(args.recovery, args.recovery_volumes),
            output,
            created: source_date_epoch()?,
            dry_run: args.dry_run,
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
