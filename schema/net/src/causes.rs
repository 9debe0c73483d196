/*!
The chain of causes behind an error: what HTTP and TLS libraries report nests deep, and what a user can act on is at the bottom.
*/

use std::{error::Error, io, iter};

/// The first error of that type in the chain.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Whether anything in the chain is an I/O error of that kind.
pub fn of_kind(error: &(dyn Error + 'static), kind: io::ErrorKind) -> bool {
    let mut errors = chain(error).filter_map(|error| error.downcast_ref::<io::Error>());
    errors.any(|error| error.kind() == kind)
}

/// What is at the bottom.
pub fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// The error itself, then what caused it, and so on.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| inner(*error))
}

/// What caused it; `source` of an `io::Error` skips the very error that it wraps.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
