/*!
What users type to name an image: `[docker://|oci://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.

The grammar and the Docker Hub defaults (`nginx` means `docker.io/library/nginx:latest`) are those of the
distribution project's reference package; what comes out are our checked types. `oci-spec` reads them too, but builds a
pattern for it that takes longer than many a build: the tests hold both against each other.
*/

mod error;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

pub use error::ReferenceError;

use crate::{Digest, Repository, Tag};

const DOCKER_HUB: &str = "docker.io";

/// Places that skopeo reads images from, and this reader does not.
const TRANSPORTS: [&str; 7] = [
    "containers-storage:",
    "dir:",
    "docker-archive:",
    "docker-daemon:",
    "oci-archive:",
    "ostree:",
    "sif:",
];

// What is wrong with a part.
const HOST: &str = "its host is no name or address with an optional port";
const REPOSITORY: &str =
    "its repository is not lower-case letters and digits joined by '.', '_', '-' or '/'";
const TAG: &str = "its tag is not up to 128 letters, digits, '_', '.' or '-'";

/// An image at a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// `HOST[:PORT]` as users write it; `docker.io` for Docker Hub.
    pub host: String,
    /// Repository at that host.
    pub repository: Repository,
    /// The tag, also kept when a digest decides.
    pub tag: Option<Tag>,
    /// The digest, which decides when given.
    pub digest: Option<Digest>,
}

impl Reference {
    /// What to ask the registry for: the digest if there is one, else the tag, else `latest`.
    pub fn selector(&self) -> Selector {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(*digest),
            (None, Some(tag)) => Selector::Tag(tag.clone()),
            (None, None) => Selector::Tag(Tag::latest()),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let bare = text
            .strip_prefix("docker://")
            // Helm's spelling.
            .or_else(|| text.strip_prefix("oci://"))
            .unwrap_or(text);
        if let Some(stored) = without_plus(bare) {
            return Err(ReferenceError::Plus(text.to_owned(), stored));
        }
        if let Some(transport) = TRANSPORTS.iter().find(|name| bare.starts_with(**name)) {
            return Err(ReferenceError::Transport(transport));
        }
        let before = bare.split('/').next().unwrap_or_default();
        if bare.contains('/') && before.contains('@') {
            return Err(ReferenceError::Credentials);
        }
        let malformed =
            |reason: &str| ReferenceError::Malformed(text.to_owned(), reason.to_owned());
        let (named, digest) = match bare.split_once('@') {
            Some((named, digest)) => (named, Some(digest.parse()?)),
            None => (bare, None),
        };
        let (host, rest) = host(named).map_err(malformed)?;
        // A colon before the last slash is none of a tag's.
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        let tag = match tag {
            Some(tag) => Some(tag.parse().map_err(|_| malformed(TAG))?),
            None => digest.is_none().then(Tag::latest),
        };
        let official = host == DOCKER_HUB && !path.contains('/') && !path.is_empty();
        let repository = match official {
            true => format!("library/{path}").parse(),
            false => path.parse(),
        };
        Ok(Self {
            host: host.to_owned(),
            repository: repository.map_err(|_| malformed(REPOSITORY))?,
            tag,
            digest,
        })
    }
}

/// The host and what follows the slash after it. A first component is a host if it cannot be one of a repository's: it
/// holds a dot or a colon, or is `localhost`.
fn host(named: &str) -> Result<(&str, &str), &'static str> {
    if named.starts_with('[') {
        return ipv6(named);
    }
    match named.split_once('/') {
        Some(("index.docker.io", rest)) => Ok((DOCKER_HUB, rest)),
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            let (name, port) = match host.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (host, None),
            };
            let port = port.is_none_or(|port| {
                !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
            });
            // Systems read `127.1` and `0x7f.1` as addresses, each in its own way.
            let last = name.rsplit('.').next().unwrap_or_default();
            let number = last.parse::<u64>().is_ok() || last.to_ascii_lowercase().starts_with("0x");
            let named = !number || name.parse::<Ipv4Addr>().is_ok();
            match port && named && name.split('.').all(is_label) {
                true => Ok((host, rest)),
                false => Err(HOST),
            }
        }
        _ => Ok((DOCKER_HUB, named)),
    }
}

/// Between the dots of a host: letters, digits, and hyphens within.
fn is_label(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !(text.is_empty() || text.starts_with('-') || text.ends_with('-'))
}

/// The reference with the tag that Helm gives a chart whose version has build metadata, if it has such a version as its tag.
fn without_plus(bare: &str) -> Option<String> {
    let (before, digest) = match bare.split_once('@') {
        Some((before, digest)) => (before, format!("@{digest}")),
        None => (bare, String::new()),
    };
    let (name, tag) = before.rsplit_once(':')?;
    let stored = tag.replace('+', "_");
    (stored != tag && !tag.contains('/')).then(|| format!("{name}:{stored}{digest}"))
}

/// `[ADDRESS][:PORT]` and what follows the slash after it.
fn ipv6(bare: &str) -> Result<(&str, &str), &'static str> {
    let (host, rest) = bare.split_once('/').ok_or("it names no repository")?;
    let inside = host.strip_prefix('[').and_then(|host| host.split_once(']'));
    let (address, port) = inside.ok_or("the bracket of its address is not closed")?;
    if address.parse::<Ipv6Addr>().is_err() {
        return Err("what stands in brackets is not an IPv6 address; zones cannot be named");
    }
    let port = port
        .strip_prefix(':')
        .unwrap_or(if port.is_empty() { "443" } else { "" });
    port.parse::<u16>()
        .map_err(|_| "its port is no number up to 65535")?;
    Ok((host, rest))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest
            .iter()
            .try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// The last part of a manifest URL: a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// By content.
    Digest(Digest),
    /// By name.
    Tag(Tag),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

impl From<Digest> for Selector {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl From<Tag> for Selector {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}
