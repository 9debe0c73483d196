/*! Release signatures: the real ones, ones made on the spot by rPGP and by GnuPG, and stores that misbehave. */

mod asking;
mod downloads;
mod forge;
mod gnupg;
mod keys;
mod messages;
mod parties;
mod real;
mod server;
mod stores;

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A file of the real samples beside the project; says so where there are none.
fn sample(name: &str) -> io::Result<Option<Vec<u8>>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/release-signatures");
    if !root.exists() {
        skip("the real release signatures are not beside the project")?;
        return Ok(None);
    }
    fs::read(root.join(name)).map(Some)
}

fn skip(reason: &str) -> io::Result<()> {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    // Not through `print!`, which the test runner would hold back.
    writeln!(io::stderr(), "SKIPPED {name}: {reason}")
}
