/*! `SHA256SUMS`: every file after it in coreutils' format, so that `sha256sum -c` finds a bit flip without our programs. */

use std::fmt;

use crate::{Digest, bundle::index::File, digest::Hasher};

/// The file in a directory that lists the checksums of all others.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Size and digest of [`text`], which is never held.
pub(crate) fn measure(files: &[File]) -> (u64, Digest) {
    let (mut size, mut hasher, mut one) = (0, Hasher::default(), String::new());
    for file in files {
        one.clear();
        line(&mut one, &file.path, file.digest);
        size += one.len() as u64;
        hasher.update(one.as_bytes());
    }
    (size, hasher.finish())
}

/// The `SHA256SUMS` of a bundle; `sha256sum` follows links, so tags and hard links have lines too.
pub(crate) fn text(files: &[File]) -> Vec<u8> {
    checksums(files.iter().map(|file| (&file.path, file.digest))).into_bytes()
}

/// The text of a `SHA256SUMS`: a line of digest and path for each file, in their order. The paths must need none of coreutils'
/// escapes: no backslash, no line end.
pub fn checksums(files: impl IntoIterator<Item = (impl fmt::Display, Digest)>) -> String {
    let mut text = String::new();
    for (path, digest) in files {
        line(&mut text, &path, digest);
    }
    text
}

fn line(text: &mut String, path: &dyn fmt::Display, digest: Digest) {
    text.push_str(&format!("{}  {path}\n", digest.hex()));
}
