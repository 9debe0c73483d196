/*! What the programs print: data on stdout alone, help, completions, variables, and nothing unverified unmarked. */

use std::{ffi::OsStr, fs, path::Path};

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use tests::process::{Output, Program};

use crate::{
    desk::{CONFIG_MAP, Desk},
    outcome::{fails_with, json},
};

fn bundler(args: &[&str]) -> Result<Output> {
    Program::bundler()?.args(args).run()
}

fn importer(args: &[&str]) -> Result<Output> {
    Program::importer()?.args(args).run()
}

#[test]
fn every_help_text_says_how_sizes_count_and_fits_its_command() -> Result<()> {
    let of_bundler: [&[&str]; 3] = [&["--help"], &["keygen", "--help"], &["build", "--help"]];
    let of_importer: [&[&str]; 5] = [
        &["--help"],
        &["verify", "--help"],
        &["inspect", "--help"],
        &["extract", "--help"],
        &["push", "--help"],
    ];
    let helps = of_bundler.map(|args| (args, bundler(args)));
    for (args, help) in helps
        .into_iter()
        .chain(of_importer.map(|args| (args, importer(args))))
    {
        let help = help?.expect_code(0)?;
        ensure!(
            help.text().contains("1024"),
            "{args:?} does not say how sizes count:\n{}",
            help.text()
        );
        ensure!(
            help.text().contains("Usage:") && help.stderr.is_empty(),
            "{args:?}"
        );
        ensure!(
            !help.text().to_lowercase().contains("tape"),
            "{args:?} speaks of tapes"
        );
    }
    Ok(())
}

#[test]
fn completions_and_manual_pages() -> Result<()> {
    for program in [bundler as fn(&[&str]) -> Result<Output>, importer] {
        for shell in ["bash", "zsh", "fish"] {
            let script = program(&["completions", shell])?.expect_code(0)?;
            ensure!(
                script.text().contains("completions") && script.text().contains("--no-progress")
                    || script.text().contains("no-progress")
            );
            ensure!(script.stderr.is_empty());
        }
        let page = program(&["man"])?.expect_code(0)?;
        ensure!(page.text().contains(".TH"), "{}", page.text());
        fails_with(&program(&["man", "nonsense"])?, 2, &["nonsense"]);
    }
    let page = bundler(&["man", "build"])?.expect_code(0)?;
    ensure!(page.text().contains("signing\\-key"));
    ensure!(bundler(&["--version"])?.text().starts_with("bundler "));
    Ok(())
}

#[test]
fn flags_have_variables_but_none_that_lower_safety() -> Result<()> {
    let desk = Desk::new()?;
    let config = desk.file("c.yaml", CONFIG_MAP)?;
    let (key, output) = (desk.at("key.pem"), desk.at("x.tar"));
    let built = Program::bundler()?
        .args(["build"])
        .env("BUNDLER_CONFIG", &config)
        .env("BUNDLER_SIGNING_KEY", &key)
        .env("BUNDLER_OUTPUT", &output)
        .env("BUNDLER_FORMAT", "json")
        .run()?
        .expect_code(0)?;
    assert_eq!(json(&built)?["index"]["objects"][0]["kind"], "ConfigMap");
    let verify = Program::importer()?.args([Path::new("verify"), &output]);
    verify
        .env("IMPORTER_KEY", desk.at("key.pub.pem"))
        .run()?
        .expect_code(0)?;
    let secret = desk.file(
        "s.yaml",
        CONFIG_MAP
            .replace("ConfigMap", "Secret")
            .replace("\ndata:", "\nstringData:"),
    )?;
    let refused = Program::bundler()?.args([
        OsStr::new("build"),
        OsStr::new("--dry-run"),
        OsStr::new("--config"),
        secret.as_os_str(),
    ]);
    fails_with(
        &refused.env("BUNDLER_ALLOW_SECRETS", "true").run()?,
        50,
        &["--allow-secrets"],
    );
    let unverified = Program::importer()?
        .args([Path::new("inspect"), &output])
        .env("IMPORTER_UNVERIFIED", "true")
        .run()?;
    unverified.expect_code(2)?;
    // Plain HTTP and untested certificates are asked for by name as well.
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    let reference = image.reference(&desk.source.host());
    let https = Program::bundler()?.args([
        "build",
        "--dry-run",
        "--retries",
        "0",
        "--image",
        &reference,
    ]);
    https
        .env("BUNDLER_PLAIN_HTTP", "1")
        .env("BUNDLER_INSECURE_SKIP_TLS_VERIFY", "1")
        .run()?
        .expect_code(20)?;
    Ok(())
}

