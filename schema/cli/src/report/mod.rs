/*! How results are printed: as a page for people or as JSON for programs, in either case harmless for a terminal. */

mod tables;

use std::io::{self, Write};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use schema::text::{self, Page};
use serde::Serialize;

pub use tables::{Detail, ReleaseParts, images, releases};

use super::{Exit, HasExitCode, Raw, completions, man, print};

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints a page on standard output.
pub fn print_page(page: &Page) -> Result<(), PrintError> {
    print(page).map_err(PrintError::from)
}

/// Prints one value as JSON on standard output, as it is made: a large one is never held whole. Characters that a terminal could
/// obey or nobody can see are spelled out as `\u…`.
pub fn print_json(value: &impl Serialize) -> Result<(), PrintError> {
    text::json(value, Raw).map_err(PrintError::from)
}

/// Flags of the subcommand `completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    /// Prints the completion script of a program.
    pub fn print<P: CommandFactory>(&self) -> Result<(), PrintError> {
        completions(&mut P::command(), self.shell, &mut Raw).map_err(PrintError::from)
    }
}

/// Flags of the subcommand `man`.
#[derive(Debug, Clone, Args)]
pub struct Man {
    /// Of which subcommand; of the program if none is named
    subcommand: Vec<String>,
}

impl Man {
    /// Prints a manual page of a program.
    pub fn print<P: CommandFactory>(&self) -> Result<(), PrintError> {
        self.write::<P>(&mut Raw)
    }

    fn write<P: CommandFactory>(&self, out: &mut impl Write) -> Result<(), PrintError> {
        man(&P::command(), &self.subcommand, out).map_err(PrintError::from)
    }
}

/// Why nothing is printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// Standard output cannot be written to. A reader that left is none of that.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
    /// There is no manual page of that name. The user's fault.
    #[error("{0}")]
    Unknown(io::Error),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidInput => Self::Unknown(error),
            _ => Self::Output(error),
        }
    }
}

impl HasExitCode for PrintError {
    fn exit(&self) -> Exit {
        match self {
            Self::Output(_) => Exit::Failed,
            Self::Unknown(_) => Exit::Usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "tool")]
    enum Tool {
        /// Builds it
        Build,
        /// Print a manual page
        Man(Man),
    }

    #[test]
    fn a_page_that_does_not_exist_is_the_users_fault() -> Result<(), Box<dyn std::error::Error>> {
        let Tool::Man(man) = Tool::try_parse_from(["tool", "man", "bild"])? else {
            return Err("another subcommand".into());
        };
        let refused = man.write::<Tool>(&mut Vec::new());
        assert!(refused.is_err_and(|error| {
            error.exit() == Exit::Usage && error.to_string() == "tool has no subcommand \"bild\""
        }));
        let man = Man {
            subcommand: vec!["build".to_owned()],
        };
        let mut page = Vec::new();
        man.write::<Tool>(&mut page)?;
        assert!(String::from_utf8(page)?.contains("Builds it"));
        Ok(())
    }

    #[test]
    fn what_cannot_be_written_is_nobodys_fault() {
        let full = PrintError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), Exit::Failed);
        assert!(full.to_string().starts_with("standard output: "));
    }
}
