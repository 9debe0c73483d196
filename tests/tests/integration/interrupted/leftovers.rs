/*! What an earlier build left: taken up if it is sound and of the same bundle, else begun afresh, and never by two at a time. */

use super::{large, length, stalled, undisturbed};
use crate::{
    desk::Desk,
    outcome::{fails_with, json},
};
use anyhow::{Context, Result, ensure};
use fakes::{Action, Fault, Gate};
use std::{fs, path::Path};
use tests::process::{Output, Program};

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
    let whole = undisturbed(&desk, &image)?;
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
        fails_with(
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
