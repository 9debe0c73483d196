/*! Builds that are killed: what is on disk is not fetched again, and the bundle is the same in the end. */

use super::{AGAIN, large, length, stalled, total, undisturbed};
use crate::{desk::Desk, outcome::blob_bytes};
use anyhow::{Result, ensure};
use fakes::{Action, Fault, Gate};
use schema::Digest;
use std::{fs, path::Path};

#[test]
fn a_killed_build_goes_on_where_it_was_at_any_moment() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    let whole = undisturbed(&desk, &image)?;
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
            (kept > 0) == second.stderr.contains("resuming the unfinished"),
            "{kept}: {}",
            second.stderr
        );
        assert!(!partial.exists());
        fs::remove_file(&last)?;
    }
    Ok(())
}

#[test]
fn a_build_killed_by_bytes_on_disk_is_the_same_in_the_end() -> Result<()> {
    let desk = Desk::new()?;
    let image = large(&desk)?;
    let whole = undisturbed(&desk, &image)?;
    let (partial, last) = (desk.at(".again.tar.partial"), desk.at("again.tar"));
    let mut kills = 0;
    for bytes in [1, 3 << 20, 12 << 20, 33 << 20, whole.len() as u64 - 2000] {
        let killed = desk
            .build_image(&image, "again.tar")?
            .kill_when(|| length(&partial) >= bytes)?;
        // The last moment may come too late: then the file is whole, and that is the right outcome too.
        ensure!(killed.signal == Some(9) || killed.code == Some(0));
        ensure!(killed.code.is_none() || fs::read(&last)? == whole);
        let between = desk.source.requests().len();
        desk.build_image(&image, "again.tar")?
            .run()?
            .expect_code(0)?;
        ensure!(fs::read(&last)? == whole, "killed at {bytes} bytes");
        if killed.signal.is_some() {
            kills += 1;
            let fetched = blob_bytes(&desk.source, between);
            ensure!(
                fetched + bytes <= whole.len() as u64,
                "{fetched} bytes fetched with {bytes} there"
            );
        }
        fs::remove_file(&last)?;
    }
    ensure!(kills >= 3, "only {kills} of 5 were killed in time");
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
