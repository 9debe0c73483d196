/*! The command line of `importer`: its subcommands, and what each of them does. */

use std::{io::Write as _, path::PathBuf, sync::Arc};

use clap::Parser;
use cli::{CommonArgs, Completions, Exit, Man, PrintError, Program};
use schema::{Progress, text::Page};

use crate::{
    Error,
    apply::{args::ApplyArgs, command},
    args::{BundleArgs, InspectArgs, PushArgs, TrustArgs},
    clusters::{self, ClustersCommand},
    drift::{self, DriftArgs},
    extract,
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
    subcommand: Subcommand,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Check the signature and every byte of bundles
    Verify {
        /// A bundle file, an unpacked directory, - for standard input, or volumes and directories of them; repeatable
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
    /// Write a damaged bundle, or one in volumes of which some are lost, as the one file that it was, from its recovery files
    Repair {
        #[command(flatten)]
        bundle: BundleArgs,
        /// The repaired bundle
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Push the images into a registry
    Push(Box<PushArgs>),
    /// Push the images into a registry, and show, write down or apply what clusters need besides: the bundle's manifests,
    /// and the mirror configuration
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
    Drift(Box<DriftArgs>),
    /// Bring clusters back to what `apply --backup` or `import --backup` saved
    Rollback {
        #[command(flatten)]
        rollback: RollbackArgs,
        #[command(flatten)]
        clusters: ClusterArgs,
        #[command(flatten)]
        rollout: RolloutArgs,
    },
    /// Look at the clusters of a list
    #[command(subcommand)]
    Clusters(ClustersCommand),
    /// Print a completion script
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

impl Program for Importer {
    const PREFIX: &'static str = "IMPORTER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bundle = self.subcommand.bundle().cloned();
        let result = self.carry_out().await;
        result.map_err(|error| match bundle {
            Some(bundle) => bundle.explained(error),
            None => error,
        })
    }
}

impl Subcommand {
    /// The bundle that is read, where it is only one.
    fn bundle(&self) -> Option<&BundleArgs> {
        match self {
            Self::Extract { bundle, .. } | Self::Repair { bundle, .. } => Some(bundle),
            Self::Push(args) => Some(&args.bundle),
            Self::Import(args) => Some(&args.bundle),
            Self::Apply(args) => Some(&args.bundle),
            Self::Drift(args) => Some(&args.apply.bundle),
            _ => None,
        }
    }
}

impl Importer {
    async fn carry_out(self) -> Result<Exit, Error> {
        let bars: Arc<dyn Progress> = Arc::new(self.common.bars());
        match self.subcommand {
            Subcommand::Verify { bundles, trust } => {
                let keys = open::keys(&trust.keys)?;
                let show = |page: &Page| Ok(cli::print_page(page)?);
                verify::all(&bundles, &keys, bars.as_ref(), show)?;
            }
            Subcommand::Inspect(args) => {
                let (keys, mut out) = (args.trusted()?, cli::stdout());
                let opened = open::opened(&args.bundle, keys.as_ref())?;
                inspect::show(opened, keys.as_ref(), args.format, &mut out)?;
                out.flush().map_err(PrintError::from)?;
            }
            Subcommand::Extract { bundle, to_dir } => {
                let page = extract::into_directory(bundle.verified()?, &to_dir, bars.as_ref())?;
                cli::print_page(&page)?;
            }
            Subcommand::Repair { bundle, output } => {
                let keys = open::keys(&bundle.trust.keys)?;
                let page = open::repair::into_file(&bundle.bundle, &keys, &output, bars.as_ref())?;
                cli::print_page(&page)?;
            }
            Subcommand::Push(args) => {
                let (options, bundle) = (args.options()?, args.bundle.verified()?);
                let report = push::bundle(bundle, &options, Arc::new(()), &bars).await?;
                cli::print_page(&report.shown(args.format)?)?;
                report.verdict()?;
            }
            Subcommand::Import(args) => {
                let (options, bundle) = (args.options()?, args.bundle.verified()?);
                let report = import::bundle(bundle, options, &bars, self.common.status()).await?;
                cli::print_page(&report.shown(args.format)?)?;
                return report.verdict();
            }
            Subcommand::Apply(args) => {
                let bundle = args.bundle.verified()?;
                let output = command::apply(bundle, &args, self.common.status()).await?;
                cli::print_page(&output.text)?;
                return Ok(output.exit);
            }
            Subcommand::Upgrade {
                upgrade,
                clusters,
                rollout,
            } => {
                let request = upgrade.request(&clusters, &rollout)?;
                let output = upgrade::fleet(request, self.common.status()).await?;
                cli::print_page(&output.text)?;
                return Ok(output.exit);
            }
            Subcommand::Drift(args) => {
                let bundle = args.apply.bundle.verified()?;
                let show = |page: &Page| Ok(cli::print_page(page)?);
                return drift::drift(bundle, *args, self.common.status(), show).await;
            }
            Subcommand::Rollback {
                rollback,
                clusters,
                rollout,
            } => {
                let output =
                    rollback::fleet(&rollback, &clusters, &rollout, self.common.status()).await?;
                cli::print_page(&output.text)?;
                return Ok(output.exit);
            }
            Subcommand::Clusters(ClustersCommand::Check(args)) => {
                let output = clusters::check(&args, self.common.status()).await?;
                cli::print_page(&output.text)?;
                return Ok(output.exit);
            }
            Subcommand::Completions(completions) => completions.print::<Self>()?,
            Subcommand::Man(man) => man.print::<Self>()?,
        }
        Ok(Exit::Done)
    }
}
