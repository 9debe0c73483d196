/*! Why a build fails, and with which exit code: the user's words, the source, the disk, or the key. */

mod images;

use std::{io, path::PathBuf};

use cli::{Exit, HasExitCode, PrintError};
use schema::{
    Digest, Repository, Tag,
    bundle::{self, Blame, KeyError, SignError},
    manifest::ManifestError,
    output,
};

use tokio::task::JoinError;

use crate::{
    config::ConfigError, graph::GraphError, release::trust::TrustError, request::spec::SpecError,
};

/// A failed build. Nothing stands under the final name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that an image in a source directory needs is not there.
    #[error(
        "{path}: it is missing, and an image in the directory needs it; the directory is incomplete, write it again"
    )]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// What is about an image cannot be had.
    #[error(
        "{image}: {what} cannot be had: {source}; --skip-referrers takes images without signatures and referrers"
    )]
    Attachment {
        /// The image.
        image: String,
        /// What was asked for.
        what: String,
        /// Why not.
        source: Box<Error>,
    },
    /// A manifest is at its source, and what it names is not.
    #[error(
        "{image}: its manifest names blob {digest}, which is not there; push the image there again, or leave it out of the list"
    )]
    Blob {
        /// The image.
        image: String,
        /// The blob, one of perhaps several.
        digest: Digest,
    },
    /// The bundle cannot be laid out, written or read back.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// A manifest file is not fit for a bundle.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A source on disk is damaged or is none.
    #[error("{path}: {reason}")]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong, what was expected, what to do.
        reason: String,
    },
    /// What is not at a registry cannot be had.
    #[error("{url} {reason}")]
    Download {
        /// Where it was to come from.
        url: String,
        /// What the server did, reading on from the address.
        reason: String,
    },
    /// The disk filled up on the way.
    #[error(
        "{path}: no space left on the device; free some space and run again, an unfinished .tar or directory will be resumed"
    )]
    Full {
        /// The output.
        path: PathBuf,
    },
    /// There is no update graph image.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Several images cannot be had.
    #[error("{}", images::list(*.total, .failures))]
    Images {
        /// How many were asked for.
        total: usize,
        /// Those that failed, and why.
        failures: Vec<(String, Error)>,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A key file is not usable.
    #[error("{path}: {source}{}", key_remedy(source))]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// It cannot be written where it was to go.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// A file of OpenPGP keys is not usable.
    #[error(transparent)]
    ReleaseKey(#[from] TrustError),
    /// A manifest cannot be carried.
    #[error("{image}: {source}")]
    Manifest {
        /// The image, and the manifest inside it.
        image: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// An image, or a part of it, is not at its source.
    #[error(
        "{image}: {reason}; check the name, and that the image still exists there, or build the rest with --skip-missing"
    )]
    Missing {
        /// The image.
        image: String,
        /// The reason, in the words of the source.
        reason: String,
    },
    /// Its registry had failed before.
    #[error("{image}: not asked for, since {host} did not answer for others")]
    NotAsked {
        /// The image.
        image: String,
        /// The registry.
        host: String,
    },
    /// A release cannot be had whole.
    #[error("{0}: {error}", error = component(.1))]
    Component(String, Box<Error>),
    /// An image is no release, or one that cannot be mirrored.
    #[error("release {release}: {reason}")]
    Payload {
        /// The reference.
        release: String,
        /// What was expected and found, and what to do.
        reason: String,
    },
    /// No such platform.
    #[error("{image}: no image for platform {wanted}; it has {offered}")]
    Platform {
        /// The image.
        image: String,
        /// The platforms of `--platform`.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// The result cannot be printed.
    #[error(transparent)]
    Print(#[from] PrintError),
    /// The source registry's fault, or the way to it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The index cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The same blob with two sizes: one of the manifests lies.
    #[error(
        "blob {digest} has {first} bytes by one manifest and {second} by another; one of the images is broken at its source"
    )]
    Size {
        /// The blob.
        digest: Digest,
        /// One size.
        first: u64,
        /// The other.
        second: u64,
    },
    /// The disk is too small.
    #[error(
        "{path}: the bundle needs {needed} bytes more and {free} are free; free some space or name another place with -o"
    )]
    Space {
        /// Where it would go.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The spec file is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Two images for one name.
    #[error(
        "two images want to be {repository}:{tag} in the bundle: {first} and {second}; rename one with --image REF=REPO:TAG, or build two releases of one version into two bundles"
    )]
    TagTwice {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// One digest.
        first: Digest,
        /// The other.
        second: Digest,
    },
    /// Volumes.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// No file may be so large.
    #[error(
        "{path}: File too large: this file system (FAT: 4 GiB), or `ulimit -f` in this session, takes no file so large; name a place on another file system, or cut the bundle into volumes: --volume-size fat32"
    )]
    TooLarge {
        /// The output.
        path: PathBuf,
    },
    /// A part of this program ended before its work was done.
    #[error(
        "a part of the program ended early: {0}; run it again, and report it if that happens again"
    )]
    Thread(#[from] JoinError),
    /// Manifests without end.
    #[error(
        "{image}: with it the manifests of the build have more than {} MiB or name more than {blobs} blobs, which is not held; if the source is to be trusted, build its images into several bundles",
        .bytes >> 20
    )]
    TooMuch {
        /// The image.
        image: String,
        /// The most bytes of manifests.
        bytes: u64,
        /// The most blobs that they may name.
        blobs: usize,
    },
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// Nobody who is trusted signed a release.
    #[error("{0}")]
    Unverified(String),
    /// The source gave other bytes than its manifests name.
    #[error(
        "{image}: the source gave bytes for {expected} that have digest {found}; nothing was finished, check the source or a proxy on the way"
    )]
    WrongBytes {
        /// Where they came from.
        image: String,
        /// The digest in the manifest.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
}

