/*! Pipes and devices as outputs, and file systems with limits: written to as they are, or refused before anything is fetched. */

use std::{fs, os::unix::fs::FileTypeExt as _, path::Path};

use anyhow::{Result, ensure};
use tests::process::{Program, binaries};

use super::Office;
use crate::outcome::fails_with;

/// `bash -c SCRIPT`, with `$B` the bundler and what it needs to build a manifest, in the shared directory.
fn bash(office: &Office, script: &str) -> Result<Program> {
    let (config, key) = (office.desk.config_map("one")?, office.desk.key());
    let build = format!(
        "{} build --config {} --signing-key {}",
        binaries()?.join("bundler").display(),
        config.display(),
        key.display()
    );
    let script = format!("cd {} && {script}", office.shared.display());
    let bash = Program::at(Path::new("/bin/bash"))?.env("SOURCE_DATE_EPOCH", "1700000000");
    Ok(bash.env("B", build).args(["-c", &script]))
}

#[test]
fn pipes_are_written_to_and_stay_pipes() -> Result<()> {
    let office = Office::new()?;
    office.build("-o", "whole.tar")?.run()?.expect_code(0)?;
    office.build("-o", "whole.tar.zst")?.run()?.expect_code(0)?;
    let whole = fs::read(office.shared.join("whole.tar"))?;
    for (script, packed) in [
        ("mkfifo x.tar; cat x.tar >got & $B -o x.tar && wait", false),
        (
            "mkfifo x.tar.zst; cat x.tar.zst >got & $B -o x.tar.zst && wait",
            true,
        ),
        ("mkfifo odd; cat odd >got & $B -o odd && wait", false),
        (
            "$B -o >(cat >part; mv part got) && while [ ! -e got ]; do :; done",
            false,
        ),
        ("$B -o /dev/stdout >got", false),
        ("$B -o /dev/stdout | cat >got", false),
        ("$B -o /dev/fd/3 3>&1 >/dev/null | cat >got", false),
        ("$B -o - >got", false),
    ] {
        let run = bash(&office, script)?.run()?.expect_code(0)?;
        let got = fs::read(office.shared.join("got"))?;
        let right = match packed {
            true => got == fs::read(office.shared.join("whole.tar.zst"))?,
            false => got == whole,
        };
        ensure!(right, "{script}: {} bytes: {}", got.len(), run.stderr);
        for name in ["x.tar", "x.tar.zst", "odd"] {
            let found = fs::symlink_metadata(office.shared.join(name));
            ensure!(
                found.is_ok_and(|found| found.file_type().is_fifo())
                    == script.contains(&format!("mkfifo {name};"))
            );
        }
        office.plant(false, "rm -f got x.tar x.tar.zst odd")?;
    }
    bash(&office, "$B -o /dev/null")?.run()?.expect_code(0)?;
    fails_with(
        &bash(&office, "$B -o /dev/full")?.run()?,
        1,
        &["/dev/full", "no space left"],
    );
    ensure!(
        fs::symlink_metadata("/dev/null")?
            .file_type()
            .is_char_device()
    );
    Ok(())
}

#[test]
fn a_reader_that_leaves_is_said_so() -> Result<()> {
    let office = Office::new()?;
    let run = bash(&office, "mkfifo x.tar; : <x.tar & exec $B -o x.tar")?.run()?;
    // The bundle is small: a pipe may hold all of it before its reader has gone.
    ensure!(
        run.code == Some(0) || (run.code == Some(1) && run.stderr.contains("x.tar: Broken pipe")),
        "{}",
        run.stderr
    );
    Ok(())
}

#[test]
fn a_file_that_may_not_be_so_large_is_called_that() -> Result<()> {
    let office = Office::new()?;
    let noise = "head -c 900000 /dev/urandom | base64 -w0 >noise; { printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: noise}\\ndata: {noise: '; head -c 700000 noise; echo '}'; } >c.yaml; ";
    // Known beforehand for a plain archive, met on the way where it is compressed; with the signal that says so, or without.
    for (name, trap) in [
        ("x.tar", ""),
        ("x.tar.zst", ""),
        ("x.tar.zst", "trap '' XFSZ; "),
    ] {
        let run = bash(
            &office,
            &format!("{noise}{trap}ulimit -f 256; exec $B --config c.yaml -o {name}"),
        )?
        .run()?;
        fails_with(
            &run,
            1,
            &[
                name,
                "File too large",
                "FAT: 4 GiB",
                "another file system",
                "--volume-size fat32",
            ],
        );
        ensure!(!office.shared.join(name).exists());
    }
    let bundle = office.desk.at("noise.tar");
    let whole = bash(
        &office,
        &format!("{noise}$B --config c.yaml -o {}", bundle.display()),
    )?;
    whole.run()?.expect_code(0)?;
    let extract = format!(
        "ulimit -f 256; exec {} extract {} --key {} --to-dir d",
        binaries()?.join("importer").display(),
        bundle.display(),
        office.desk.public().display()
    );
    fails_with(
        &bash(&office, &extract)?.run()?,
        1,
        &["c.yaml", "File too large", "another file system"],
    );
    ensure!(!office.shared.join("d").exists());
    Ok(())
}

#[test]
fn names_that_cannot_be_are_refused_at_once() -> Result<()> {
    let office = Office::new()?;
    let long = format!("{}.tar", "n".repeat(245));
    fails_with(
        &office.build("-o", &long)?.run()?,
        2,
        &["name is too long", "229 bytes at most"],
    );
    fails_with(
        &office.build("-o", "missing/x.tar")?.run()?,
        1,
        &["No such file", "shared/missing"],
    );
    fails_with(
        &office.build("-o", "missing.tar/")?.run()?,
        2,
        &["expected a name that ends in .tar"],
    );
    let (config, same) = (office.shared.join("d"), office.shared.join("d/config"));
    let both = office
        .build("--to-dir", "d")?
        .args(["--config-to-dir".as_ref(), same.as_os_str()]);
    fails_with(&both.run()?, 2, &["side by side"]);
    ensure!(!config.exists());
    // The second directory is looked at before the first is filled.
    fs::create_dir(office.shared.join("full"))?;
    fs::write(office.shared.join("full/mine"), "")?;
    let full = office.shared.join("full");
    let both = office
        .build("--to-dir", "d")?
        .args(["--config-to-dir".as_ref(), full.as_os_str()]);
    fails_with(&both.run()?, 2, &["full", "not empty"]);
    ensure!(!config.exists());
    Ok(())
}
