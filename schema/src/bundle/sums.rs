/*! `SHA256SUMS`: every file after it in coreutils' format, so that `sha256sum -c` finds a bit flip without our programs. */

use std::fmt::Write as _;

use super::index::File;

/// `<hex>  <path>` lines in the bundle's order; `sha256sum` follows links, so tags and hard links have lines too.
/// Our paths need none of coreutils' escapes.
pub(super) fn text(files: &[File]) -> String {
    files.iter().fold(String::new(), |mut text, file| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {}", file.digest.hex(), file.path);
        text
    })
}
