/*! What was typed, flag by flag. */

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cli::RegistryArgs;
use registry::{HostName, Options};

/// Who is trusted.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// A public key of the producer, PEM; repeatable, any of them suffices
    #[arg(long = "key", short = 'k', value_name = "PUB.pem", required = true)]
    pub keys: Vec<PathBuf>,
}

/// A bundle that must be trusted.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// A bundle file, an unpacked directory, or - for standard input
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A bundle file, an unpacked directory, or - for standard input
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
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

impl TargetArgs {
    /// How to reach the target.
    pub(crate) fn options(&self, registry: &RegistryArgs) -> Options {
        Options {
            allow_upload_host: self.allow_upload_host.iter().cloned().collect(),
            ..registry.options()
        }
    }
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

/// How far a dry run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Nothing is sent that could change anything; clusters are not asked.
    Client,
    /// Clusters are asked what they would do, and do nothing.
    Server,
}

/// The kind of the mirror configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MirrorConfig {
    /// ImageDigestMirrorSet, since OpenShift 4.13
    Idms,
    /// ImageContentSourcePolicy, for what is older
    Icsp,
    /// None
    None,
}

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}
