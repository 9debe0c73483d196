//! `bundler`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    schema::cli::run::<bundler::cli::Bundler>()
}
