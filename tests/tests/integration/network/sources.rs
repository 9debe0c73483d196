/*! `registries.conf`: mirrors, insecure and blocked registries, and what is said of files that cannot be read. */

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use tests::process::{Output, Program};

use crate::{
    desk::Desk,
    outcome::{fails_with, json},
};

/// A build of one image with this `registries.conf`, and no flag about TLS.
fn build(desk: &Desk, reference: &str, conf: &Path) -> Result<Output> {
    let build = Program::bundler()?.args(["build", "--retries", "0", "--image", reference]);
    let build = build.args(["--registries-conf"]).args([conf]);
    let build = build.args(["--signing-key"]).args([desk.at("key.pem")]);
    build.args(["-o"]).args([desk.at("a.tar")]).run()
}

fn conf(desk: &Desk, text: &str) -> Result<PathBuf> {
    desk.file("registries.conf", text)
}

/// The source of the only image in the bundle.
fn source(desk: &Desk) -> Result<String> {
    let inspect = desk
        .import("inspect", &desk.at("a.tar"))?
        .args(["--format", "json"]);
    let shown = json(&inspect.run()?.expect_code(0)?)?;
    Ok(shown.to_string())
}

#[test]
fn an_image_comes_from_the_first_mirror_that_has_it_and_keeps_its_name() -> Result<()> {
    let desk = Desk::new()?;
    desk.image("cache/team/app", "v1", 1, 1000)?;
    let empty = FakeRegistry::start(Settings::default())?;
    let gone = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let text = format!(
        "[[registry]]\nprefix = 'quay.invalid'\nlocation = 'quay.invalid'\n\
         [[registry.mirror]]\nlocation = '{gone}/cache'\ninsecure = true\n\
         [[registry.mirror]]\nlocation = '{}/cache'\ninsecure = true\n\
         [[registry.mirror]]\nlocation = '{}/cache'\ninsecure = true\n",
        empty.host(),
        desk.source.host()
    );
    let built = build(&desk, "quay.invalid/team/app:v1", &conf(&desk, &text)?)?.expect_code(0)?;
    ensure!(
        built.stderr.contains(&gone.to_string()),
        "the mirror that is gone is not named: {}",
        built.stderr
    );
    let shown = source(&desk)?;
    ensure!(
        shown.contains("quay.invalid/team/app:v1") && !shown.contains(&desk.source.host()),
        "{shown}"
    );
    Ok(())
}

#[test]
fn locations_and_aliases_lead_to_where_images_are() -> Result<()> {
    let desk = Desk::new()?;
    desk.image("moved/team/app", "v1", 1, 1000)?;
    let host = desk.source.host();
    let text = format!(
        "[aliases]\nshort = 'a.old.invalid/team/app'\n\
         [[registry]]\nprefix = '*.old.invalid'\nlocation = '{host}/moved'\ninsecure = true\n"
    );
    let conf = conf(&desk, &text)?;
    build(&desk, "short:v1", &conf)?.expect_code(0)?;
    ensure!(source(&desk)?.contains("a.old.invalid/team/app:v1"));
    // As podman has it, without a flag: the user's own file.
    let home = |program: Program| -> Result<Program> {
        let place = program.home().join(".config/containers");
        std::fs::create_dir_all(&place)?;
        std::fs::copy(&conf, place.join("registries.conf"))?;
        Ok(program)
    };
    let dry = Program::bundler()?.args(["build", "--dry-run", "--image", "short:v1"]);
    home(dry)?.run()?.expect_code(0)?;
    let dry = Program::bundler()?.args(["build", "--dry-run", "--image", "short:v1"]);
    dry.env("CONTAINERS_REGISTRIES_CONF", &conf)
        .run()?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn what_is_blocked_or_broken_names_the_file() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let target = FakeRegistry::start(Settings::default())?;
    let blocked = format!(
        "[[registry]]\nlocation = '{}'\nblocked = true\n",
        target.host()
    );
    let blocked = conf(&desk, &blocked)?;
    let reference = format!("{}/a:v1", target.host());
    fails_with(
        &build(&desk, &reference, &blocked)?,
        2,
        &["registries.conf", "blocked", &reference.replace(":v1", "")],
    );
    let push = |conf: &Path| -> Result<Output> {
        let push = desk
            .import("push", &bundle)?
            .args(["--retries", "0", "--to", &target.host()]);
        push.args(["--registries-conf"]).args([conf]).run()
    };
    fails_with(&push(&blocked)?, 2, &["registries.conf", "blocked"]);
    ensure!(target.requests().is_empty());
    let insecure = format!(
        "[[registry]]\nlocation = '{}'\ninsecure = true\n",
        target.host()
    );
    push(&conf(&desk, &insecure)?)?.expect_code(0)?;
    for (text, words) in [
        ("[registries.insecure]\nregistries = ['a']\n", "version 1"),
        ("[[registry]]\nlocation = 1\n", "line 2"),
    ] {
        fails_with(
            &build(&desk, "a.invalid/b:1", &conf(&desk, text)?)?,
            2,
            &["registries.conf", words, "--registries-conf"],
        );
    }
    fails_with(
        &build(&desk, "a.invalid/b:1", Path::new("/nowhere.conf"))?,
        2,
        &["/nowhere.conf"],
    );
    Ok(())
}
