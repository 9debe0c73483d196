/*! The command line of `bundler`: its subcommands, and what each of them does. */

use clap::{Parser, Subcommand};
use cli::{CommonArgs, Completions, Exit, Format, Man, Program};

use crate::{
    Error, Request,
    args::{BuildArgs, KeygenArgs, ProtectArgs, SplitArgs},
    keygen, protect, show,
    split::{self, Split},
};

/// Gathers container images and Kubernetes manifests into one signed file for an air-gapped site.
#[derive(Debug, Parser)]
#[command(name = "bundler", version = cli::VERSION)]
pub struct Bundler {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an Ed25519 key pair: KEY.pem (mode 0600) and KEY.pub.pem
    Keygen(KeygenArgs),
    /// Build a bundle
    Build(Box<BuildArgs>),
    /// Cut a bundle that exists into volumes, with a signed list of them
    Split(SplitArgs),
    /// Make parity for a bundle that exists, from which damage on the way is repaired inside; needs no key
    Protect(ProtectArgs),
    /// Print a completion script
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

impl Program for Bundler {
    const PREFIX: &'static str = "BUNDLER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bars = self.common.bars();
        match self.command {
            Command::Keygen(args) => {
                cli::print_page(&keygen::run(&args)?)?;
            }
            Command::Build(args) => {
                let request = Request::from_args(&args)?;
                let plan = crate::build(&request, &bars).await?;
                // With the bundle itself on stdout, the table would be inside it.
                if !request.output.is_stdout() || request.dry_run {
                    match args.format {
                        Format::Table => cli::print_page(&show::table(&plan, &request))?,
                        Format::Json => cli::print_json(&show::json(&plan, &request))?,
                    }
                }
            }
            Command::Split(args) => {
                let format = args.format;
                let list = Split::from_args(args)?.run(&bars)?;
                split::show(&list, format)?;
            }
            Command::Protect(args) => cli::print_page(&protect::run(&args, &bars)?)?,
            Command::Completions(completions) => completions.print::<Self>()?,
            Command::Man(man) => man.print::<Self>()?,
        }
        Ok(Exit::Done)
    }
}
