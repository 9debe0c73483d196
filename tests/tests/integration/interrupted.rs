/*!
Killed at any moment, run again.

Links across a gap are slow and people impatient: what was moved stays moved, and what is half done never looks done.
*/

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, Gate, LoggedRequest, registry::Settings};
use schema::Digest;
use tests::{
    images::{Format, Image, Layer},
    process::{Output, Program},
};

use crate::{
    desk::Desk,
    outcome::{blob_bytes, json, told},
};

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

fn total(image: &Image) -> u64 {
    image.blobs.iter().map(|blob| blob.size).sum()
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[test]
fn a_killed_build_goes_on_where_it_was_at_any_moment() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    desk.build_image(&image, "whole.tar")?
        .run()?
        .expect_code(0)?;
    let whole = fs::read(desk.at("whole.tar"))?;
    // Requests for blobs that are answered before the registry falls silent, and so the moment of the kill.
    for answered in [0, 1, 2, 5, 9, 12] {
        let gate = Gate::new();
        let silent = Fault::get("/blobs/").does(Action::Hang(gate.clone()));
        desk.source.fault(silent.after(answered));
        let before = desk.source.requests().len();
        let (partial, last) = (desk.at(".again.tar.partial"), desk.at("again.tar"));
        let killed = desk.build_image(&image, "again.tar")?.kill_when(|| {
            assert!(!last.exists(), "the final name before the last byte");
            stalled(&desk.source.requests()[before..], answered)
        })?;
        ensure!(
            killed.signal == Some(9),
            "it ended before the kill after {answered} requests: {}",
            killed.stderr
        );
        assert!(!last.exists());
        let kept = length(&partial);
        gate.open();
        desk.source.heal();
        let between = desk.source.requests().len();
        let second = desk
            .build_image(&image, "again.tar")?
            .run()?
            .expect_code(0)?;
        ensure!(
            fs::read(&last)? == whole,
            "after {answered} requests another file was built"
        );
        let fetched = blob_bytes(&desk.source, between);
        // What the disk holds is not fetched again; and in both runs together, no more than the window twice.
        ensure!(
            fetched + kept <= whole.len() as u64,
            "{kept} bytes were there and {fetched} were fetched after {answered}: {} {:#?}",
            second.stderr,
            desk.source.requests().split_off(between)
        );
        let first: u64 = blob_bytes(&desk.source, before) - fetched;
        ensure!(
            first + fetched <= total(&image) + AGAIN,
            "{first} and {fetched} bytes for {}",
            total(&image)
        );
        ensure!(
            (kept > 0) == second.stderr.contains("going on with the unfinished"),
            "{kept}: {}",
            second.stderr
        );
        assert!(!partial.exists());
        fs::remove_file(&last)?;
    }
    Ok(())
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

#[test]
fn a_build_killed_by_bytes_on_disk_is_the_same_in_the_end() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    desk.build_image(&image, "whole.tar")?
        .run()?
        .expect_code(0)?;
    let whole = fs::read(desk.at("whole.tar"))?;
    let (partial, last) = (desk.at(".again.tar.partial"), desk.at("again.tar"));
    for bytes in [1, 3 << 20, 12 << 20, 33 << 20, whole.len() as u64 - 2000] {
        let killed = desk
            .build_image(&image, "again.tar")?
            .kill_when(|| length(&partial) >= bytes)?;
        // The last moment may come too late: then the file is whole, and that is the right outcome too.
        ensure!(killed.signal == Some(9) || killed.code == Some(0));
        ensure!(last.exists() == (killed.code == Some(0)) || fs::read(&last)? == whole);
        let between = desk.source.requests().len();
        desk.build_image(&image, "again.tar")?
            .run()?
            .expect_code(0)?;
        ensure!(fs::read(&last)? == whole, "killed at {bytes} bytes");
        if killed.signal.is_some() {
            let fetched = blob_bytes(&desk.source, between);
            ensure!(
                fetched + bytes <= whole.len() as u64,
                "{fetched} bytes fetched with {bytes} there"
            );
        }
        fs::remove_file(&last)?;
    }
    Ok(())
}

