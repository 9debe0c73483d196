/*!
How a fake registry is to behave.

Registries differ in what they refuse far more than in what they accept. Each field here is one such difference, met in
a registry people run; the default is a modern, complete, lenient one. What goes wrong once or at the nth request is
not a setting but a [fault](crate::faults).
*/

use std::{path::PathBuf, time::Duration};

use crate::certificates::Tls;

/// Behaviour that lasts as long as the registry.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Keep blobs as files below this directory instead of in memory.
    pub directory: Option<PathBuf>,
    /// Speak TLS.
    pub tls: Option<Tls>,
    /// Listen on `::1` and not on `127.0.0.1`.
    pub ipv6: bool,
    /// Who may do what.
    pub auth: Auth,
    /// Answer blob GETs with a redirect to a second listener, `localhost:OTHER_PORT`.
    pub redirect_blobs: bool,
    /// Offer the referrers API (distribution-spec, "Listing Referrers") and `OCI-Subject`.
    pub referrers: bool,
    /// Take manifests that name a `subject`; else 400, as older Quay, Artifactory and Nexus do.
    pub subjects: bool,
    /// Take lists of referrers (an index under a tag `sha256-<hex>`); else 400.
    pub lists: bool,
    /// Take `sha256-<hex>`, where there is no such tag, for the manifest of that digest, as GitLab does.
    pub digest_tags: bool,
    /// Accept an index whose children are missing. Blobs are always required.
    pub sparse: bool,
    /// Grant cross-repository mounts; else they become plain upload sessions (202).
    pub mounts: bool,
    /// Accept a blob in one `POST …?digest=`; else answer 202 as the spec allows.
    pub monolithic_post: bool,
    /// Keep what arrived of a cut upload and report a usable offset; else the session is gone (404), as with Debian's docker-registry.
    pub keep_cut_uploads: bool,
    /// Give upload locations with scheme and host; else only path and query.
    pub absolute_locations: bool,
    /// Take manifests with foreign layers, whose blobs need not be there; docker-registry refuses them unless told otherwise.
    pub foreign_layers: bool,
    /// Refuse any PUT to a tag that exists, even with the same digest.
    pub immutable_tags: bool,
    /// Refuse repositories with more path components than this.
    pub max_components: Option<usize>,
    /// Answer 413 to request bodies above this many bytes.
    pub max_body: Option<u64>,
    /// The most tags in one page, whatever `n` asks for.
    pub tags_page: usize,
    /// Leave tags that end so out of lists, as caches that pull through do with what nobody has pulled.
    pub unlisted: Option<String>,
    /// Count a repository without tags as none when its tags are asked for, as Debian's docker-registry does.
    pub untagged_is_unknown: bool,
}

/// Who may do what.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Everybody may do everything.
    #[default]
    Open,
    /// `Authorization: Basic` on every request.
    Basic(Login),
    /// Tokens from the registry's own `/token` endpoint.
    Bearer(Tokens),
}

/// A user and what proves it.
#[derive(Clone)]
pub struct Login {
    /// Name of the user.
    pub user: String,
    /// Password; as an identity token it is also accepted in `grant_type=refresh_token`.
    pub password: String,
}

/// How tokens are given out and how long they last.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The only user; without one, anonymous tokens are given for anything.
    pub login: Option<Login>,
    /// Whether a token given without a login may pull.
    pub anonymous_pull: bool,
    /// Life of a token, as `expires_in` says it.
    pub expires_in: Duration,
    /// A token is refused after this many requests: expiry in the middle of work, without waiting.
    pub uses: Option<usize>,
}

impl Login {
    /// A user with a password.
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.user)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            directory: None,
            tls: None,
            ipv6: false,
            auth: Auth::Open,
            redirect_blobs: false,
            referrers: true,
            subjects: true,
            lists: true,
            digest_tags: false,
            sparse: false,
            mounts: true,
            monolithic_post: true,
            keep_cut_uploads: true,
            absolute_locations: false,
            foreign_layers: true,
            immutable_tags: false,
            max_components: None,
            max_body: None,
            tags_page: 1000,
            unlisted: None,
            untagged_is_unknown: false,
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            login: None,
            anonymous_pull: true,
            expires_in: Duration::from_secs(300),
            uses: None,
        }
    }
}
