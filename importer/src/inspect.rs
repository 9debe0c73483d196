/*! Shows what an index says, and never leaves open whether anybody vouches for it. */

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
};

use cli::{Format, PrintError};
use schema::{
    bundle::{Index, KeyId, Opened, TrustedKeys},
    text::{self, Align, Table, escape, human_bytes, joined, missing, objects},
};
use serde::Serialize;

use crate::{Error, report};

/// Writes the index of a bundle to standard output, as it is made: what a large index comes to is never held whole. Without
/// keys nothing is verified, and each line says so.
pub fn show(
    opened: Opened,
    keys: Option<&TrustedKeys>,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Error> {
    let written = match keys {
        None => {
            let claim = opened.unverified()?;
            let vouched = Vouched::Unverified(claim.claimed);
            shown(&claim.index, vouched, format, out)
        }
        Some(keys) => {
            let verified = opened.verify(keys)?;
            let vouched = Vouched::Verified(verified.signer());
            shown(verified.index(), vouched, format, out)
        }
    };
    Ok(written.map_err(PrintError::Output)?)
}

/// Whether the signature was checked, and with which key.
#[derive(Clone, Copy)]
enum Vouched {
    Unverified(KeyId),
    Verified(KeyId),
}

impl Vouched {
    fn sentence(self) -> String {
        match self {
            Self::Unverified(key) => {
                format!(
                    "UNVERIFIED: nobody vouches for what follows; it claims to be signed by key {key}"
                )
            }
            Self::Verified(key) => {
                format!(
                    "VERIFIED signature by key {key}; contents are checked by `importer verify` and on every import"
                )
            }
        }
    }

    /// Ends every line of an unverified output, so that no line can be taken out of its context.
    fn mark(self) -> &'static str {
        match self {
            Self::Unverified(_) => "  [UNVERIFIED]",
            Self::Verified(_) => "",
        }
    }
}

fn shown(index: &Index, vouched: Vouched, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => json(index, vouched, out),
        Format::Table => table(
            index,
            vouched,
            &mut Lines {
                out,
                mark: vouched.mark(),
                empty: true,
            },
        ),
    }
}

/// Puts a mark at the end of every line that is not empty.
struct Lines<'a, W> {
    out: &'a mut W,
    mark: &'static str,
    empty: bool,
}

impl<W: Write> Lines<'_, W> {
    /// One line, whatever stands in it.
    fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self, "{}", escape(&line.to_string()))
    }
}

impl<W: Write> Write for Lines<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, end) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                _ => (piece, false),
            };
            self.out.write_all(line)?;
            self.empty &= line.is_empty();
            if end {
                let mark = if self.empty { "" } else { self.mark };
                writeln!(self.out, "{mark}")?;
                self.empty = true;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Kinds of objects that are counted by name; the rest is counted together.
const KINDS: usize = 50;

fn table(index: &Index, vouched: Vouched, out: &mut Lines<'_, impl Write>) -> io::Result<()> {
    out.line(vouched.sentence())?;
    let stored: u64 = index.files.iter().map(|file| file.stored()).sum();
    out.line(format_args!(
        "Made by {} at {}; {} files, {}",
        index.creator,
        index.created,
        index.files.len(),
        human_bytes(stored)
    ))?;
    if !index.images.is_empty() {
        let mut table = Table::new([
            ("IMAGE", Align::Left),
            ("TAGS", Align::Left),
            ("DIGEST", Align::Left),
            ("PLATFORMS", Align::Left),
            ("ATTACHED", Align::Right),
            ("SOURCE", Align::Left),
        ]);
        for image in &index.images {
            table.row([
                image.repository.to_string(),
                joined(&image.tags),
                image.digest.to_string(),
                joined(&image.platforms),
                image.attached.len().to_string(),
                image.source.clone(),
            ]);
        }
        write!(out, "\n{table}")?;
    }
    if !index.missing.is_empty() {
        write!(out, "\n{}", missing(&index.missing))?;
    }
    releases(index, out)?;
    if !index.objects.is_empty() {
        let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for object in &index.objects {
            *kinds
                .entry((&object.api_version, &object.kind))
                .or_default() += 1;
        }
        let mut named: Vec<String> = kinds
            .iter()
            .take(KINDS)
            .map(|((version, kind), count)| format!("{count} {version}/{kind}"))
            .collect();
        if let Some(rest @ 1..) = kinds.len().checked_sub(KINDS) {
            named.push(format!("and {rest} more kinds"));
        }
        drop(kinds);
        out.line("")?;
        out.line(format_args!("Objects: {}", named.join(", ")))?;
        write!(out, "{}", objects(&index.objects))?;
    }
    Ok(())
}

/// Which images are releases, who vouches for them, and what brings the update graph.
fn releases(index: &Index, out: &mut Lines<'_, impl Write>) -> io::Result<()> {
    if !index.releases.is_empty() {
        let columns = ["RELEASE", "IMAGE", "DIGEST", "VERIFIED BY"];
        let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
        for release in &index.releases {
            let keys = match release.verified_by.as_slice() {
                [] => "UNVERIFIED".to_owned(),
                keys => joined(keys),
            };
            table.row([
                release.version.clone(),
                format!("{}:{}", release.repository, release.tag),
                release.digest.to_string(),
                keys,
            ]);
        }
        write!(out, "\n{table}")?;
    }
    let unverified = report::unverified_releases(index);
    for warning in unverified
        .into_iter()
        .chain(report::incomplete_releases(index))
    {
        out.line(format_args!("warning: {warning}"))?;
    }
    if let Some(graph) = &index.update_graph {
        out.line("")?;
        let graph = format_args!("Update graph: {}@{}", graph.repository, graph.digest).to_string();
        out.line(graph)?;
    }
    Ok(())
}

fn json(index: &Index, vouched: Vouched, out: &mut impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Shown<'a> {
        signature: &'static str,
        key: String,
        index: &'a Index,
    }
    let (signature, key) = match vouched {
        Vouched::Unverified(key) => ("UNVERIFIED", key),
        Vouched::Verified(key) => ("VERIFIED", key),
    };
    let shown = Shown {
        signature,
        key: key.to_string(),
        index,
    };
    text::json(&shown, out)
}
