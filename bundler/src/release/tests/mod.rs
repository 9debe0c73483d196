/*! Release signatures: the real ones, ones made on the spot by rPGP and by GnuPG, and stores that misbehave. */

mod asking;
mod downloads;
mod forge;
mod gnupg;
mod keys;
mod messages;
mod parties;
mod real;
mod stores;

use std::{fs, io};

use crate::testing::{shared, skip};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A file of the real samples; `None`, and a line on standard error, where there are none.
fn sample(name: &str) -> io::Result<Option<Vec<u8>>> {
    shared(&format!("release-signatures/{name}"))?
        .map(fs::read)
        .transpose()
}
