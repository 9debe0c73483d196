/*! The command line of `importer`. */

use std::{io::Write, path::PathBuf, sync::Arc};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use schema::{
    Progress,
    cli::{CommonArgs, Exit, Program, RegistryArgs, Stdout, completions, man},
};

use crate::{Error, extract, inspect, open, push, verify};

/// Verifies a bundle from the connected side and brings it into the registry of an air-gapped site.
#[derive(Debug, Parser)]
#[command(name = "importer", version)]
pub struct Importer {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the signature and every byte of bundles
    Verify {
        /// A bundle file, an unpacked directory, or - for standard input; repeatable
        #[arg(required = true, value_name = "BUNDLE")]
        bundles: Vec<PathBuf>,
        #[command(flatten)]
        trust: TrustArgs,
    },
    /// Show what a bundle holds: images, platforms, sizes (counted by 1024), Kubernetes objects
    Inspect(InspectArgs),
    /// Unpack a bundle into a directory that `oc image mirror --from-dir` and `kubectl apply -Rf DIR/config` accept
    Extract {
        #[command(flatten)]
        bundle: BundleArgs,
        /// An empty or new directory
        #[arg(long, value_name = "DIR")]
        to_dir: PathBuf,
    },
    /// Push the images into a registry
    Push(Box<PushArgs>),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// Of which subcommand; of the program if none is named
        subcommand: Vec<String>,
    },
}

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

/// Flags of `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// The registry, and a path that goes before every repository
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    pub to: String,
    /// Push repository FROM, or what is below it, as TO; repeatable, the longest FROM wins
    #[arg(long = "map", value_name = "FROM=TO")]
    pub map: Vec<String>,
    /// Join path components beyond the Nth with '-', for registries that refuse deep names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_nested_paths: Option<u8>,
    /// Refuse to push at all if a tag that exists would get other content
    #[arg(long)]
    pub keep_tags: bool,
    /// Show what would be pushed and which tags would change, and push nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Program for Importer {
    const PREFIX: &'static str = "IMPORTER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bars: Arc<dyn Progress> = Arc::new(self.common.bars());
        let mut out = Stdout;
        match self.command {
            Command::Verify { bundles, trust } => {
                let keys = open::keys(&trust.keys)?;
                for path in bundles {
                    let said = verify::whole(open::verified(&path, &keys)?, &path, bars.as_ref())?;
                    print(out.write_all(said.as_bytes()))?;
                }
            }
            Command::Inspect(args) => print(out.write_all(inspect::show(&args)?.as_bytes()))?,
            Command::Extract { bundle, to_dir } => {
                let verified = open::verified(&bundle.bundle, &open::keys(&bundle.trust.keys)?)?;
                let said = extract::into_directory(verified, &to_dir, bars.as_ref())?;
                print(out.write_all(said.as_bytes()))?;
            }
            Command::Push(args) => {
                let verified =
                    open::verified(&args.bundle.bundle, &open::keys(&args.bundle.trust.keys)?)?;
                let target = push::Target::from_args(&args)?;
                let report = push::bundle(
                    verified,
                    target,
                    &args.registry.options(),
                    args.dry_run,
                    &bars,
                )
                .await?;
                print(out.write_all(report.shown(args.format)?.as_bytes()))?;
                report.verdict()?;
            }
            Command::Completions { shell } => {
                print(completions(&mut Self::command(), shell, &mut out))?
            }
            Command::Man { subcommand } => print(man(&Self::command(), &subcommand, &mut out))?,
        }
        Ok(Exit::Done)
    }
}

fn print(result: std::io::Result<()>) -> Result<(), Error> {
    result.map_err(|source| match source.kind() {
        // Nothing was written yet: what was to be printed does not exist.
        std::io::ErrorKind::InvalidInput => Error::Usage(source.to_string()),
        _ => Error::Io {
            path: "standard output".into(),
            source,
        },
    })
}
