/*!
What happens where something about an image (a signature, an attestation, a referrer) cannot be had.

Many registries answer a question for a signature that does not exist with anything but 404: 401 for a path they do not
know, 429, an error of the server behind a cache, a web page. The image was readable, so that is no reason to do
without it: it has none, and a warning says why. Where signatures are part of what was asked for, it is an error.
*/

use std::{
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use schema::Digest;

use crate::Error;

/// The refusals that were warned of: by repository (`HOST/PATH`), and by what was looked up there.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashSet<(String, Lookup)>>);

/// What to do about signatures, attestations and other referrers of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferrerPolicy {
    /// `--require-referrers`: all of it, or no bundle.
    Require,
    /// `--skip-referrers`: nothing is asked for.
    Skip,
    /// What can be had.
    #[default]
    Take,
}

/// What can be done about it.
const FLAGS: &str = "--require-referrers makes that an error, --skip-referrers asks for none";

/// How something about an image is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lookup {
    /// By a tag of cosign's: `sha256-<hex>.` and this.
    Tag(&'static str),
    /// By the referrers API.
    Referrers,
    /// By the list under the tag `sha256-<hex>`.
    List,
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(suffix) => write!(f, "tags sha256-<hex>.{suffix}"),
            Self::Referrers => f.write_str("referrers"),
            Self::List => f.write_str("lists of referrers (tags sha256-<hex>)"),
        }
    }
}

impl Refusals {
    /// Something about an image in `repository` (`HOST/PATH`) could not be had at `path`: a warning, once for each kind of look-up
    /// there. An error where the connection failed, or if `strict`.
    pub(super) fn refused(
        &self,
        image: &str,
        repository: &str,
        lookup: Lookup,
        path: &str,
        error: Error,
        strict: bool,
    ) -> Result<(), Error> {
        if strict || !is_no_answer(&error) {
            return Err(Error::Attachment {
                image: image.to_owned(),
                what: format!("the answer to GET {path}"),
                source: Box::new(error),
            });
        }
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert((repository.to_owned(), lookup)) {
            tracing::warn!(
                "{repository}: the registry refuses to be asked for {lookup}, so images there count as having none where it does; \
                 first of {image}, GET {path}: {error} ({FLAGS})"
            );
        } else {
            tracing::debug!("{image}: GET {path}: {error}; taken as none");
        }
        Ok(())
    }
}

/// Reports what stays behind with the index that one platform was selected from.
pub(super) fn left_behind(
    policy: ReferrerPolicy,
    image: &str,
    index: &Digest,
    names: &[String],
) -> Result<(), Error> {
    let text = format!(
        "{image}: one platform is taken out of the index {index}, and what is about the index stays behind: {}; \
             a cluster that asks for signatures of the index will refuse the image; leave out --platform, or keep the index with --sparse-index",
        names.join(", ")
    );
    if policy == ReferrerPolicy::Require {
        return Err(Error::Usage(text));
    }
    tracing::warn!("{text}");
    Ok(())
}

/// Reports what was named, could not be had whole, and is left out.
pub(super) fn left_out(image: &str, left: &[String]) {
    /// So many are named; a hostile source may name a thousand.
    const SHOWN: usize = 5;
    if left.is_empty() {
        return;
    }
    let shown: Vec<&str> = left.iter().take(SHOWN).map(String::as_str).collect();
    let more = match left.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    tracing::warn!(
        "{image}: the source names what is about it and does not give it, so it is left out: {}{more} ({FLAGS})",
        shown.join("; ")
    );
}

/// Whether a question got no useful answer though the image itself was had a moment ago: refused, or, once retries are used up, cut
/// off, as firewalls do with paths they do not know.
fn is_no_answer(error: &Error) -> bool {
    let cut = matches!(
        error,
        Error::Registry(registry::Error::Cut { .. } | registry::Error::Unreachable { .. })
    );
    cut || is_refusal(error)
}

/// Whether the source answered, and the answer is of no use.
pub(super) fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Registry(error) => error.is_refusal(),
        Error::Manifest { .. } | Error::Size { .. } | Error::WrongBytes { .. } => true,
        _ => false,
    }
}
