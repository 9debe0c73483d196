/*! `SHA256SUMS`: every file after it in coreutils' format, so that `sha256sum -c` finds a bit flip without our programs. */

use std::io::{self, Write};

use super::index::File;
use crate::{Digest, digest::Hasher};

/// Size and digest of [`text`], which is never held.
pub(super) fn measure(files: &[File]) -> io::Result<(u64, Digest)> {
    struct Measure(u64, Hasher);
    impl Write for Measure {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut measure = Measure(0, Hasher::default());
    write(files, &mut measure)?;
    Ok((measure.0, measure.1.finish()))
}

/// `<hex>  <path>` lines in the bundle's order; `sha256sum` follows links, so tags and hard links have lines too.
/// Our paths need none of coreutils' escapes.
pub(super) fn text(files: &[File]) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    drop(write(files, &mut text));
    text
}

fn write(files: &[File], out: &mut impl Write) -> io::Result<()> {
    files
        .iter()
        .try_for_each(|file| writeln!(out, "{}  {}", file.digest.hex(), file.path))
}
