/*!
The half of the command line that both programs share by contract.

An operator who knows one program knows the other: the same flags for registries, the same variables, the same logging,
the same exit codes, data on stdout and everything else on stderr. A program is a [`Program`]; its `main` is
[`run::<It>()`](run).

```no_run
use cli::{CommonArgs, Exit, HasExitCode, Program};

/// Greets somebody.
#[derive(clap::Parser)]
struct Greeter {
    #[command(flatten)]
    common: CommonArgs,
    /// To whom ($GREETER_NAME)
    #[arg(long)]
    name: String,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody has the name {0:?}")]
struct Nobody(String);

impl HasExitCode for Nobody {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Program for Greeter {
    const PREFIX: &'static str = "GREETER";
    type Error = Nobody;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    async fn run(self) -> Result<Exit, Nobody> {
        if self.name.is_empty() {
            return Err(Nobody(self.name));
        }
        Ok(Exit::Done)
    }
}

fn main() -> std::process::ExitCode {
    cli::run::<Greeter>()
}
```
*/

mod args;
mod bars;
mod documents;
mod environment;
mod exit;
mod logging;
mod next;
mod report;
pub mod shell;
mod status;
mod stdout;

use std::{
    io::{self, Write},
    process::ExitCode,
};

pub use args::{CommonArgs, RegistryArgs};
pub use bars::Bars;
pub use environment::with_environment;
pub use exit::{Exit, HasExitCode};
pub use logging::LogFormat;
pub use next::next_commands;
pub use report::{
    Completions, Detail, Format, Man, PrintError, ReleaseParts, images, print_json, print_page,
    releases,
};
pub use status::{Line, StatusTable};
pub use stdout::stdout;

use schema::text::{Form, Safe, excerpt, is_hidden};

use documents::{completions, man};
use stdout::{Raw, print};

/// What `--version` prints after the program's name; the product's name tells ours from Ruby's `bundler`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (offline-bundle)");

/// A program: its flags and what it does.
pub trait Program: clap::Parser {
    /// What its environment variables begin with: `BUNDLER` makes `BUNDLER_AUTHFILE`.
    const PREFIX: &'static str;
    /// Why it may fail.
    type Error: HasExitCode;

    /// The flags that say how to report.
    fn common(&self) -> &CommonArgs;

    /// Does what the flags say, on a runtime with at least two threads.
    fn run(self) -> impl Future<Output = Result<Exit, Self::Error>>;
}

/// The whole of a `main`: flags and environment, logging, runtime, one sentence per error, exit code.
pub fn run<P: Program>() -> ExitCode {
    let command = with_sizes(with_environment(P::command(), P::PREFIX));
    let parsed = command
        .try_get_matches()
        .and_then(|matches| P::from_arg_matches(&matches));
    let program = match parsed {
        Ok(program) => program,
        Err(error) => {
            return refused(&error).into();
        }
    };
    program.common().init_logging();
    // Fails only if a provider is there already, which then serves as well.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(2))
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "cannot start threads ({error}); raise the limit on processes or memory"
            ));
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(async {
        let _caught = size_limit_is_an_error();
        program.run().await
    }) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&sentence(&error));
            error.exit().into()
        }
    }
}

/// Writing more than `ulimit -f` allows ends a program without a word, unless the signal is caught; then it is an error.
fn size_limit_is_an_error() -> io::Result<tokio::signal::unix::Signal> {
    let signal = rustix::process::Signal::XFSZ.as_raw();
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(signal))
}

/// Every help text says how sizes count, as other tools differ.
fn with_sizes(command: clap::Command) -> clap::Command {
    command
        .after_help("Sizes count by 1024 (KiB, MiB, GiB).")
        .mut_subcommands(with_sizes)
}

/// Says what is wrong with a command line, which may quote a file name; help and version are no errors.
fn refused(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    let odd = text.chars().any(|c| c != '\n' && is_hidden(c));
    if error.use_stderr() && odd {
        drop(Safe::new(io::stderr(), Form::Text).write_all(text.as_bytes()));
    } else {
        // In colour; a reader may have left.
        drop(error.print());
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

/// The longest error that is shown, in characters.
const SENTENCE: usize = 4000;

/// Says on stderr why the program ends; if even that is closed, the exit code says it.
fn complain(sentence: &str) {
    let line = format!("error: {}\n", excerpt(sentence, SENTENCE));
    drop(Safe::new(io::stderr(), Form::Text).write_all(line.as_bytes()));
}

/// An error and its causes in one line, what a cause already told not told twice.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = next.source();
    }
    let lines: Vec<&str> = told
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read a.yaml")]
    struct Outer(#[source] io::Error);

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let error = Outer(io::Error::other("first\n  second \u{1b}[31m"));
        assert_eq!(
            excerpt(&sentence(&error), SENTENCE),
            "cannot read a.yaml: first second \\u{1b}[31m"
        );
    }

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("failed: {0}")]
        struct Repeats(#[source] io::Error);
        assert_eq!(
            sentence(&Repeats(io::Error::other("disk full"))),
            "failed: disk full"
        );
    }
}
