/*! Several images that cannot be had, in one sentence. */

use super::Error;

/// Every failure in one sentence, and what can be done about all of them.
pub(super) fn list(total: usize, failures: &[(String, Error)]) -> String {
    let each: Vec<String> = failures
        .iter()
        .map(|(image, error)| match reason(error) {
            text if text.contains(image.as_str()) => text,
            text => format!("{image}: {text}"),
        })
        .collect();
    let gone = |(_, error): &(String, Error)| match error {
        Error::Component(_, inner) => matches!(**inner, Error::Missing { .. }),
        other => matches!(other, Error::Missing { .. }),
    };
    let parts = failures
        .iter()
        .any(|(_, error)| matches!(error, Error::Component(..)));
    let advice = match failures.iter().all(gone) {
        true if parts => {
            "check the names; --skip-missing leaves out what is gone, and releases that are not whole need --allow-incomplete-release"
        }
        true => "check the names, or build the rest with --skip-missing",
        false => "no bundle was made",
    };
    format!(
        "{} of {total} images cannot be had: {}; {advice}",
        failures.len(),
        each.join("; ")
    )
}

/// A failure without the advice that is given once for all.
fn reason(error: &Error) -> String {
    match error {
        Error::Missing { image, reason } => format!("{image}: {reason}"),
        Error::Component(part, inner) => format!("{part}: {}", reason(inner)),
        other => other.to_string(),
    }
}
