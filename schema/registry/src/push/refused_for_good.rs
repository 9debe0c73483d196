/*!
Registries and repositories that take nothing more: read-only, over a quota, asking for hours of peace, not there for us.

The first blob that is refused so stands for all: the others are not sent, and the user reads the reason once.
*/

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use schema::Repository;

use crate::{
    Error,
    error::{LONGEST_WAIT, too_long},
};

/// What was refused for good in this run: everything (`None`), or single repositories.
#[derive(Debug, Default)]
pub(crate) struct RefusedForGood(Mutex<HashMap<Option<Repository>, String>>);

/// Which of its requests a registry refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// To begin an upload, which is the same whatever it brings.
    Open,
    /// To take bytes or a manifest.
    Store,
}

impl RefusedForGood {
    /// An error where uploads to this repository of `host` were refused for good before.
    pub(crate) fn check(&self, host: &str, repository: &Repository) -> Result<(), Error> {
        let reasons = self.reasons();
        let own = Some(repository.clone());
        for scope in [&None, &own] {
            if let Some(reason) = reasons.get(scope) {
                return Err(closed(host, scope.as_ref(), reason.clone()));
            }
        }
        Ok(())
    }

    /// The error as it is, or, if its reason holds for whatever is pushed there, as [`Error::Closed`] from now on.
    pub(crate) fn learn(
        &self,
        error: Error,
        step: Step,
        host: &str,
        repository: &Repository,
    ) -> Error {
        let Some((whole, reason)) = reason(&error, step) else {
            return error;
        };
        let scope = (!whole).then(|| repository.clone());
        // The first reason stays, so that every blob is refused with the same.
        let reason = self
            .reasons()
            .entry(scope.clone())
            .or_insert(reason)
            .clone();
        closed(host, scope.as_ref(), reason)
    }

    fn reasons(&self) -> MutexGuard<'_, HashMap<Option<Repository>, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed(host: &str, repository: Option<&Repository>, detail: String) -> Error {
    Error::Closed {
        target: repository.map_or_else(
            || host.to_owned(),
            |repository| format!("{host}/{repository}"),
        ),
        detail,
    }
}

/// Whether it holds for the whole registry, and why. None for what concerns only what was sent.
fn reason(error: &Error, step: Step) -> Option<(bool, String)> {
    let opening = step == Step::Open;
    if let Error::UploadElsewhere { host, .. } = error {
        let hint = format!("if the image may go there, give --allow-upload-host {host}");
        return Some((
            true,
            format!("the registry sends the upload to another host, {host}; {hint}"),
        ));
    }
    let (status, answer) = match error {
        Error::Http { status, detail, .. } | Error::Denied { status, detail, .. } => {
            (*status, detail.as_str())
        }
        Error::NotFound { detail, .. } => (404, detail.as_str()),
        _ => return None,
    };
    let words = answer.to_ascii_lowercase();
    let any = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let answered = format!("the registry answered {status}{answer}");
    if let Error::Http { retry_after, .. } = error
        && retry_after.is_some_and(|wait| wait > LONGEST_WAIT)
    {
        return Some((true, format!("{answered}{}", too_long(*retry_after))));
    }
    if any(&["read-only", "read only", "readonly", "maintenance"])
        || (opening && matches!(status, 405 | 503))
    {
        let hint = "it takes no uploads now, as in read-only or maintenance mode; end that there, and run again";
        return Some((true, format!("{answered}; {hint}")));
    }
    if status == 507
        || (any(&["quota", "storage limit", "storage resource"])
            && matches!(status, 400 | 403 | 413 | 429 | 500))
    {
        let hint = "there is no room for more; free space or raise the quota there, and run again";
        return Some((false, format!("{answered}; {hint}")));
    }
    match error {
        Error::Denied { hint, .. } if opening => {
            Some((false, format!("access denied ({status}{answer}); {hint}")))
        }
        Error::NotFound { hint, .. } if opening => {
            Some((false, format!("not found{answer}; {hint}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn http(status: u16, detail: &str, retry_after: Option<u64>) -> Error {
        Error::Http {
            target: String::new(),
            status,
            detail: detail.to_owned(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn denied(detail: &str) -> Error {
        Error::Denied {
            target: String::new(),
            status: 403,
            detail: detail.to_owned(),
            hint: "the project may not exist",
        }
    }

    #[test]
    fn what_concerns_everything_is_told_apart_from_what_concerns_one_blob() {
        use Step::{Open, Store};
        let harbor = ": DENIED adding 5.0 GiB of storage resource, which when updated to current usage of 9.0 GiB will exceed the configured upper limit of 10.0 GiB";
        let table = [
            (http(405, ": UNSUPPORTED", None), Open, Some(true)),
            (http(503, "", None), Open, Some(true)),
            (http(405, "", None), Store, None),
            (http(503, "", None), Store, None),
            (http(429, "", Some(7200)), Store, Some(true)),
            (http(429, "", Some(30)), Store, None),
            (http(507, "", None), Store, Some(false)),
            (denied(harbor), Store, Some(false)),
            (
                denied(": DENIED The system is in read only mode. Any modification is prohibited."),
                Store,
                Some(true),
            ),
            (denied(""), Open, Some(false)),
            (denied(""), Store, None),
            (http(413, "", None), Store, None),
        ];
        for (error, step, whole) in table {
            let found = reason(&error, step).map(|(whole, _)| whole);
            assert_eq!(found, whole, "{error} {step:?}");
        }
    }
}
