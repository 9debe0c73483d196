/*!
Killed at any moment, run again.

Links across a gap are slow and people impatient: what was moved stays moved, and what is half done never looks done.
*/

mod builds;
mod leftovers;
mod pushes;

use std::{fs, path::Path};

use anyhow::Result;
use fakes::LoggedRequest;
use tests::images::{Format, Image, Layer};

use crate::desk::Desk;

/// What may be fetched twice: the window, and what was buffered on its way to the disk.
const AGAIN: u64 = (24 << 20) + (256 << 10);

/// More than the window, so that most of it must not be fetched twice.
fn large(desk: &Desk) -> Result<Image> {
    let sizes = [9 << 20, 700_000, 25 << 20, 6 << 20];
    let layers = sizes
        .iter()
        .enumerate()
        .map(|(n, size)| Layer::new(n as u64 + 50, *size));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let image = Image::single("shop/large", "v1", Format::Oci, &layers)?;
    image.place(&desk.source)?;
    Ok(image)
}

/// The bundle of an image, built at one go.
fn undisturbed(desk: &Desk, image: &Image) -> Result<Vec<u8>> {
    let build = desk.build_image(image, "whole.tar")?;
    build.run()?.expect_code(0)?;
    Ok(fs::read(desk.at("whole.tar"))?)
}

fn total(image: &Image) -> u64 {
    image.blobs.iter().map(|blob| blob.size).sum()
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Whether the registry has answered so many blobs whole and holds back at least one more.
fn stalled(requests: &[LoggedRequest], answered: usize) -> bool {
    let blobs = || {
        requests
            .iter()
            .filter(|request| request.method == "GET" && request.path.contains("/blobs/"))
    };
    blobs().filter(whole).count() >= answered && blobs().count() > answered
}

/// Whether the answer to a request has been handed over, as far as its range tells; small answers have none.
fn whole(request: &&LoggedRequest) -> bool {
    let range = request.range.as_deref().unwrap_or_default();
    let span = range
        .strip_prefix("bytes=")
        .and_then(|span| span.split_once('-'));
    let length = span
        .and_then(|(first, last)| Some(last.parse::<u64>().ok()? + 1 - first.parse::<u64>().ok()?));
    request.sent >= length.unwrap_or(1)
}
