/*! Uploads that a target cuts, limits or refuses as a whole: resumed, made smaller, or given up once. */

use super::target::{check, shared};
use crate::{
    desk::Desk,
    outcome::{fails_with, json},
};
use anyhow::{Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};

#[test]
fn cut_uploads_are_resumed_where_the_registry_remembers_and_repeated_where_it_forgets() -> Result<()>
{
    let desk = Desk::new()?;
    let images = shared(&desk)?;
    for keep_cut_uploads in [true, false] {
        for pipe in [false, true] {
            let target = FakeRegistry::start(Settings {
                keep_cut_uploads,
                monolithic_post: false,
                ..Settings::default()
            })?;
            target.fault(
                Fault::on("PUT", "/blobs/uploads/")
                    .does(Action::CutUpload { after: 900_000 })
                    .times(1),
            );
            let push = match pipe {
                true => desk
                    .push(std::path::Path::new("-"), &target.host())?
                    .stdin_file(&desk.at("a.tar"))?,
                false => desk.push(&desk.at("a.tar"), &target.host())?,
            };
            let pushed = push.run()?;
            ensure!(target.faults_struck() == 1, "no upload was cut");
            ensure!(
                pushed.code == Some(0),
                "keeps {keep_cut_uploads}, pipe {pipe}: {}",
                pushed.stderr
            );
            check(&target, &images)?;
        }
    }
    Ok(())
}

#[test]
fn a_proxy_that_refuses_large_bodies_is_worked_around_or_named() -> Result<()> {
    let desk = Desk::new()?;
    let images = shared(&desk)?;
    let target = FakeRegistry::start(Settings {
        max_body: Some(1 << 20),
        monolithic_post: false,
        ..Settings::default()
    })?;
    let pushed = desk.push(&desk.at("a.tar"), &target.host())?.run()?;
    if pushed.code == Some(0) {
        // What was begun and refused for its size lies open there until the registry clears it away.
        for image in &images {
            target.check_complete(&image.repository, &"v1".parse()?)?;
        }
        return Ok(());
    }
    // A proxy that hangs up while it still receives cannot always be told from a broken line.
    fails_with(&pushed, 30, &["shop/one", "run the same command again"]);
    ensure!(!target.has_tags());
    Ok(())
}

/// What a registry says of everything is told once, and not asked again for each blob: read-only, or hours to wait.
#[test]
fn a_registry_that_takes_nothing_is_told_once() -> Result<()> {
    let desk = Desk::new()?;
    shared(&desk)?;
    for (status, retry_after, words) in [
        (405, None, "read-only or maintenance mode"),
        (429, Some(7200), "left alone for 2 h"),
    ] {
        for pipe in [false, true] {
            let target = FakeRegistry::start(Settings::default())?;
            let answer = Action::Answer {
                status,
                retry_after,
            };
            target.fault(Fault::on("POST", "/blobs/uploads/").does(answer));
            let push = match pipe {
                true => desk
                    .push(std::path::Path::new("-"), &target.host())?
                    .stdin_file(&desk.at("a.tar"))?,
                false => desk.push(&desk.at("a.tar"), &target.host())?,
            };
            let pushed = push
                .args(["--concurrency", "2", "--format", "json"])
                .run()?;
            fails_with(&pushed, 30, &[words]);
            let failures = json(&pushed)?["failures"].as_array().map(Vec::len);
            ensure!(failures == Some(1), "{failures:?}: {}", pushed.stderr);
            let posts = target.requests();
            let posts = posts.iter().filter(|request| request.method == "POST");
            ensure!(posts.count() <= 2);
            ensure!(!target.has_tags());
        }
    }
    Ok(())
}
