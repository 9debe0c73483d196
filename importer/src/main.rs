//! `importer`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    schema::cli::run::<importer::cli::Importer>()
}
