/*!
What users type to name an image: `[docker://|oci://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.

The grammar and the Docker Hub defaults (`nginx` means `docker.io/library/nginx:latest`) are those of the
distribution project's reference package; what comes out are our checked types. `oci-spec` reads them too, but builds a
pattern for it that takes longer than many a build: the tests hold both against each other.
*/

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{Digest, Repository, Tag, digest::DigestError};

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

/// Why a text does not name an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Its digest cannot be carried.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not a reference at all.
    #[error(
        "{0:?} is not an image reference ({1}): expected [HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST]"
    )]
    Malformed(String, String),
    /// It holds a user name, and perhaps a password, which is not repeated.
    #[error(
        "what stands before the host of an image reference looks like a user name; leave it out, and log in with `skopeo login` or --authfile"
    )]
    Credentials,
    /// Not at a registry.
    #[error(
        "{0} is no place that images are taken from; name an image at a registry (HOST/REPOSITORY:TAG), or give a directory with --from-dir"
    )]
    Transport(&'static str),
    /// Its tag is the version of a Helm chart, with build metadata.
    #[error(
        "{0:?} is not an image reference: a tag cannot hold '+'; Helm stores a chart whose version has one under a tag with '_' in its place: write {1}"
    )]
    Plus(String, String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Reference>()
            .map_or_else(|e| format!("error: {e}"), |r| r.to_string())
    }

    #[test]
    fn defaults_are_docker_hubs() {
        assert_eq!(shown("nginx"), "docker.io/library/nginx:latest");
        assert_eq!(
            shown("docker://docker.io/nginx:1"),
            "docker.io/library/nginx:1"
        );
        assert_eq!(shown("me/app"), "docker.io/me/app:latest");
        assert_eq!(
            shown("oci://r.io/charts/app:1.2.3_up4"),
            "r.io/charts/app:1.2.3_up4"
        );
    }

    #[test]
    fn a_chart_version_with_plus_is_told_what_it_is_stored_as() {
        let digest = Digest::of(b"");
        for (typed, stored) in [
            (
                "r.io:5000/charts/app:1.2.3+up4",
                "r.io:5000/charts/app:1.2.3_up4",
            ),
            ("oci://r.io/app:1+a+b", "r.io/app:1_a_b"),
            (
                &format!("r.io/app:1+a@{digest}"),
                &format!("r.io/app:1_a@{digest}"),
            ),
        ] {
            let told = shown(typed);
            assert!(
                told.contains("cannot hold '+'") && told.ends_with(&format!("write {stored}")),
                "{told}"
            );
        }
        assert!(!shown("r.io/c++/app:1").contains("Helm"));
    }

    #[test]
    fn ports_nesting_and_digests_are_kept() {
        let digest = Digest::of(b"");
        let text = format!("localhost:5000/a/b/c:v1@{digest}");
        assert_eq!(shown(&text), text);
        assert_eq!(
            shown(&format!("quay.io/a/b@{digest}")),
            format!("quay.io/a/b@{digest}")
        );
        let parsed = text.parse::<Reference>().map(|r| r.selector());
        assert_eq!(parsed, Ok(Selector::Digest(digest)));
    }

    #[test]
    fn a_registry_may_be_known_by_its_ipv6_address_only() {
        let digest = Digest::of(b"");
        for text in [
            "[::1]:5000/team/app:v1",
            "[2001:db8::7]/a:1",
            &format!("[::1]:5000/a@{digest}"),
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("docker://[::1]:5000/a"), "[::1]:5000/a:latest");
        for bad in [
            "[::1]:5000",
            "[::1]:5000/",
            "[::1/a",
            "[::1]x/a",
            "[::1]:/a",
            "[::1]:70000/a",
            "[fe80::1%eth0]/a",
            "[a.example]/a",
            "::1/a",
            "[::1]/UPPER",
        ] {
            assert!(
                shown(bad).starts_with("error: "),
                "{bad:?} gave {}",
                shown(bad)
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_oci_spec_takes_is_read_alike(
            host in "(localhost|[a-zA-Z0-9._-]{0,6}|[a-z]{1,3}\\.[a-z]{2}|index\\.docker\\.io|docker\\.io)(:[0-9]{0,4})?/",
            path in "[a-zA-Z0-9._/-]{0,8}|[a-z]{1,3}(/[a-z0-9]{1,3}){0,2}",
            end in "(:[A-Za-z0-9._-]{0,4})?(@sha256:[0-9a-f]{64})?",
            hosted in any::<bool>(),
        ) {
            let text = format!("{}{path}{end}", if hosted { &host } else { "" });
            // What looks like a host in upper case is a repository to it, though no registry could have one.
            let theirs = text.parse::<oci_spec::distribution::Reference>().ok();
            let theirs = theirs.filter(|theirs| theirs.repository().parse::<Repository>().is_ok());
            // Numbers that are no whole address are refused here alone.
            let number = |theirs: &oci_spec::distribution::Reference| {
                let name = theirs.registry().split(':').next().unwrap_or_default();
                let last = name.rsplit('.').next().unwrap_or_default();
                last.parse::<u64>().is_ok() || last.to_ascii_lowercase().starts_with("0x")
            };
            prop_assume!(!theirs.as_ref().is_some_and(number));
            match (text.parse::<Reference>(), theirs) {
                (Ok(ours), Some(theirs)) => {
                    prop_assert_eq!(&ours.host, theirs.registry());
                    prop_assert_eq!(ours.repository.as_str(), theirs.repository());
                    prop_assert_eq!(ours.tag.as_ref().map(Tag::as_str), theirs.tag());
                    let digest = ours.digest.map(|digest| digest.to_string());
                    prop_assert_eq!(digest.as_deref(), theirs.digest());
                }
                (Err(_), None) => {}
                (ours, theirs) => prop_assert!(false, "{text:?}: {ours:?} and {theirs:?}"),
            }
        }
    }

    #[test]
    fn what_belongs_elsewhere_is_told_so_and_no_password_is_repeated() {
        for (typed, told) in [
            ("docker-archive:a.tar", "docker-archive: is no place"),
            ("docker-daemon:a:1", "docker-daemon: is no place"),
            ("user:secret@r.io/a", "looks like a user name"),
            ("127.1:1/a", "its host is no name or address"),
            ("0x7f.1:1/a", "its host is no name or address"),
        ] {
            let shown = shown(typed);
            assert!(shown.contains(told) && !shown.contains("secret"), "{shown}");
        }
        assert_eq!(shown("127.0.0.1:5000/a"), "127.0.0.1:5000/a:latest");
    }

    #[test]
    fn nonsense_and_sha512_get_a_sentence() {
        for bad in [
            "",
            "UPPER/case",
            "a b",
            "host/repo:",
            "host/repo@sha256:12",
            "https://host/repo",
        ] {
            assert!(
                shown(bad).starts_with("error: "),
                "{bad:?} gave {}",
                shown(bad)
            );
        }
        let sha512 = format!("quay.io/a/b@sha512:{}", "0".repeat(128));
        assert!(shown(&sha512).contains("only sha256"), "{}", shown(&sha512));
    }
}
