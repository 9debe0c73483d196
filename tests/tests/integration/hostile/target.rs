/*! A target registry that refuses, forgets and mislabels. */

use anyhow::{Result, ensure};
use fakes::{
    Action, FakeRegistry, Fault, registry::Auth, registry::Login, registry::Settings,
    registry::Tokens,
};
use tests::images::{Format, Image, Layer};

use crate::{
    desk::Desk,
    outcome::{fails_with, json, within},
};

/// Two images that share a layer, bundled; with the shared layer larger than the rest.
pub(super) fn shared(desk: &Desk) -> Result<[Image; 2]> {
    let (base, own) = (Layer::new(1, 3 << 20)?, Layer::new(2, 200_000)?);
    let one = Image::single("shop/one", "v1", Format::Oci, std::slice::from_ref(&base))?;
    let two = Image::single("shop/two", "v1", Format::Docker, &[base, own])?;
    let mut references = Vec::new();
    for image in [&one, &two] {
        image.place(&desk.source)?;
        references.push(format!("--image={}", image.reference(&desk.source.host())));
    }
    references.push(format!("-o={}", desk.at("a.tar").display()));
    desk.build()?.args(references).run()?.expect_code(0)?;
    Ok([one, two])
}

pub(super) fn check(target: &FakeRegistry, images: &[Image]) -> Result<()> {
    for image in images {
        let tag = image
            .tag
            .as_ref()
            .map_or_else(|| "none".parse(), |tag| Ok(tag.clone()))?;
        target.check_complete(&image.repository, &tag)?;
        ensure!(target.tags(&image.repository).get(&tag) == Some(&image.root.digest));
    }
    ensure!(
        target.open_uploads() == 0,
        "{} uploads were left open",
        target.open_uploads()
    );
    Ok(())
}

#[test]
fn registries_of_every_make_are_filled_from_a_file_and_from_a_pipe() -> Result<()> {
    let desk = Desk::new()?;
    let images = shared(&desk)?;
    let bundle = desk.at("a.tar");
    let plain = Settings::default;
    let makes = [
        ("lenient", plain()),
        (
            "without mounts",
            Settings {
                mounts: false,
                ..plain()
            },
        ),
        (
            "without single POST",
            Settings {
                monolithic_post: false,
                ..plain()
            },
        ),
        (
            "absolute locations",
            Settings {
                absolute_locations: true,
                monolithic_post: false,
                ..plain()
            },
        ),
        (
            "neither mounts nor referrers",
            Settings {
                mounts: false,
                referrers: false,
                ..plain()
            },
        ),
        (
            "immutable tags",
            Settings {
                immutable_tags: true,
                ..plain()
            },
        ),
    ];
    for (make, settings) in makes {
        for pipe in [false, true] {
            let target = FakeRegistry::start(settings.clone())?;
            let push = || match pipe {
                true => desk
                    .push(std::path::Path::new("-"), &target.host())?
                    .stdin_file(&bundle),
                false => desk.push(&bundle, &target.host()),
            };
            let pushed = push()?.run()?;
            ensure!(
                pushed.code == Some(0),
                "{make}, pipe {pipe}: {}",
                pushed.stderr
            );
            within(&pushed, 64)?;
            check(&target, &images)?;
            // Again: an immutable tag that is right is left alone, and nothing is written.
            let before = target.requests().len();
            push()?.run()?.expect_code(0)?;
            let writes = target.requests().split_off(before);
            ensure!(
                writes
                    .iter()
                    .all(|request| matches!(request.method.as_str(), "GET" | "HEAD")),
                "{make}, pipe {pipe}: {writes:#?}"
            );
        }
    }
    Ok(())
}