#[test]
fn a_killed_build_of_a_directory_goes_on_too() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    let reference = image.reference(&desk.source.host());
    let build = |name: &str| {
        let directory = desk.at(name);
        let build = desk.build()?.args(["--image", &reference, "--to-dir"]);
        anyhow::Ok(build.args([directory]))
    };
    build("whole")?.run()?.expect_code(0)?;
    for answered in [1, 4, 12] {
        let gate = Gate::new();
        let silent = Fault::get("/blobs/").does(Action::Hang(gate.clone()));
        desk.source.fault(silent.after(answered));
        let before = desk.source.requests().len();
        let killed =
            build("again")?.kill_when(|| stalled(&desk.source.requests()[before..], answered))?;
        ensure!(killed.signal == Some(9), "{}", killed.stderr);
        assert!(!desk.at("again").exists());
        gate.open();
        desk.source.heal();
        let kept = size_of(&desk.at("again.partial"))?;
        let between = desk.source.requests().len();
        build("again")?.run()?.expect_code(0)?;
        ensure!(tree(&desk.at("again"))? == tree(&desk.at("whole"))?);
        let fetched = blob_bytes(&desk.source, between);
        ensure!(
            fetched <= total(&image).saturating_sub(kept) + (1 << 20),
            "{fetched} bytes fetched with {kept} there"
        );
        desk.import("verify", &desk.at("again"))?
            .run()?
            .expect_code(0)?;
        fs::remove_dir_all(desk.at("again"))?;
    }
    Ok(())
}

/// Every name below a directory with what it holds or leads to.
fn tree(root: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let (mut open, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                let to = fs::read_link(path)?.to_string_lossy().into_owned();
                found.push((name, to.into_bytes()));
            } else {
                found.push((name, Digest::of(&fs::read(path)?).to_string().into_bytes()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn size_of(root: &Path) -> Result<u64> {
    let (mut open, mut size) = (vec![root.to_owned()], 0);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else if entry
                .path()
                .parent()
                .is_some_and(|parent| parent.ends_with("blobs"))
            {
                size += entry.metadata()?.len();
            }
        }
    }
    Ok(size)
}

/// Builds `a.tar` until the registry falls silent after so many blob requests and a part is on disk; kills it there.
/// More than are under way at once must be answered, or nothing of any size need have been delivered in order.
fn half(desk: &Desk, program: Program, answered: usize) -> Result<Output> {
    let gate = Gate::new();
    let silent = Fault::get("/blobs/").does(Action::Hang(gate.clone()));
    desk.source.fault(silent.after(answered));
    let before = desk.source.requests().len();
    let partial = desk.at(".a.tar.partial");
    let killed = program.kill_when(|| {
        length(&partial) > 1 << 20 && stalled(&desk.source.requests()[before..], answered)
    })?;
    gate.open();
    desk.source.heal();
    ensure!(killed.signal == Some(9), "{}", killed.stderr);
    Ok(killed)
}

#[test]
fn going_on_keeps_the_time_of_the_first_run() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    half(&desk, desk.build_image(&image, "a.tar")?, 10)?;
    // An empty epoch is none: the clock would decide, and it says otherwise than the first run did.
    let reference = image.reference(&desk.source.host());
    let (key, output) = (desk.at("key.pem"), desk.at("a.tar"));
    let args = [
        "build",
        "--plain-http",
        "--image",
        &reference,
        "--format",
        "json",
    ];
    let second = Program::bundler()?
        .args(args)
        .args([Path::new("--signing-key"), &key, Path::new("-o"), &output])
        .run()?
        .expect_code(0)?;
    assert_eq!(json(&second)?["index"]["created"], "2023-11-14T22:13:20Z");
    desk.build_image(&image, "b.tar")?.run()?.expect_code(0)?;
    ensure!(fs::read(output)? == fs::read(desk.at("b.tar"))?);
    Ok(())
}

#[test]
fn what_another_build_left_is_not_gone_on_with_and_that_is_said() -> Result<()> {
    let desk = Desk::new()?;
    let (image, other) = (large(&desk)?, desk.image("shop/other", "v1", 7, 80_000)?);
    half(&desk, desk.build_image(&image, "a.tar")?, 10)?;
    let built = desk.build_image(&other, "a.tar")?.run()?.expect_code(0)?;
    assert!(built.stderr.contains("starting afresh"), "{}", built.stderr);
    desk.build_image(&other, "b.tar")?.run()?.expect_code(0)?;
    ensure!(fs::read(desk.at("a.tar"))? == fs::read(desk.at("b.tar"))?);
    Ok(())
}

#[test]
fn a_damaged_partial_file_is_mended_not_believed() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    desk.build_image(&image, "whole.tar")?
        .run()?
        .expect_code(0)?;
    let whole = fs::read(desk.at("whole.tar"))?;
    let head = 3000;
    // In the head, in an entry that is whole, in the last and unfinished one, and bytes that never belonged there.
    for damage in [Some(100), Some(head), Some(5 << 20), Some(20 << 20), None] {
        let mut bytes = whole[..22 << 20].to_vec();
        match damage {
            Some(at) => bytes[at] ^= 1,
            None => bytes.extend(vec![7; 40 << 20]),
        }
        desk.file(".again.tar.partial", bytes)?;
        desk.build_image(&image, "again.tar")?
            .run()?
            .expect_code(0)?;
        ensure!(
            fs::read(desk.at("again.tar"))? == whole,
            "damaged at {damage:?}"
        );
    }
    Ok(())
}

