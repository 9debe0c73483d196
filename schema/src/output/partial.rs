/*! Names while something is unfinished. A name that ends in `.partial` is never that of something whole. */

use std::ffi::{OsStr, OsString};

const END: &str = ".partial";

/// Bytes of what [`of_replacement`] adds to a name, the most that is added to one: `.`, another `.`, 16 hex digits, the end.
pub(crate) const LONGEST: u64 = 1 + 1 + 16 + END.len() as u64;

/// Of a directory: `DIR.partial`, beside it for everybody to see.
pub(crate) fn of_directory(name: &OsStr) -> OsString {
    let mut partial = name.to_owned();
    partial.push(END);
    partial
}

/// Of a file that the next run may go on with: `.NAME.partial`.
pub(crate) fn of_file(name: &OsStr) -> OsString {
    let mut partial = OsString::from(".");
    partial.push(of_directory(name));
    partial
}

/// Of a file that is written in one go: `.NAME.<16 hex digits>.partial`, which nobody can foresee.
pub(crate) fn of_replacement(name: &OsStr, random: [u8; 8]) -> OsString {
    let mut unique = name.to_owned();
    unique.push(".");
    unique.push(hex::encode(random));
    of_file(&unique)
}
