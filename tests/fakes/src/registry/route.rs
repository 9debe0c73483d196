/*!
Which endpoint a path names.

The names of the distribution spec are parsed with `schema`'s own newtypes: a path that they refuse is answered as a
registry would, and everything behind this point holds checked names.
*/

use schema::{Digest, Repository, Selector};

/// An endpoint of the distribution API (distribution-spec, "Endpoints").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`
    Base,
    /// `/v2/<name>/blobs/<digest>`
    Blob(Repository, Digest),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(Repository, Selector),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(Repository, Digest),
    /// `/v2/<name>/tags/list`
    Tags(Repository),
    /// `/token`
    Token,
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload(Repository, String),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(Repository),
}

/// A path that is no endpoint, with the error code to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoute(pub &'static str);

impl Route {
    pub fn parse(path: &str) -> Result<Self, NoRoute> {
        if path == "/token" {
            return Ok(Self::Token);
        }
        let rest = path.strip_prefix("/v2/").ok_or(NoRoute("UNSUPPORTED"))?;
        if rest.is_empty() {
            return Ok(Self::Base);
        }
        let name = |text: &str| {
            text.parse::<Repository>()
                .map_err(|_| NoRoute("NAME_INVALID"))
        };
        let digest = |text: &str| {
            text.parse::<Digest>()
                .map_err(|_| NoRoute("DIGEST_INVALID"))
        };
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags(name(repository)?));
        }
        if let Some(repository) = rest
            .strip_suffix("/blobs/uploads/")
            .or(rest.strip_suffix("/blobs/uploads"))
        {
            return Ok(Self::Uploads(name(repository)?));
        }
        let (head, last) = rest.rsplit_once('/').ok_or(NoRoute("UNSUPPORTED"))?;
        if let Some(repository) = head.strip_suffix("/blobs/uploads") {
            return Ok(Self::Upload(name(repository)?, last.to_owned()));
        }
        let (repository, kind) = head.rsplit_once('/').ok_or(NoRoute("UNSUPPORTED"))?;
        match kind {
            "blobs" => Ok(Self::Blob(name(repository)?, digest(last)?)),
            "manifests" if last.contains(':') => {
                Ok(Self::Manifest(name(repository)?, digest(last)?.into()))
            }
            "manifests" => {
                let tag = last.parse().map_err(|_| NoRoute("TAG_INVALID"))?;
                Ok(Self::Manifest(name(repository)?, Selector::Tag(tag)))
            }
            "referrers" => Ok(Self::Referrers(name(repository)?, digest(last)?)),
            _ => Err(NoRoute("UNSUPPORTED")),
        }
    }

    /// The repository it works on.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Base | Self::Token => None,
            Self::Blob(repository, _)
            | Self::Manifest(repository, _)
            | Self::Referrers(repository, _)
            | Self::Tags(repository)
            | Self::Upload(repository, _)
            | Self::Uploads(repository) => Some(repository),
        }
    }
}