#[test]
fn stdout_holds_data_only_and_json_is_json() -> Result<()> {
    let desk = Desk::new()?;
    let (image, bundle) = desk.small()?;
    let target = FakeRegistry::start(Settings::default())?;
    let reference = image.reference(&desk.source.host());
    let again = desk.at("again.tar");
    let runs = [
        desk.build()?.args(["--image", &reference, "--dry-run"]),
        desk.build()?
            .args(["--image", &reference, "-o", &again.to_string_lossy()]),
        desk.import("inspect", &bundle)?,
        desk.push(&bundle, &target.host())?.args(["--dry-run"]),
        desk.push(&bundle, &target.host())?,
        desk.push(&bundle, &target.host())?,
    ];
    for program in runs {
        let run = program
            .args(["-vv", "--log-format", "json", "--format", "json"])
            .run()?
            .expect_code(0)?;
        ensure!(json(&run)?.is_object());
        for line in run.stderr.lines() {
            let line: serde_json::Value =
                serde_json::from_str(line).with_context(|| format!("log line {line:?}"))?;
            ensure!(line.is_object());
        }
    }
    // With the bundle on stdout there is nothing but the bundle, to the byte the one in a file.
    let piped = desk
        .build()?
        .args(["--image", &reference, "-o", "-"])
        .args(["-vv"])
        .run()?
        .expect_code(0)?;
    ensure!(piped.stdout == fs::read(&again)?);
    // A failure puts nothing there at all.
    let failed = desk
        .build()?
        .args([
            "--image",
            &format!("{reference}x"),
            "--dry-run",
            "--format",
            "json",
        ])
        .run()?;
    ensure!(failed.stdout.is_empty());
    Ok(())
}

#[test]
fn nothing_unverified_is_shown_without_its_mark() -> Result<()> {
    let desk = Desk::new()?;
    desk.small()?;
    let hostile = CONFIG_MAP.replace("shop", "\"\\e[31mroot\\e]0;x\\a\\u202e\"");
    let hostile = desk.file("h.yaml", hostile)?;
    let bundle = desk.at("h.tar");
    let built = desk
        .build()?
        .args([
            OsStr::new("--config"),
            hostile.as_os_str(),
            OsStr::new("-o"),
            bundle.as_os_str(),
        ])
        .run()?;
    let shown_bundles = match built.code {
        Some(0) => vec![desk.at("small.tar"), bundle],
        // A namespace like that is no name; then it never gets as far as a screen.
        _ => {
            fails_with(&built, 2, &["h.yaml"]);
            vec![desk.at("small.tar")]
        }
    };
    for bundle in shown_bundles {
        let inspect = |flags: &[&str]| {
            Program::importer()?
                .args([Path::new("inspect"), &bundle])
                .args(flags)
                .run()?
                .expect_code(0)
        };
        let table = inspect(&["--unverified"])?;
        for line in table.text().lines().filter(|line| !line.is_empty()) {
            ensure!(line.contains("UNVERIFIED"), "unmarked: {line:?}");
        }
        let object = inspect(&["--unverified", "--format", "json"])?;
        assert_eq!(json(&object)?["signature"], "UNVERIFIED");
        for output in [table, object] {
            let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            ensure!(!output.text().contains(bad), "{:?}", output.text());
        }
        let verified = desk.import("inspect", &bundle)?.run()?.expect_code(0)?;
        ensure!(
            verified.text().starts_with("VERIFIED signature")
                && !verified.text().contains("UNVERIFIED")
        );
    }
    Ok(())
}

#[test]
fn a_mistyped_flag_is_explained() -> Result<()> {
    for (run, words) in [
        (bundler(&["bild"])?, ["bild", "build"]),
        (
            bundler(&["build", "--imagge", "a"])?,
            ["--imagge", "--image"],
        ),
        (
            bundler(&["build", "--concurrency", "0", "--dry-run"])?,
            ["--concurrency", "1 to 64"],
        ),
        (importer(&["verify"])?, ["<BUNDLE>", "--key"]),
        (
            importer(&["verify", "x.tar", "--key", "a", "--password", "b"])?,
            ["--password", "--help"],
        ),
    ] {
        let run = run.expect_code(2)?;
        ensure!(
            run.stdout.is_empty() && words.iter().all(|word| run.stderr.contains(word)),
            "{}",
            run.stderr
        );
    }
    Ok(())
}

#[test]
fn a_bundle_that_is_not_there_or_is_something_else() -> Result<()> {
    let desk = Desk::new()?;
    let cases: [(&str, &[u8], i32); 4] = [
        ("empty.tar", b"", 11),
        ("text.tar", b"hello", 11),
        ("half.tar", &[0; 700], 11),
        ("page.tar", b"<!DOCTYPE html><html>", 11),
    ];
    for (name, bytes, code) in cases {
        let path = desk.file(name, bytes)?;
        fails_with(
            &desk.import("verify", &path)?.run()?,
            code,
            &["not a bundle"],
        );
    }
    fails_with(
        &desk.import("verify", &desk.at("absent.tar"))?.run()?,
        1,
        &["absent.tar", "No such file"],
    );
    let nothing = desk.import("verify", Path::new("-"))?.run()?;
    fails_with(&nothing, 11, &["not a bundle"]);
    Ok(())
}
