/*! Log lines: on stderr, above the progress bars and never through them. */

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;
use schema::text::{Form, Safe, escape};
use tracing_subscriber::{EnvFilter, field::MakeExt as _, fmt::format::debug_fn};

use super::bars;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `RUST_LOG` decides if set; else this project's own lines from `info` on, from `debug` with one `-v`,
/// all of them with two. Libraries never go below `info` by a flag: their details may show what a request carries.
pub(super) fn init(format: LogFormat, verbose: u8) {
    let (others, own) = match verbose {
        0 => ("warn", "info"),
        1 => ("warn", "debug"),
        _ => ("info", "trace"),
    };
    // What kube calls an error is often outlived by a retry, and told by us where it is not.
    let chosen = format!("{others},kube_client=off,schema={own},bundler={own},importer={own}");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(chosen));
    let colour = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour);
    // Escaped before the formatter's own colours come in.
    let text = debug_fn(|out, field, value| match field.name() {
        "message" => write!(out, "{}", escape(&format!("{value:?}"))),
        name => write!(out, "{name}={}", escape(&format!("{value:?}"))),
    });
    // Fails only where a test has set a subscriber before.
    drop(match (format, verbose) {
        (LogFormat::Json, _) => lines
            .json()
            .with_writer(|| Safe::new(BufWriter::new(AboveBars), Form::Json))
            .try_init(),
        (LogFormat::Text, verbose) => {
            let lines = lines
                .fmt_fields(text.delimited(" "))
                .with_writer(|| AboveBars);
            match verbose {
                0 => lines.without_time().with_target(false).try_init(),
                _ => lines.try_init(),
            }
        }
    });
}

/// Stderr, with the bars out of the way for the moment of writing.
struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bars::SCREEN.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
