/*! The command line of `bundler`: its subcommands, and what each of them does. */

use clap::{Parser, Subcommand};
use cli::{CommonArgs, Exit, Program, Raw, completions, man};

use crate::{
    Error, Request,
    args::{BuildArgs, KeygenArgs},
    keygen, show,
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

impl Program for Bundler {
    const PREFIX: &'static str = "BUNDLER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bars = self.common.bars();
        let mut out = Raw;
        match self.command {
            Command::Keygen(args) => {
                print(cli::print(&keygen::run(&args)?))?;
            }
            Command::Build(args) => {
                let request = Request::from_args(&args)?;
                let plan = crate::build(&request, &bars).await?;
                let text = show::plan(&plan, &request, args.format)?;
                // With the bundle itself on stdout, the table would be inside it.
                if !request.output.is_stdout() || request.dry_run {
                    print(cli::print(&text))?;
                }
            }
            Command::Completions { shell } => print(completions(
                &mut <Self as clap::CommandFactory>::command(),
                shell,
                &mut out,
            ))?,
            Command::Man { subcommand } => print(man(
                &<Self as clap::CommandFactory>::command(),
                &subcommand,
                &mut out,
            ))?,
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
