/*! What a build says on standard output: the plan before, or the result after. Sizes count by 1024. */

mod releases;

use schema::{
    bundle::{File, Image, Kind},
    text::{Align, Page, Table, counted, human_bytes, joined, missing, objects},
};
use serde::Serialize;

use crate::{Error, Plan, Request, args::Format};

/// The plan as text for the chosen format.
pub(crate) fn plan(plan: &Plan, request: &Request, format: Format) -> Result<Page, Error> {
    match format {
        Format::Json => json(plan, request),
        Format::Table => Ok(table(plan, request)),
    }
}

fn table(plan: &Plan, request: &Request) -> Page {
    let index = &plan.index;
    let mut text = Page::new();
    let (parts, others): (Vec<&Image>, Vec<&Image>) = index
        .images
        .iter()
        .partition(|image| releases::of(index, image).is_some());
    if !index.releases.is_empty() {
        text.table(&releases::table(index, &parts));
        text.gap();
    }
    if !others.is_empty() {
        let mut table = Table::new([
            ("IMAGE", Align::Left),
            ("TAGS", Align::Left),
            ("DIGEST", Align::Left),
            ("PLATFORMS", Align::Left),
            ("ATTACHED", Align::Right),
        ]);
        for Image {
            repository,
            tags,
            digest,
            platforms,
            attached,
            ..
        } in others
        {
            table.row([
                repository.to_string(),
                joined(tags),
                digest.to_string()[..19].to_owned(),
                joined(platforms),
                attached.len().to_string(),
            ]);
        }
        text.table(&table);
        text.gap();
    }
    if !index.objects.is_empty() {
        text.table(&objects(&index.objects));
        text.gap();
    }
    if !index.missing.is_empty() {
        text.table(&missing(&index.missing));
        text.gap();
    }
    let stored = index
        .files
        .iter()
        .filter(|file| matches!(file.kind(), Kind::Regular));
    let bytes = stored.clone().map(File::stored).sum();
    let verb = if request.dry_run {
        "Would write"
    } else {
        "Wrote"
    };
    let place = match &request.output {
        output if output.is_stdout() && request.dry_run => "a bundle".to_owned(),
        output => output.path().display().to_string(),
    };
    text.line(format_args!(
        "{verb} {place}: {}{}, {}, {}, {}",
        counted(index.images.len(), "image"),
        match index
            .missing
            .iter()
            .filter(|one| one.blob.is_none())
            .count()
        {
            0 => String::new(),
            gone => format!(" ({gone} more are MISSING)"),
        },
        counted(index.objects.len(), "object"),
        counted(stored.count(), "file"),
        human_bytes(bytes)
    ));
    if !request.dry_run {
        text.append(&releases::created(plan, request));
        text.append(&releases::next(index, request));
    }
    text
}

fn json(plan: &Plan, request: &Request) -> Result<Page, Error> {
    /// The index as it is signed, and what it comes to.
    #[derive(Serialize)]
    struct Shown<'a> {
        dry_run: bool,
        bytes: u64,
        index: &'a schema::bundle::Index,
    }
    let bytes = plan.index.files.iter().map(File::stored).sum();
    let shown = Shown {
        dry_run: request.dry_run,
        bytes,
        index: &plan.index,
    };
    Page::json(&shown).map_err(|source| Error::Io {
        path: "the plan".into(),
        source,
    })
}
