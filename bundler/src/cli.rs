/*! The command line of `bundler`: what was typed. [`Request`] is what it means. */

use std::{io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use schema::{
    Platform,
    cli::{CommonArgs, Exit, Program, RegistryArgs, Stdout, completions, man},
};

use crate::{Error, Request, keygen, show};

/// Gathers container images and Kubernetes manifests into one signed file for an air-gapped site.
#[derive(Debug, Parser)]
#[command(name = "bundler", version)]
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

/// Flags of `keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// Where the private key goes; the public key goes beside it as .pub.pem
    #[arg(long, value_name = "KEY.pem")]
    pub out: PathBuf,
    /// Encrypt the private key under the first line of this file (or under $BUNDLER_KEY_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Flags of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// A file that lists images, manifests and platforms; see the README
    #[arg(long, value_name = "FILE.yaml")]
    pub spec: Option<PathBuf>,
    /// An image, and what it is called in the bundle; repeatable. REF is HOST/REPO:TAG or @DIGEST, oci:DIR[:NAME], or
    /// file://REPO:TAG inside --from-dir
    #[arg(long = "image", value_name = "REF[=REPO[:TAG]]")]
    pub images: Vec<String>,
    /// Kubernetes manifests, a file or a directory of them; repeatable
    #[arg(long = "config", value_name = "PATH")]
    pub config: Vec<PathBuf>,
    /// Take `kind: Secret` manifests too: whoever holds the medium can read them
    #[arg(long)]
    pub allow_secrets: bool,
    /// An OCI layout, or a directory that `oc image mirror --dir` wrote; all of it unless --image file://… selects
    #[arg(long, value_name = "DIR")]
    pub from_dir: Option<PathBuf>,
    /// Only this platform of multi-platform images; several only with --sparse-index. All if not given
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    /// Keep an index whose other platforms are left out. Some registries (Debian's docker-registry) refuse such indexes
    #[arg(long, requires = "platforms")]
    pub sparse_index: bool,
    /// Leave signatures, attestations and other referrers of the images behind
    #[arg(long)]
    pub skip_attached: bool,
    /// The private key to sign with, PKCS#8 PEM
    #[arg(long, value_name = "KEY.pem", required_unless_present = "dry_run")]
    pub signing_key: Option<PathBuf>,
    /// The passphrase of the key, first line of this file (or $BUNDLER_KEY_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The bundle; - for standard output
    #[arg(short, long, value_name = "FILE.tar|FILE.tar.zst|-", required_unless_present_any = ["to_dir", "dry_run"])]
    pub output: Option<PathBuf>,
    /// Write the same tree as a directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub to_dir: Option<PathBuf>,
    /// Write the manifests into a directory of their own, and none into the image tree
    #[arg(long, value_name = "DIR", requires = "to_dir")]
    pub config_to_dir: Option<PathBuf>,
    /// Show the plan, with sizes (counted by 1024), and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the plan or the result is shown on standard output
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

impl Program for Bundler {
    const PREFIX: &'static str = "BUNDLER";
    type Error = Error;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Error> {
        let bars = self.common.bars();
        let mut out = Stdout;
        match self.command {
            Command::Keygen(args) => {
                let text = keygen::run(&args)?;
                print(out.write_all(text.as_bytes()))?;
            }
            Command::Build(args) => {
                let request = Request::from_args(&args)?;
                let plan = crate::build(&request, &bars).await?;
                let text = show::plan(&plan, &request, args.format)?;
                // With the bundle itself on stdout, the table would be inside it.
                if !request.output.is_stdout() || request.dry_run {
                    print(out.write_all(text.as_bytes()))?;
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
