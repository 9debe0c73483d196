/*!
Signature stores: where signatures of releases are published, by digest.

The layout is the one that cluster-version operators read: `STORE/sha256=<hex>/signature-N` with N from 1 to 9, and the first
one missing ends the list. A store is not trusted: what it holds are candidates.
*/

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use registry::web::{self, Limits, Web, WebError};
use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
};
use schema::Digest;
use tokio::{sync::mpsc, time::timeout};
use url::Url;

use super::openpgp::MESSAGE_LIMIT;

/// How long one request for a signature may take, unless somebody says otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// A signature store: `http://…`, `https://…`, `file://…` or an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// A directory on this host.
    Directory(PathBuf),
    /// A web server; no user, query or fragment in the address.
    Http(Url),
}

impl Store {
    /// Whether it is on the same server, so that who names the one means the other as well.
    pub(super) fn is_beside(&self, other: &Store) -> bool {
        match (self, other) {
            (Self::Http(url), Self::Http(other)) => url.origin() == other.origin(),
            _ => self == other,
        }
    }

    /// Whether it may be asked because a payload says so: over TLS, wherever that leads to a public address.
    pub(super) fn may_be_named_by_payload(&self) -> bool {
        matches!(self, Self::Http(url) if url.scheme() == "https")
    }
}

/// What a store gave for one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreReply {
    /// N of `signature-N`.
    pub number: u32,
    /// The candidate, at most 50 KiB; or why there is none, to read on from the signature's name.
    pub outcome: Result<Vec<u8>, String>,
}

impl FromStr for Store {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let malformed = || StoreError::Malformed(web::shown(text));
        let directory = |path: PathBuf| match path.to_str() {
            Some(name) if !name.chars().any(schema::text::is_hidden) => Ok(Self::Directory(path)),
            _ => Err(malformed()),
        };
        if Path::new(text).is_absolute() {
            return directory(text.into());
        }
        let url = Url::parse(text).map_err(|_| malformed())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(StoreError::Login(
                url.host_str().unwrap_or_default().to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(malformed());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => directory(url.to_file_path().map_err(|()| malformed())?),
            _ => Err(malformed()),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Http(url) => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

/// The signatures that cluster-version operators look for.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=9;

impl Store {
    /// Sends each signature for `digest` in order as it arrives. Ends at the first that is missing, when the store does not
    /// answer within `time_limit`, or when nobody listens any more.
    pub(super) async fn ask(
        self,
        digest: Digest,
        web: Web,
        time_limit: Duration,
        replies: mpsc::Sender<StoreReply>,
    ) {
        for number in NUMBERS {
            let (found, last) = match &self {
                Self::Directory(path) => read(path.clone(), digest, number, time_limit).await,
                Self::Http(url) => fetch(url, digest, number, &web, time_limit).await,
            };
            let Some(outcome) = found else {
                return;
            };
            if replies.send(StoreReply { number, outcome }).await.is_err() || last {
                return;
            }
        }
    }
}

/// A signature or what is wrong, `None` where there is no such signature; and whether the store is to be left alone now.
type Found = (Option<Result<Vec<u8>, String>>, bool);

async fn fetch(url: &Url, digest: Digest, number: u32, web: &Web, time_limit: Duration) -> Found {
    let limits = Limits {
        bytes: MESSAGE_LIMIT as u64,
        idle: time_limit,
        whole: time_limit,
    };
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        let directory = format!("sha256={}", digest.hex());
        segments
            .pop_if_empty()
            .extend([directory, format!("signature-{number}")]);
    }
    match web.get(&url, &limits).await {
        Ok(found) => (found.map(Ok), false),
        Err(error) => (Some(Err(error.to_string())), error.is_final()),
    }
}

async fn read(directory: PathBuf, digest: Digest, number: u32, time_limit: Duration) -> Found {
    // A file system may hang as a server may.
    let reading = tokio::task::spawn_blocking(move || read_file(&directory, digest, number));
    match timeout(time_limit, reading).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => (Some(Err(error.to_string())), true),
        Err(_) => (Some(Err(WebError::Slow(time_limit).to_string())), true),
    }
}

fn read_file(store: &Path, digest: Digest, number: u32) -> Found {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = match rustix::fs::open(store, flags, Mode::empty()) {
        Ok(root) => root,
        Err(error) => {
            return (
                Some(Err(format!("the store cannot be opened ({error})"))),
                true,
            );
        }
    };
    let found = read_below(&root, digest, number).map_err(|error| error.to_string());
    (found.transpose(), false)
}

/// Follows no links below the store, and opens nothing that could block.
fn read_below(root: &OwnedFd, digest: Digest, number: u32) -> io::Result<Option<Vec<u8>>> {
    let open = |at: BorrowedFd<'_>, name: String, more| {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(at, name, flags | more, Mode::empty())
    };
    let directory = format!("sha256={}", digest.hex());
    let opened = open(root.as_fd(), directory, OFlags::DIRECTORY).and_then(|inner| {
        open(
            inner.as_fd(),
            format!("signature-{number}"),
            OFlags::empty(),
        )
    });
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR) => {
            return Err(io::Error::other("links are not followed"));
        }
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    let limit = MESSAGE_LIMIT as u64;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(WebError::TooLarge(limit)));
    }
    Ok(Some(bytes))
}

/// Why a text names no store. The user's fault, or the payload's maker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Stores are public.
    #[error(
        "the signature store at {0} has a user or password in its address; stores are read without any, leave them out"
    )]
    Login(String),
    /// No address.
    #[error(
        "{0:?} is no signature store; expected https://…, http://…, file:///… or an absolute path"
    )]
    Malformed(String),
}
