/*! What was typed, flag by flag, and the plain [options](crate::options) that it becomes. */

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::PossibleValue};
use cli::{Format, RegistryArgs};
use registry::HostName;
use schema::bundle::{TrustedKeys, Verified};

use crate::{
    Error,
    health::Wait,
    open,
    options::{DryRun, MirrorConfig},
    push::PushOptions,
    target::{ReleaseImage, Target, repository_map},
};

/// Who is trusted.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// A public key of the producer, PEM; repeatable, any of them suffices
    #[arg(long = "key", short = 'k', value_name = "PUB.pem", required = true)]
    pub keys: Vec<PathBuf>,
}

/// A bundle that must be trusted.
#[derive(Debug, Clone, Args)]
pub struct BundleArgs {
    /// A bundle file, an unpacked directory, - for standard input, or the volumes of one bundle and directories of them
    #[arg(required = true, value_name = "BUNDLE")]
    pub bundle: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A bundle file, an unpacked directory, - for standard input, or the volumes of one bundle and directories of them
    #[arg(required = true, value_name = "BUNDLE")]
    pub bundle: Vec<PathBuf>,
    /// A public key of the producer, PEM; repeatable, any of them suffices
    #[arg(
        long = "key",
        short = 'k',
        value_name = "PUB.pem",
        required_unless_present = "unverified"
    )]
    pub keys: Vec<PathBuf>,
    /// Show the index though nobody vouches for it
    #[arg(long, conflicts_with = "keys")]
    pub unverified: bool,
    /// How it is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// Where images go, and what they are called there.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// The registry, and a path that goes before every repository
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    pub to: String,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// Refuse to push at all if a tag that exists would get other content
    #[arg(long)]
    pub keep_tags: bool,
    /// Let the registry send uploads to this other host, which gets no credentials; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow_upload_host: Vec<HostName>,
}

/// How repositories are named at the registry.
#[derive(Debug, Clone, Default, Args)]
pub struct NameArgs {
    /// Name repository FROM, or what is below it, TO; repeatable, the longest FROM wins
    #[arg(long = "map", value_name = "FROM=TO")]
    pub map: Vec<String>,
    /// Join path components beyond the Nth with '-', for registries that refuse deep names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_nested_paths: Option<u8>,
    /// Where OpenShift release images are published alone, at the same registry
    /// [default: REGISTRY[/PREFIX]/openshift/release-images:VERSION-ARCHITECTURE]
    #[arg(long, value_name = "REGISTRY/REPOSITORY[:TAG]")]
    pub to_release_image: Option<String>,
}

/// Flags of `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Show what would be pushed and which tags would change, and push nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

impl BundleArgs {
    /// The bundle, believed if one of the keys signed it.
    pub(crate) fn verified(&self) -> Result<Verified, Error> {
        open::verified(&self.bundle, &open::keys(&self.trust.keys)?)
    }

    /// The error with the volumes that are to blame for it, if any are.
    pub(crate) fn explained(&self, error: Error) -> Error {
        match open::keys(&self.trust.keys) {
            Ok(keys) => open::explained(error, &self.bundle, &keys),
            Err(_) => error,
        }
    }
}

impl InspectArgs {
    /// The keys that are trusted; none with `--unverified`.
    pub(crate) fn trusted(&self) -> Result<Option<TrustedKeys>, Error> {
        let keys = (!self.unverified).then(|| open::keys(&self.keys));
        keys.transpose()
    }
}

impl TargetArgs {
    /// How a bundle is pushed there.
    pub(crate) fn options(
        &self,
        registry: &RegistryArgs,
        dry_run: bool,
    ) -> Result<PushOptions, Error> {
        Ok(PushOptions {
            target: Target::named_by(&self.to, &self.names)?,
            registry: registry::Options {
                allow_upload_host: self.allow_upload_host.iter().cloned().collect(),
                ..registry.options()
            },
            keep_tags: self.keep_tags,
            dry_run,
        })
    }
}

impl PushArgs {
    /// What they ask for.
    pub(crate) fn options(&self) -> Result<PushOptions, Error> {
        self.target.options(&self.registry, self.dry_run)
    }
}

impl Target {
    /// What `--to` and the flags about names say.
    pub(crate) fn named_by(to: &str, names: &NameArgs) -> Result<Self, Error> {
        let target = Self::parse(to)?;
        let map = names.map.iter().map(|text| repository_map(text));
        let map = map.collect::<Result<_, _>>()?;
        let release_image = names.to_release_image.as_deref();
        let release_image = release_image.map(|text| ReleaseImage::parse(text, &target.host));
        Ok(Self {
            release_image: release_image.transpose()?,
            max_nested_paths: names.max_nested_paths.map(usize::from),
            ..target.with_map(map)
        })
    }
}

impl ValueEnum for DryRun {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Client, Self::Server]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Client => (
                "client",
                "Nothing is sent that could change anything; clusters are not asked",
            ),
            Self::Server => (
                "server",
                "Clusters are asked what they would do, and do nothing",
            ),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Wait {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::None => {
                "Nothing is waited for: objects are sent, and what the cluster does not take yet has failed"
            }
            Self::Applied => "The objects are applied; namespaces and definitions are served",
            Self::Healthy => {
                "They are healthy too, and so are the nodes where something was changed for these"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for MirrorConfig {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Idms, Self::Icsp, Self::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Idms => ("idms", "ImageDigestMirrorSet, since OpenShift 4.13"),
            Self::Icsp => ("icsp", "ImageContentSourcePolicy, for what is older"),
            Self::None => ("none", "None"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}
