/*!
Peak memory of every step, for the two bundles that would show it growing: one huge blob, and very many small ones.
*/

use std::{fs, path::Path};

use anyhow::Result;
use fakes::{FakeRegistry, registry::Settings};
use schema::text::human_bytes;
use tests::{
    images::Set,
    process::{Output, Program},
};

use super::measure::{Report, clear};

/// What no step may exceed: 64 MiB.
const LIMIT: u64 = 64 << 20;

/// Builds, verifies and pushes both bundles, the push from the file and from a pipe.
pub fn run(work: &Path, report: &mut Report) -> Result<()> {
    let files = work.join("huge");
    fs::create_dir(&files)?;
    one(
        "one blob of 6 GiB",
        &Set::one_huge(6 << 30, &files)?,
        work,
        report,
    )?;
    clear(&files)?;
    one(
        "20,000 small blobs",
        &Set::many_small(10_000)?,
        work,
        report,
    )
}

fn one(what: &str, set: &Set, work: &Path, report: &mut Report) -> Result<()> {
    println!("\nmemory: {what}");
    let source = FakeRegistry::start(Settings::default())?;
    set.place(&source)?;
    let (key, public) = (work.join("memory.pem"), work.join("memory.pub.pem"));
    let (spec, bundle) = (work.join("memory.yaml"), work.join("memory.tar"));
    if !key.exists() {
        Program::bundler()?
            .args(["keygen", "--out"])
            .args([&key])
            .run()?
            .expect_code(0)?;
    }
    let images = set
        .images
        .iter()
        .map(|image| format!("- {}\n", image.reference(&source.host())));
    fs::write(&spec, format!("images:\n{}", images.collect::<String>()))?;
    let build = |out: &Path| -> Result<Program> {
        let program = Program::bundler()?
            .args(["build", "--plain-http", "--spec"])
            .args([&spec]);
        Ok(program
            .args(["--signing-key"])
            .args([&key])
            .args(["-o"])
            .args([out]))
    };
    let importer = |verb: &str, from: &Path| -> Result<Program> {
        Ok(Program::importer()?
            .args([verb])
            .args([from])
            .args(["--key"])
            .args([&public]))
    };
    let mut note = |step: &str, output: Output| -> Result<()> {
        let peak = output.expect_code(0)?.peak_rss;
        println!("  {step:<20} {}", human_bytes(peak));
        report.bound(
            &format!("{step}, {what}"),
            &human_bytes(peak),
            "<= 64.0 MiB",
            peak <= LIMIT,
        );
        Ok(())
    };
    note("build", build(&bundle)?.run()?)?;
    note("verify", importer("verify", &bundle)?.run()?)?;
    note(
        "verify, pipe",
        importer("verify", Path::new("-"))?
            .stdin_file(&bundle)?
            .run()?,
    )?;
    into_registry(work, |host| {
        let push = importer("push", &bundle)?.args(["--plain-http", "--to", host]);
        note("push, file", push.run()?)
    })?;
    clear(&bundle)?;
    into_registry(work, |host| {
        let push = importer("push", Path::new("-"))?.args(["--plain-http", "--to", host]);
        let (built, pushed) = build(Path::new("-"))?.pipe_into(push)?;
        note("build, pipe", built)?;
        note("push, pipe", pushed)
    })
}

fn into_registry(work: &Path, job: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let directory = work.join("memory-target");
    let settings = Settings {
        directory: Some(directory.clone()),
        ..Settings::default()
    };
    let registry = FakeRegistry::start(settings)?;
    let done = job(&registry.host());
    drop(registry);
    clear(&directory)?;
    done
}
