/*!
Registries and repositories that take nothing more: read-only, over a quota, asking for hours of peace, not there for us.

The first blob that hears so says it for all. The others are not sent to hear it again, and the user reads it once.
*/

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use schema::Repository;

use crate::{Error, Remote, error::too_long, transport::retry::LONGEST_WAIT};

/// What was refused for good in this run: everything (`None`), or single repositories.
#[derive(Debug, Default)]
pub(crate) struct Closed(Mutex<HashMap<Option<Repository>, String>>);

/// Which of its requests a registry refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To begin an upload, which says nothing of what it brings.
    Opening,
    /// To take bytes or a manifest.
    Storing,
}

impl Remote {
    /// An error where uploads to this repository were refused for good before.
    pub(crate) fn still_open(&self) -> Result<(), Error> {
        let closed = self.shared.closed.map();
        let reason = closed.get(&None).map(|detail| (None, detail)).or_else(|| {
            closed
                .get(&Some(self.repository.clone()))
                .map(|detail| (Some(&self.repository), detail))
        });
        match reason {
            Some((repository, detail)) => Err(self.closed(repository, detail.clone())),
            None => Ok(()),
        }
    }

    /// The error as it is, or, if what it says holds for whatever is pushed there, as [`Error::Closed`] from now on.
    pub(crate) fn refused_for_good(&self, error: Error, asked: Asked) -> Error {
        let Some((whole, detail)) = reason(&error, asked) else {
            return error;
        };
        let repository = (!whole).then(|| self.repository.clone());
        let mut closed = self.shared.closed.map();
        // What was said first stays, so that all say the same.
        let detail = closed.entry(repository.clone()).or_insert(detail).clone();
        drop(closed);
        self.closed(repository.as_ref(), detail)
    }

    fn closed(&self, repository: Option<&Repository>, detail: String) -> Error {
        let host = &self.shared.host;
        Error::Closed {
            target: repository
                .map_or_else(|| host.clone(), |repository| format!("{host}/{repository}")),
            detail,
        }
    }
}

impl Closed {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Option<Repository>, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it holds for the whole registry, and what to tell. None for what concerns only what was sent.
fn reason(error: &Error, asked: Asked) -> Option<(bool, String)> {
    let opening = asked == Asked::Opening;
    if let Error::UploadElsewhere { host, .. } = error {
        let hint = format!("if the image may go there, give --allow-upload-host {host}");
        return Some((
            true,
            format!("the registry sends the upload to another host, {host}; {hint}"),
        ));
    }
    let (status, said) = match error {
        Error::Http { status, detail, .. } | Error::Denied { status, detail, .. } => {
            (*status, detail.as_str())
        }
        Error::NotFound { detail, .. } => (404, detail.as_str()),
        _ => return None,
    };
    let words = said.to_ascii_lowercase();
    let any = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let answered = format!("the registry answered {status}{said}");
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
            Some((false, format!("access denied ({status}{said}); {hint}")))
        }
        Error::NotFound { hint, .. } if opening => {
            Some((false, format!("not found{said}; {hint}")))
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
        use Asked::{Opening, Storing};
        let harbor = ": DENIED adding 5.0 GiB of storage resource, which when updated to current usage of 9.0 GiB will exceed the configured upper limit of 10.0 GiB";
        let table = [
            (http(405, ": UNSUPPORTED", None), Opening, Some(true)),
            (http(503, "", None), Opening, Some(true)),
            (http(405, "", None), Storing, None),
            (http(503, "", None), Storing, None),
            (http(429, "", Some(7200)), Storing, Some(true)),
            (http(429, "", Some(30)), Storing, None),
            (http(507, "", None), Storing, Some(false)),
            (denied(harbor), Storing, Some(false)),
            (
                denied(": DENIED The system is in read only mode. Any modification is prohibited."),
                Storing,
                Some(true),
            ),
            (denied(""), Opening, Some(false)),
            (denied(""), Storing, None),
            (http(413, "", None), Storing, None),
        ];
        for (error, asked, whole) in table {
            let found = reason(&error, asked).map(|(whole, _)| whole);
            assert_eq!(found, whole, "{error} {asked:?}");
        }
    }
}
