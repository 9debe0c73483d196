/*! Release signatures: the real ones, ones made on the spot by rPGP and by GnuPG, and stores that misbehave. */

/// A file of the real samples, or the end of the test where there are none.
macro_rules! sample {
    ($name:expr) => {
        match fakes::needs::shared(&format!("release-signatures/{}", $name)) {
            Ok(path) => std::fs::read(path)?,
            Err(absent) => return Ok(fakes::needs::skip(&absent)?),
        }
    };
}

mod asking;
mod downloads;
mod forge;
mod gnupg;
mod keys;
mod messages;
mod parties;
mod real;
mod stores;

type Outcome = Result<(), Box<dyn std::error::Error>>;
