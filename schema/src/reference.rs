/*!
What users type to name an image: `[docker://|oci://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.

The grammar and the Docker Hub defaults (`nginx` means `docker.io/library/nginx:latest`) are those of the
distribution project's reference package, as `oci-spec` implements them; what comes out are our checked types.
*/

use std::{fmt, net::Ipv6Addr, str::FromStr};

use crate::{Digest, Repository, Tag, digest::DigestError, name::NameError};

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
    pub fn selector(&self) -> Result<Selector, NameError> {
        Ok(match (&self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(*digest),
            (None, Some(tag)) => Selector::Tag(tag.clone()),
            (None, None) => Selector::Tag("latest".parse()?),
        })
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
        let malformed = |reason: String| ReferenceError::Malformed(text.to_owned(), reason);
        // The library does not know IPv6 literals; with another host in its place the rest is the same.
        let literal = bare.starts_with('[').then(|| ipv6(bare).map_err(malformed));
        let literal = literal.transpose()?;
        let parsed: oci_spec::distribution::Reference = match literal {
            Some((_, rest)) => format!("localhost/{rest}").parse(),
            None => bare.parse(),
        }
        .map_err(|error| malformed(format!("{error}")))?;
        let digest = parsed.digest().map(str::parse).transpose()?;
        // oci-spec adds `latest` only where neither tag nor digest was typed.
        let tag = parsed.tag().map(str::parse).transpose()?;
        Ok(Self {
            host: literal
                .map_or(parsed.registry(), |(host, _)| host)
                .to_owned(),
            repository: parsed.repository().parse()?,
            tag,
            digest,
        })
    }
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
fn ipv6(bare: &str) -> Result<(&str, &str), String> {
    let (host, rest) = bare.split_once('/').ok_or("it names no repository")?;
    let inside = host.strip_prefix('[').and_then(|host| host.split_once(']'));
    let (address, port) = inside.ok_or("the bracket of its address is not closed")?;
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(
            "what stands in brackets is not an IPv6 address; zones cannot be named".to_owned(),
        );
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
    /// Its repository or tag is not of the grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its tag is the version of a Helm chart, with build metadata.
    #[error(
        "{0:?} is not an image reference: a tag cannot hold '+'; Helm stores a chart whose version has one under a tag with '_' in its place: write {1}"
    )]
    Plus(String, String),
}

#[cfg(test)]
mod tests {
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
        let parsed = text.parse::<Reference>().and_then(|r| Ok(r.selector()?));
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
