/*!
The rules a signed index must still keep.

A signature says who made the index, not that it is sound: keys are stolen and programs have faults. What these rules
allow can be extracted, pushed and listed without surprise; each names the file that breaks it. Every list has one order,
so that one content has one index.
*/

mod files;
mod records;
mod releases;

use super::Index;
use crate::bundle::Error;

/// One PiB: above any real blob.
const SIZE_LIMIT: u64 = 1 << 50;

/// One EiB in all: whatever is added up, offsets and headers included, stays far below 2^64.
const TOTAL_LIMIT: u64 = 1 << 60;

pub(super) fn index(index: &Index) -> Result<(), Error> {
    // First, since everything after it may add sizes up.
    total(index)?;
    created(&index.created)?;
    files::check(index)?;
    records::check(index)?;
    releases::check(index)
}

fn broken<T>(reason: String) -> Result<T, Error> {
    Err(Error::Invalid(reason))
}

fn total(index: &Index) -> Result<(), Error> {
    let assumed = index.assumes.iter().map(|blob| blob.size);
    let sizes = index.files.iter().map(|file| file.size).chain(assumed);
    if sizes.fold(0, u64::saturating_add) > TOTAL_LIMIT {
        return broken(format!(
            "its files have more than {TOTAL_LIMIT} bytes in all"
        ));
    }
    Ok(())
}

fn created(text: &str) -> Result<(), Error> {
    let again = text
        .parse::<jiff::Timestamp>()
        .map(|time| time.strftime(super::CREATED_FORMAT).to_string());
    // Years have four digits: no sign, no fifth.
    if again.as_deref().ok() != Some(text) || text.len() != 20 {
        return broken(format!(
            "created is {text:?}, expected a UTC time such as 2026-11-23T00:00:00Z"
        ));
    }
    Ok(())
}

/// Strictly ascending: sorted, and nothing twice. Otherwise the first that is out of place.
fn out_of_place<T: PartialOrd>(items: &[T]) -> Option<&T> {
    items
        .windows(2)
        .find(|pair| pair[0] >= pair[1])
        .map(|pair| &pair[1])
}
