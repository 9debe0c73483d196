/*! The command line of `importer`: its subcommands, and what each of them does. */

use std::{io::Write as _, path::PathBuf, sync::Arc};

use clap::{CommandFactory as _, Parser, Subcommand};
use cli::{CommonArgs, Exit, Program, Raw, completions, man};
use schema::Progress;

use crate::{
    Error,
    apply::{args::ApplyArgs, command},
    args::{BundleArgs, InspectArgs, PushArgs, TrustArgs},
    drift, extract,
    import::{self, ImportArgs},
    inspect, open, push,
    rollback::{self, RollbackArgs},
    rollout::args::{ClusterArgs, RolloutArgs},
    upgrade::{self, UpgradeArgs},
    verify,
};

/// Verifies a bundle from the connected side and brings it into the registry of an air-gapped site.
#[derive(Debug, Parser)]
#[command(name = "importer", version = cli::VERSION)]
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
    /// Push the images into a registry, and say or write down what clusters must be told: the bundle's manifests, and
    /// where the images are now
    Import(Box<ImportArgs>),
    /// Apply the manifests of a bundle, and the mirror configuration, to clusters
    Apply(Box<ApplyArgs>),
    /// Upgrade clusters to a release that was imported
    Upgrade {
        #[command(flatten)]
        upgrade: Box<UpgradeArgs>,
        #[command(flatten)]
        clusters: ClusterArgs,
        #[command(flatten)]
        rollout: RolloutArgs,
    },
    /// Compare clusters with a bundle: exit code 0 if all is as it says, 42 if anything differs
    Drift(Box<ApplyArgs>),
    /// Bring clusters back to what `apply --backup` or `import --backup` saved
    Rollback {
        #[command(flatten)]
        rollback: RollbackArgs,
        #[command(flatten)]
        clusters: ClusterArgs,
        #[command(flatten)]
        rollout: RolloutArgs,
    },
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

impl Program for Importer {
    const PREFIX: &'static str = "IMPORTER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bars: Arc<dyn Progress> = Arc::new(self.common.bars());
        let mut out = Raw;
        match self.command {
            Command::Verify { bundles, trust } => {
                let keys = open::keys(&trust.keys)?;
                for path in bundles {
                    let said = verify::whole(open::verified(&path, &keys)?, &path, bars.as_ref())?;
                    print(cli::print(&said))?;
                }
            }
            Command::Inspect(args) => {
                let mut out = cli::stdout();
                inspect::show(&args, &mut out)?;
                print(out.flush())?;
            }
            Command::Extract { bundle, to_dir } => {
                let verified = open::verified(&bundle.bundle, &open::keys(&bundle.trust.keys)?)?;
                let said = extract::into_directory(verified, &to_dir, bars.as_ref())?;
                print(cli::print(&said))?;
            }
            Command::Push(args) => {
                let verified =
                    open::verified(&args.bundle.bundle, &open::keys(&args.bundle.trust.keys)?)?;
                let target = push::Target::from_args(&args.target)?;
                let report = push::bundle(
                    verified,
                    target,
                    &args.target.options(&args.registry),
                    args.dry_run,
                    Arc::new(()),
                    &bars,
                )
                .await?;
                print(cli::print(&report.shown(args.format)?))?;
                report.verdict()?;
            }
            Command::Import(args) => {
                let verified =
                    open::verified(&args.bundle.bundle, &open::keys(&args.bundle.trust.keys)?)?;
                let report = import::bundle(verified, &args, &bars, self.common.status()).await?;
                print(cli::print(&report.shown(args.format)?))?;
                return report.verdict();
            }
            Command::Apply(args) => {
                let verified =
                    open::verified(&args.bundle.bundle, &open::keys(&args.bundle.trust.keys)?)?;
                let output = command::apply(verified, &args, self.common.status()).await?;
                print(cli::print(&output.text))?;
                return Ok(output.exit);
            }
            Command::Upgrade {
                upgrade,
                clusters,
                rollout,
            } => {
                let request = upgrade.request(&clusters, &rollout)?;
                let output = upgrade::fleet(request, self.common.status()).await?;
                print(cli::print(&output.text))?;
                return Ok(output.exit);
            }
            Command::Drift(args) => {
                let verified =
                    open::verified(&args.bundle.bundle, &open::keys(&args.bundle.trust.keys)?)?;
                let output = drift::drift(verified, *args, self.common.status()).await?;
                print(cli::print(&output.text))?;
                return Ok(output.exit);
            }
            Command::Rollback {
                rollback,
                clusters,
                rollout,
            } => {
                let output =
                    rollback::fleet(&rollback, &clusters, &rollout, self.common.status()).await?;
                print(cli::print(&output.text))?;
                return Ok(output.exit);
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
