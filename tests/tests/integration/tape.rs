/*! The one way in which these tests write a bundle without the bundler: a signed list, and contents found by their digests. */

use std::collections::HashMap;

use anyhow::{Context, Result};
use schema::{
    Digest,
    bundle::{Tape, TapeWriter},
};

/// The bytes of a bundle. Each of its regular files must be among the contents, in whatever order.
pub fn written(tape: &Tape, contents: &[Vec<u8>]) -> Result<Vec<u8>> {
    let contents: HashMap<Digest, &[u8]> = contents
        .iter()
        .map(|content| (Digest::of(content), content.as_slice()))
        .collect();
    let mut writer = TapeWriter::create(Vec::new(), tape)?;
    for placed in tape.placements() {
        writer.begin(&placed)?;
        if placed.file.stored() > 0 {
            let content = contents.get(&placed.file.digest);
            let lacking = || format!("{} has no content", placed.file.path);
            writer.write(&placed, content.with_context(lacking)?)?;
        }
        writer.end(&placed)?;
    }
    Ok(writer.finish()?)
}
