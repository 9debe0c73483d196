/*! Unpacks a verified bundle: the directory gets its name after the last byte was checked. */

use std::{io, path::Path};

use cli::next_commands;
use schema::{
    Progress,
    bundle::{self, FileKind, Index, Unpacking, Verified},
    text::Page,
};

use crate::{Error, audit, report};

/// Writes every file below `directory`, which must be absent or empty. Returns what can be done with them.
pub fn into_directory(
    bundle: Verified,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<Page, Error> {
    let contents = bundle.into_contents();
    let tape = contents.share();
    let index = tape.index();
    progress.begin(
        "Extracting",
        index.files.iter().map(|file| file.stored()).sum(),
    );
    let target = Unpacking::into(directory)?.keeping_private(index.secrets());
    target.clear()?;
    target.head(contents.tape())?;
    let result: Result<(), bundle::Error> = contents.visit(|entry| {
        let file = entry.file;
        let failed = |error| target.failed(file, error);
        if audit::concerns(entry.file) {
            let bytes = entry.body.read_whole()?;
            audit::check(index, &entry.file.path, &bytes)?;
            io::copy(&mut bytes.as_slice(), &mut target.create(entry.file)?).map_err(failed)?;
        } else if matches!(entry.file.kind(), FileKind::Regular) {
            io::copy(&mut entry.body, &mut target.create(entry.file)?).map_err(failed)?;
        }
        target.link(entry.file)?;
        progress.advance(entry.file.stored());
        Ok(())
    });
    progress.end();
    result?;
    target.finish()?;
    Ok(summary(index, directory))
}

/// What was done, and what can be done next.
fn summary(index: &Index, directory: &Path) -> Page {
    let mut page = Page::new();
    page.line(format_args!(
        "Extracted to {}, every byte verified.",
        directory.display()
    ));
    for warning in report::warnings(index) {
        page.line(format_args!("warning: {warning}"));
    }
    let config = directory.join("config");
    let config = (!index.objects.is_empty()).then_some(config.as_path());
    page.append(&next_commands(index, directory, config));
    page
}