#[test]
fn two_builds_of_one_name_do_not_mix() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 3, 100_000)?;
    let reference = image.reference(&desk.source.host());
    let layer = image.blobs[1].digest.to_string();
    for (flag, name) in [("-o", "a.tar"), ("-o", "a.tar.zst"), ("--to-dir", "a")] {
        let build = || {
            let place = desk.at(name);
            let build = desk.build()?.args(["--image", &reference, flag]);
            anyhow::Ok(build.args([place]))
        };
        let gate = Gate::new();
        desk.source
            .fault(Fault::get(&layer).does(Action::Hang(gate.clone())));
        let before = desk.source.requests().len();
        let first = build()?;
        let first = std::thread::spawn(move || first.run());
        desk.source.wait_for(|requests| {
            requests[before..]
                .iter()
                .any(|request| request.path.contains(&layer))
        })?;
        let second = build()?.run()?;
        gate.open();
        desk.source.heal();
        let first = first.join().ok().context("the first build panicked")??;
        told(
            &second,
            2,
            &[name, "another build is writing it", "name another output"],
        );
        first.expect_code(0)?;
        desk.import("verify", &desk.at(name))?
            .run()?
            .expect_code(0)?;
    }
    Ok(())
}

#[test]
fn a_killed_push_sends_no_committed_blob_again() -> Result<()> {
    let desk = Desk::new()?;
    let layers = (0..8)
        .map(|n| Layer::new(n + 70, 1 << 20))
        .collect::<Result<Vec<_>>>()?;
    let image = Image::single("shop/many", "v1", Format::Oci, &layers)?;
    image.place(&desk.source)?;
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let (bundle, tag) = (desk.at("a.tar"), image.tag.clone().context("a tag")?);
    for (path, passed) in [
        ("/blobs/uploads/", 1),
        ("/blobs/uploads/", 7),
        ("/manifests/", 0),
    ] {
        for keep_cut_uploads in [true, false] {
            let target = FakeRegistry::start(Settings {
                keep_cut_uploads,
                monolithic_post: false,
                ..Settings::default()
            })?;
            let gate = Gate::new();
            let silent = Fault::on("PUT", path).does(Action::Hang(gate.clone()));
            target.fault(silent.after(passed));
            let done =
                |request: &&LoggedRequest| request.method == "PUT" && request.status == Some(201);
            let waits = |request: &&LoggedRequest| {
                request.method == "PUT" && request.path.contains(path) && request.status.is_none()
            };
            let killed = desk.push(&bundle, &target.host())?.kill_when(|| {
                let requests = target.requests();
                requests.iter().filter(done).count() >= passed && requests.iter().any(|r| waits(&r))
            })?;
            ensure!(killed.signal == Some(9), "{}", killed.stderr);
            assert!(!target.has_tags(), "a tag before the last blob");
            let there: Vec<Digest> = image
                .blobs
                .iter()
                .map(|blob| blob.digest)
                .filter(|digest| target.has_blob(&image.repository, digest))
                .collect();
            ensure!(
                there.len() >= passed,
                "{} blobs were committed",
                there.len()
            );
            gate.open();
            target.heal();
            let before = target.requests().len();
            desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
            target.check_complete(&image.repository, &tag)?;
            for request in &target.requests()[before..] {
                let again = there
                    .iter()
                    .find(|digest| request.query.contains(&digest.hex()));
                ensure!(
                    again.is_none() || request.received == 0,
                    "sent again: {request:?}"
                );
            }
            let third = target.requests().len();
            desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
            let writes = target.requests().split_off(third);
            assert!(
                writes
                    .iter()
                    .all(|request| matches!(request.method.as_str(), "GET" | "HEAD")),
                "{writes:?}"
            );
        }
    }
    Ok(())
}
