/*! What was typed, flag by flag. [`crate::Request`] is what it means. */

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cli::{Format, RegistryArgs};
use media::{recovery::Rate, volumes::VolumeSize};
use schema::Platform;

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

/// Flags of `split`.
#[derive(Debug, Args)]
pub struct SplitArgs {
    /// A bundle in one file, .tar or .tar.zst
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    /// How large a volume is: 650M or 4G (counted by 1000), 4GiB (by 1024), or what a medium holds: fat32, cd, dvd, dvd-dl, bd25,
    /// bd50, bd100
    #[arg(long, value_name = "SIZE")]
    pub volume_size: VolumeSize,
    /// What the volumes are named after: FILE.tar.001 and so on [default: the bundle, beside it]
    #[arg(short, long, value_name = "FILE.tar")]
    pub output: Option<PathBuf>,
    /// The private key that signs the list of volumes, PKCS#8 PEM; a bundle that was signed with it is taken
    #[arg(long, value_name = "KEY.pem")]
    pub signing_key: PathBuf,
    /// The passphrase of the key, first line of this file (or $BUNDLER_KEY_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// A public key of the producer, PEM, where another key signs the list; repeatable
    #[arg(long = "key", short = 'k', value_name = "PUB.pem")]
    pub keys: Vec<PathBuf>,
    /// How the volumes are shown on standard output
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// Flags of `protect`.
#[derive(Debug, Args)]
pub struct ProtectArgs {
    /// A bundle in one file, or its volumes and directories of them
    #[arg(required = true, value_name = "BUNDLE")]
    pub bundle: Vec<PathBuf>,
    /// Make NAME.recovery, from which so much of the bundle comes back if it is damaged: 5%, 0.5%
    #[arg(
        long,
        value_name = "SHARE",
        conflicts_with = "recovery_volumes",
        required_unless_present = "recovery_volumes"
    )]
    pub recovery: Option<Rate>,
    /// Make recovery volumes, NAME.rec.001 and so on, from which as many lost volumes come back
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub recovery_volumes: Option<u64>,
    /// Where the recovery files go [default: beside the bundle]
    #[arg(long, value_name = "DIR")]
    pub to_dir: Option<PathBuf>,
}

/// Flags of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// A file that lists images, manifests and platforms; see the README
    #[arg(long, value_name = "FILE.yaml")]
    pub spec: Option<PathBuf>,
    /// An image, and what it is called in the bundle; repeatable. REF is `HOST/REPO:TAG` or `@DIGEST`, `oci:DIR[:NAME]`, or
    /// `file://REPO:TAG` inside --from-dir
    #[arg(long = "image", value_name = "REF[=REPO[:TAG]]")]
    pub images: Vec<String>,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
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
    pub skip_referrers: bool,
    /// Fail where a registry refuses to be asked for signatures, attestations or referrers, or does not give one that it names;
    /// else that is a warning, but for releases
    #[arg(long, conflicts_with = "skip_referrers")]
    pub require_referrers: bool,
    /// Leave out images that their source does not have; the bundle lists which and why
    #[arg(long)]
    pub skip_missing: bool,
    /// Layers that are not meant to be distributed, as of Windows images: taken from the registry or from the address in the
    /// manifest where they can be had, else left out; or left out in any case. The bundle lists what is left out
    #[arg(long, value_enum, value_name = "WHAT", default_value = "include")]
    pub foreign_layers: ForeignLayers,
    /// Ask this host for foreign layers even by plain HTTP or at an address inside; repeatable
    #[arg(long = "allow-foreign-host", value_name = "HOST[:PORT]")]
    pub allow_foreign_hosts: Vec<String>,
    /// The private key to sign with, PKCS#8 PEM
    #[arg(long, value_name = "KEY.pem", required_unless_present = "dry_run")]
    pub signing_key: Option<PathBuf>,
    /// The passphrase of the key, first line of this file (or $BUNDLER_KEY_PASSPHRASE)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The bundle; - for standard output
    #[arg(short, long, value_name = "FILE.tar|FILE.tar.zst|-", required_unless_present_any = ["to_dir", "dry_run"])]
    pub output: Option<PathBuf>,
    /// Cut the bundle into volumes, FILE.tar.001 and so on: a size such as 650M or 4G (counted by 1000) or 4GiB (by 1024), or what
    /// a medium holds: fat32, cd, dvd, dvd-dl, bd25, bd50, bd100
    #[arg(long, value_name = "SIZE", conflicts_with = "to_dir")]
    pub volume_size: Option<VolumeSize>,
    /// Make NAME.recovery, from which so much of the bundle comes back if it is damaged: 5%, 0.5%
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["to_dir", "recovery_volumes"])]
    pub recovery: Option<Rate>,
    /// Make recovery volumes, NAME.rec.001 and so on, from which as many lost volumes come back
    #[arg(long, value_name = "N", requires = "volume_size", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub recovery_volumes: Option<u64>,
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

/// Flags of `build` about OpenShift.
#[derive(Debug, Args)]
#[command(next_help_heading = "OpenShift options")]
pub struct ReleaseArgs {
    /// An OpenShift release with all its components, its signatures and the ConfigMap that brings them to clusters; repeatable
    #[arg(long = "release", value_name = "REF")]
    pub releases: Vec<String>,
    /// The repository that releases get in the bundle [default: openshift/release]
    #[arg(long, value_name = "REPO")]
    pub release_repository: Option<String>,
    /// An OpenPGP public key that you trust to sign releases; repeatable, any of them suffices
    /// [default: /etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release where it exists]
    #[arg(long = "release-key", value_name = "FILE")]
    pub release_keys: Vec<PathBuf>,
    /// Where to look for signatures of releases, besides the stores that their payloads name: https://, http://, file:// or a directory; repeatable
    #[arg(long = "signature-store", value_name = "URL")]
    pub signature_stores: Vec<String>,
    /// Ask no signature store but those of --signature-store. Those that a payload names are asked over https at public
    /// addresses only, unless --signature-store names their host
    #[arg(long)]
    pub no_payload_stores: bool,
    /// Take a release that no trusted key signed; the bundle says so
    #[arg(long)]
    pub allow_unverified_release: bool,
    /// Take a release of which components are missing at their source; the bundle says so
    #[arg(long)]
    pub allow_incomplete_release: bool,
    /// The data of an update service, as a tarball, a directory or a URL in the layout of cincinnati-graph-data; becomes an image
    #[arg(long, value_name = "PATH|URL")]
    pub graph_data: Option<String>,
    /// The image that the update graph is put on: a small one with bash and cp
    #[arg(long, value_name = "REF")]
    pub graph_base_image: Option<String>,
}

/// What becomes of foreign layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForeignLayers {
    /// Taken, where they can be had.
    Include,
    /// Left out.
    Skip,
}
