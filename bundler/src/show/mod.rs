/*! What a build prints: the plan before, or the result after. Sizes count by 1024. */

mod releases;

use cli::{Detail, ReleaseParts};
use schema::{
    bundle::{File, FileKind, Index},
    text::{Page, counted, human_bytes, missing, objects},
};
use serde::Serialize;

use crate::{Plan, Request, write::Output};

/// The plan or the result, for people.
pub(crate) fn table(plan: &Plan, request: &Request) -> Page {
    let index = &plan.index;
    let mut text = Page::new();
    if !index.releases.is_empty() {
        text.table(&cli::releases(index, Detail::Short));
        text.gap();
    }
    let parts = ReleaseParts::of(index);
    let mut others = index
        .images
        .iter()
        .filter(|image| !parts.contain(image))
        .peekable();
    if others.peek().is_some() {
        text.table(&cli::images(others, Detail::Short));
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
        .filter(|file| matches!(file.kind(), FileKind::Regular));
    let bytes = stored.clone().map(File::stored).sum();
    let verb = if request.dry_run {
        "Would write"
    } else {
        "Wrote"
    };
    let place = match &request.output {
        output if output.is_stdout() && request.dry_run => "a bundle".to_owned(),
        Output::Volumes { path, .. } => format!("the volumes of {}", path.display()),
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

/// The index as it is signed, and what it comes to.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    dry_run: bool,
    bytes: u64,
    index: &'a Index,
}

/// The plan or the result, for programs.
pub(crate) fn json<'a>(plan: &'a Plan, request: &Request) -> Report<'a> {
    Report {
        dry_run: request.dry_run,
        bytes: plan.index.files.iter().map(File::stored).sum(),
        index: &plan.index,
    }
}