/// What this program has against an unusable key, reading on from the reason.
fn key_remedy(error: &KeyError) -> &'static str {
    match error {
        KeyError::PassphraseMissing => "; set BUNDLER_KEY_PASSPHRASE or use --passphrase-file",
        KeyError::Cost(_) | KeyError::Malformed(_) | KeyError::OpenSsh => {
            "; `bundler keygen` makes one"
        }
        _ => "",
    }
}

/// A release without a component is another matter than an image less.
fn component(error: &Error) -> String {
    match error {
        Error::Missing { image, reason } => format!(
            "{image}: {reason}; the release is not whole there, take it from where it is, or with --allow-incomplete-release without this component"
        ),
        other => other.to_string(),
    }
}

impl HasExitCode for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Config(ConfigError::Secret { .. }) => Exit::Refused,
            Self::Graph(error) => error.exit(),
            Self::Attachment { source, .. } => source.exit(),
            // The payload named it, not the user.
            Self::Component(_, error) => match error.exit() {
                Exit::Usage => Exit::Source,
                exit => exit,
            },
            Self::Print(error) => error.exit(),
            Self::Unverified(_) => Exit::NoTrustedSignature,
            Self::Images { failures, .. } => {
                let mut exits = failures.iter().map(|(_, error)| error.exit());
                let other = exits.find(|exit| *exit != Exit::Source);
                other.unwrap_or(Exit::Source)
            }
            Self::Config(_)
            | Self::Key { .. }
            | Self::ReleaseKey(_)
            | Self::Spec(_)
            | Self::TagTwice { .. }
            | Self::Usage(_) => Exit::Usage,
            Self::Registry(registry::Error::Config(_)) => Exit::Usage,
            Self::Absent { .. }
            | Self::Blob { .. }
            | Self::Disk { .. }
            | Self::Download { .. }
            | Self::Manifest { .. }
            | Self::Missing { .. }
            | Self::NotAsked { .. }
            | Self::Payload { .. }
            | Self::Platform { .. }
            | Self::Registry(_)
            | Self::Size { .. }
            | Self::TooMuch { .. }
            | Self::WrongBytes { .. } => Exit::Source,
            Self::Bundle(error) if error.blame() == Blame::User => Exit::Usage,
            Self::Media(error) => error.blame().into(),
            Self::Output(output::Error::Refused { .. }) => Exit::Usage,
            Self::Bundle(_)
            | Self::Full { .. }
            | Self::Io { .. }
            | Self::Output(_)
            | Self::Sign(_)
            | Self::Space { .. }
            | Self::Thread(_)
            | Self::TooLarge { .. } => Exit::Failed,
        }
    }
}
