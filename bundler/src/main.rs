//! `bundler`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run::<bundler::cli::Bundler>()
}
