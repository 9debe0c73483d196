/*!
What could not be resolved, all of it at once.

Whoever mends a list of images wants to know every name that is wrong with it, not the first. So every image is asked for before a
failure is reported. What a source does not have is one thing, what could not be asked for another: only the former can be left out of a
bundle, where a flag allows it, and then the index lists which images and why.
*/

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use schema::bundle::Missing;

use crate::{Error, source::Source, wanted::Wanted};

/// The failures of one registry after which the other images there are not asked for: each has cost all its retries.
const FAILURES_LIMIT: usize = 2;

/// Whether a source does not have what it was asked for, and in which words: those of the registry, and which part of the
/// image it is if it is not the image itself.
pub(super) fn gone(wanted: &Wanted, error: Error) -> Error {
    let Error::Registry(answer) = &error else {
        return error;
    };
    let (target, reason) = match answer {
        registry::Error::NotFound { target, detail, .. } => (target, format!("not found{detail}")),
        // Some answer with another code and the same words (distribution-spec, "Error Codes").
        registry::Error::Http {
            target,
            status,
            detail,
            ..
        } if *status == 410
            || detail.contains("MANIFEST_UNKNOWN")
            || detail.contains("NAME_UNKNOWN") =>
        {
            (target, format!("not found{detail}"))
        }
        _ => return error,
    };
    let whole = *target == wanted.display_ref;
    Error::Missing {
        image: wanted.display_ref.clone(),
        reason: match whole {
            true => reason,
            false => format!("{target} {reason}"),
        },
    }
}

/// Registries that do not answer.
#[derive(Debug, Default)]
pub(super) struct UnreachableHosts(Mutex<HashMap<String, usize>>);

impl UnreachableHosts {
    /// An error for an image that need not be asked for.
    pub(super) fn check(&self, wanted: &Wanted) -> Result<(), Error> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match host(wanted).map(|host| (host, failures.get(host).copied().unwrap_or(0))) {
            Some((host, FAILURES_LIMIT..)) => Err(Error::NotAsked {
                image: wanted.display_ref.clone(),
                host: host.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Counts what another attempt, a moment later, did not mend.
    pub(super) fn note(&self, wanted: &Wanted, error: &Error) {
        let Error::Registry(failure) = error else {
            return;
        };
        if let Some(host) = host(wanted).filter(|_| failure.is_transient()) {
            let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *failures.entry(host.to_owned()).or_default() += 1;
        }
    }
}

fn host(wanted: &Wanted) -> Option<&str> {
    match wanted.source {
        Source::Registry(_) => wanted.display_ref.split('/').next(),
        Source::Disk(..) | Source::LayerUrl(_) => None,
    }
}

/// What may be missing at its source, and is then left out.
#[derive(Debug, Clone, Copy)]
pub struct MayLack {
    /// Images (`--skip-missing`).
    pub images: bool,
    /// Components of releases (`--allow-incomplete-release`).
    pub components: bool,
}

/// What is left out, if whoever builds allowed all of it; else an error that names every failure. `required` is an image
/// without which nothing can be made; `earlier` failed before these were asked for.
pub fn settle(
    may_lack: MayLack,
    failures: Vec<(&Wanted, Error)>,
    required: Option<&Wanted>,
    earlier: Vec<(String, Error)>,
    asked: usize,
) -> Result<BTreeSet<Missing>, Error> {
    let is_allowed = |(wanted, error): &(&Wanted, Error)| {
        let required = required.is_some_and(|required| std::ptr::eq(required, *wanted));
        let allowed = match (&wanted.component, wanted.releases.as_slice()) {
            (None, _) => may_lack.images,
            // The image of a release itself: without it there is no release.
            (Some(_), []) => false,
            (Some(_), _) => may_lack.components,
        };
        matches!(error, Error::Missing { .. }) && allowed && !required
    };
    let total = earlier.len() + asked;
    if !earlier.is_empty() || !failures.iter().all(is_allowed) {
        let denied = |(_, error): &(&Wanted, Error)| {
            let denied = registry::Error::is_denied;
            matches!(error, Error::Registry(error) if denied(error))
        };
        if may_lack.images && failures.iter().any(denied) {
            tracing::warn!(
                "--skip-missing skips what a registry says is not there (404); one that answers 401 or 403 may only want a login, \
                 so log in, or take those images out of the list"
            );
        }
        let named = failures.into_iter().map(|(wanted, error)| {
            let error = match &wanted.component {
                Some(part) => Error::Component(part.clone(), Box::new(error)),
                None => error,
            };
            (wanted.display_ref.clone(), error)
        });
        let mut all: Vec<(String, Error)> = earlier.into_iter().chain(named).collect();
        return Err(match all.len() {
            1 => all.remove(0).1,
            _ => Error::Images {
                total,
                failures: all,
            },
        });
    }
    let missing = failures
        .into_iter()
        .filter_map(|(wanted, error)| match error {
            Error::Missing { image, reason } => Some(left_out(wanted, &image, &reason)),
            _ => None,
        });
    Ok(missing.collect())
}

fn left_out(wanted: &Wanted, image: &str, reason: &str) -> Missing {
    let reason = match &wanted.component {
        Some(part) => format!("{part}: {reason}"),
        None => reason.to_owned(),
    };
    tracing::warn!("{image} is left out: {reason}");
    Missing {
        repository: wanted.repository.clone(),
        tags: wanted.tags.clone(),
        source: Missing::plain(image),
        reason: Missing::plain(&reason),
        releases: wanted.releases.clone(),
        blob: None,
    }
}

/// The error for a bundle of which everything was left out.
pub fn nothing_left(missing: BTreeSet<Missing>, asked: usize) -> Error {
    let failures = missing.into_iter().map(|one| {
        let (image, reason) = (one.source.clone(), one.reason);
        (one.source, Error::Missing { image, reason })
    });
    Error::Images {
        total: asked,
        failures: failures.collect(),
    }
}