#[test]
fn refusals_say_what_to_do_and_leave_no_tag() -> Result<()> {
    let desk = Desk::new()?;
    shared(&desk)?;
    let answer = |status| Action::status(status);
    let uploads = |method| Fault::on(method, "/blobs/uploads/");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let cases: [(Vec<Fault>, &[&str]); 8] = [
        (
            vec![uploads("POST").does(answer(401))],
            &["shop/", "401", "project or repository may not exist"],
        ),
        (
            vec![uploads("POST").does(answer(403))],
            &["shop/", "403", "project or repository may not exist"],
        ),
        (
            vec![Fault::any("/v2/").does(answer(403))],
            &["shop/", "403"],
        ),
        (
            vec![
                uploads("POST").does(answer(413)),
                uploads("PUT").does(answer(413)),
                uploads("PATCH").does(answer(413)),
            ],
            &["413"],
        ),
        (
            vec![uploads("POST").does(answer(500))],
            &["500", "run the same command again"],
        ),
        (
            vec![Fault::on("PUT", "/manifests/").does(answer(400))],
            &["400"],
        ),
        (
            vec![
                Fault::on("PUT", "/manifests/")
                    .does(Action::Header("docker-content-digest", wrong.clone())),
            ],
            &["expected content sha256:", &wrong],
        ),
        (vec![Fault::any("/v2/").does(Action::Html)], &["shop/"]),
    ];
    for (faults, words) in cases {
        for pipe in [false, true] {
            let target = FakeRegistry::start(Settings::default())?;
            faults.iter().for_each(|fault| target.fault(fault.clone()));
            let push = match pipe {
                true => desk
                    .push(std::path::Path::new("-"), &target.host())?
                    .stdin_file(&desk.at("a.tar"))?,
                false => desk.push(&desk.at("a.tar"), &target.host())?,
            };
            let pushed = push.args(["--retries", "0"]).run()?;
            fails_with(&pushed, 30, words);
            within(&pushed, 64)?;
            ensure!(!target.has_tags(), "a tag for what was refused");
        }
    }
    Ok(())
}

#[test]
fn immutable_tags_that_differ_fail_that_tag_alone() -> Result<()> {
    let desk = Desk::new()?;
    let images = shared(&desk)?;
    let target = FakeRegistry::start(Settings {
        immutable_tags: true,
        ..Settings::default()
    })?;
    let other = Image::single("shop/one", "v1", Format::Oci, &[Layer::new(9, 1000)?])?;
    other.place(&target)?;
    let bundle = desk.at("a.tar");
    let kept = desk
        .push(&bundle, &target.host())?
        .args(["--keep-tags"])
        .run()?;
    fails_with(
        &kept,
        50,
        &[
            "--keep-tags",
            "shop/one:v1",
            &other.root.digest.to_string(),
            "nothing was pushed",
        ],
    );
    ensure!(target.repositories().len() == 1);
    let pushed = desk
        .push(&bundle, &target.host())?
        .args(["--format", "json"])
        .run()?;
    fails_with(&pushed, 30, &["tag shop/one:v1", "immutable"]);
    let report = json(&pushed)?;
    let tags = report["tags"].as_array().cloned().unwrap_or_default();
    let action = |name: &str| {
        let found = tags.iter().find(|tag| tag["repository"] == name);
        found.map(|tag| tag["action"].clone()).unwrap_or_default()
    };
    assert_eq!(
        (action("shop/one"), action("shop/two")),
        ("failed".into(), "created".into()),
        "{report}"
    );
    check(&target, &images[1..])
}

#[test]
fn a_login_that_runs_out_in_the_middle_of_a_push_is_renewed() -> Result<()> {
    let desk = Desk::new()?;
    let images = shared(&desk)?;
    let login = Login::new("robot", "s3cr3t-pass");
    let target = FakeRegistry::start(Settings {
        auth: Auth::Bearer(Tokens {
            login: Some(login.clone()),
            uses: Some(6),
            ..Tokens::default()
        }),
        ..Settings::default()
    })?;
    let anonymous = desk.push(&desk.at("a.tar"), &target.host())?.run()?;
    fails_with(
        &anonymous,
        30,
        &["shop/", "project or repository may not exist"],
    );
    let docker = format!("{}:{}", login.user, login.password);
    let docker = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, docker);
    let auths = serde_json::json!({"auths": {target.host(): {"auth": docker}}});
    let authfile = desk.file("auth.json", auths.to_string())?;
    let push = desk.push(&desk.at("a.tar"), &target.host())?;
    let pushed = push
        .args([
            "-vv",
            "--concurrency=2",
            "--authfile",
            &authfile.to_string_lossy(),
        ])
        .run()?
        .expect_code(0)?;
    for secret in ["s3cr3t-pass", "token-", &docker] {
        ensure!(
            !pushed.stderr.contains(secret) && !pushed.text().contains(secret),
            "{}",
            pushed.stderr
        );
    }
    check(&target, &images)
}
