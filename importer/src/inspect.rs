/*! Shows what an index says, and never leaves open whether anybody vouches for it. */

use std::collections::BTreeMap;

use schema::{
    bundle::{Index, KeyId},
    cli::{Align, Table, escape, human_bytes, joined, missing, objects},
};
use serde::Serialize;

use crate::{
    Error,
    args::{Format, InspectArgs},
    open, report,
};

/// The text for standard output.
pub fn show(args: &InspectArgs) -> Result<String, Error> {
    let opened = open::opened(&args.bundle)?;
    if args.unverified {
        let claim = opened.unverified()?;
        return shown(
            &claim.index,
            Vouched::Unverified(claim.claimed),
            args.format,
        );
    }
    let verified = opened.verify(&open::keys(&args.keys)?)?;
    shown(
        verified.index(),
        Vouched::Verified(verified.signer()),
        args.format,
    )
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

fn shown(index: &Index, vouched: Vouched, format: Format) -> Result<String, Error> {
    match format {
        Format::Json => json(index, vouched),
        Format::Table => Ok(table(index, vouched)),
    }
}

fn table(index: &Index, vouched: Vouched) -> String {
    let mut text = format!("{}\n", vouched.sentence());
    let stored: u64 = index.files.iter().map(|file| file.stored()).sum();
    let (creator, created) = (escape(&index.creator), escape(&index.created));
    text.push_str(&format!(
        "Made by {creator} at {created}; {} files, {}\n",
        index.files.len(),
        human_bytes(stored)
    ));
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
        text.push_str(&format!("\n{table}"));
    }
    if !index.missing.is_empty() {
        text.push_str(&format!("\n{}", missing(&index.missing)));
    }
    text.push_str(&releases(index));
    if !index.objects.is_empty() {
        let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for object in &index.objects {
            *kinds
                .entry((&object.api_version, &object.kind))
                .or_default() += 1;
        }
        let kinds = kinds
            .iter()
            .map(|((version, kind), count)| format!("{count} {version}/{kind}"));
        text.push_str(&format!(
            "\nObjects: {}\n",
            escape(&kinds.collect::<Vec<_>>().join(", "))
        ));
        let table = objects(&index.objects);
        text.push_str(&table.to_string());
    }
    let mark = vouched.mark();
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("{line}{mark}\n")
            }
        })
        .collect()
}

/// Which images are releases, who vouches for them, and what brings the update graph.
fn releases(index: &Index) -> String {
    let mut text = String::new();
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
        text.push_str(&format!("\n{table}"));
    }
    let unverified = report::unverified_releases(index);
    for warning in unverified
        .into_iter()
        .chain(report::incomplete_releases(index))
    {
        text.push_str(&format!("warning: {}\n", escape(&warning)));
    }
    if let Some(graph) = &index.update_graph {
        let graph = format!("{}@{}", graph.repository, graph.digest);
        text.push_str(&format!("\nUpdate graph: {graph}\n"));
    }
    text
}

fn json(index: &Index, vouched: Vouched) -> Result<String, Error> {
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
    report::json(&shown)
}
