/*!
Reads every byte of a bundle and compares it with what the signed index predicts.

From a file, entries are hashed by as many threads as there are cores; from a pipe, as they pass.
*/

use std::{
    path::PathBuf,
    slice,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use media::volumes::{Found, Source, is_whole};

use schema::{
    Progress,
    bundle::{self, Contents, FileKind, Random, TrustedKeys, Verified},
    text::{Page, counted, human_bytes},
};

use crate::{Error, audit, open, report};

/// Checks bundles, and volumes: those that are a whole bundle together as that, single ones against the signed list of all.
pub fn all(
    paths: &[PathBuf],
    keys: &TrustedKeys,
    progress: &dyn Progress,
    mut show: impl FnMut(&Page) -> Result<(), Error>,
) -> Result<(), Error> {
    let (whole, volumes): (Vec<PathBuf>, _) =
        paths.iter().cloned().partition(|path| is_whole(path));
    for path in &whole {
        let path = slice::from_ref(path);
        let verified = open::verified(path, keys)?;
        show(&self::whole(verified, &open::name(path), progress)?)?;
    }
    if volumes.is_empty() {
        return Ok(());
    }
    match Source::of(&volumes, Some(keys))? {
        Source::Volumes(found)
            if !found.is_complete() && volumes.iter().all(|path| path.is_file()) =>
        {
            show(&single(&found)?)
        }
        _ => {
            let explained = |error| open::explained(error, &volumes, keys);
            let verified = open::verified(&volumes, keys).map_err(explained)?;
            let page = self::whole(verified, &open::name(&volumes), progress);
            show(&page.map_err(explained)?)
        }
    }
}

/// Volumes by themselves.
fn single(found: &Found) -> Result<Page, Error> {
    let mut page = Page::new();
    for path in found.alone()? {
        page.line(format_args!(
            "{path}: RIGHT, one of {} of bundle {}",
            counted(found.list.volumes.len(), "volume"),
            found.list.bundle
        ));
    }
    page.line(format_args!(
        "The bundle is verified only with all of them."
    ));
    Ok(page)
}

/// Checks the whole bundle; what is returned says so.
pub fn whole(bundle: Verified, name: &str, progress: &dyn Progress) -> Result<Page, Error> {
    let (signer, length) = (bundle.signer(), bundle.length());
    let images = counted(bundle.index().images.len(), "image");
    let objects = counted(bundle.index().objects.len(), "object");
    let warnings = report::warnings(bundle.index());
    progress.begin(
        "Verifying",
        bundle.index().files.iter().map(|file| file.stored()).sum(),
    );
    let result = match bundle.into_contents() {
        Contents::Random(random) => in_parallel(&random, progress),
        sequential @ Contents::Sequential(_) => in_order(sequential, progress),
    };
    progress.end();
    result?;
    let mut page = Page::new();
    page.line(format_args!(
        "{name}: VERIFIED, signed by {signer}, {images}, {objects}, {}",
        human_bytes(length)
    ));
    for warning in warnings {
        page.line(format_args!("warning: {warning}"));
    }
    Ok(page)
}

fn in_order(contents: Contents, progress: &dyn Progress) -> Result<(), bundle::Error> {
    let tape = contents.share();
    contents.visit(|entry| {
        if audit::concerns(entry.file) {
            audit::check(tape.index(), &entry.file.path, &entry.body.read_whole()?)?;
        } else {
            entry.body.drain()?;
        }
        progress.advance(entry.file.stored());
        Ok(())
    })
}

fn in_parallel(random: &Random, progress: &dyn Progress) -> Result<(), bundle::Error> {
    random.check_frame()?;
    let mut work: Vec<(u64, usize)> = Vec::new();
    for (position, file) in random.index().files.iter().enumerate() {
        if matches!(file.kind(), FileKind::Regular) {
            work.push((file.size, position));
        }
    }
    // The longest first: nothing is left at the end that one thread has to do alone.
    work.sort_unstable_by(|a, b| b.cmp(a));
    let (next, failure) = (
        AtomicUsize::new(0),
        Mutex::new(None::<(usize, bundle::Error)>),
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(work.len()) {
            scope.spawn(|| {
                while let Some(&(size, position)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = one(random, position) {
                        // Of several errors the first in the bundle is returned, whichever thread was faster.
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        if failure.as_ref().is_none_or(|(first, _)| position < *first) {
                            *failure = Some((position, error));
                        }
                    }
                    progress.advance(size);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => random.check_copies(),
    }
}

fn one(random: &Random, position: usize) -> Result<(), bundle::Error> {
    let mut content = random.open(position)?;
    match random
        .index()
        .files
        .get(position)
        .filter(|file| audit::concerns(file))
    {
        Some(file) => audit::check(random.index(), &file.path, &content.read_whole()?),
        None => content.drain(),
    }
}
