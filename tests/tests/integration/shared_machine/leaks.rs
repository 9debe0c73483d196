/*! What is for us alone: keys, Secrets, and the passphrase that no child inherits. */

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use fakes::{FakeRegistry, registry::Auth, registry::Login, registry::Settings};
use tests::{
    images::{Format, Image, Layer},
    process::Program,
};

use super::{Office, identity, planted::NOWHERE};
use crate::outcome::fails_with;

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .permissions()
        .mode()
        & 0o777)
}

#[test]
fn keygen_leaves_both_files_or_none() -> Result<()> {
    let office = Office::new()?;
    let keygen = |name: &str| -> Result<Program> {
        Ok(Program::bundler()?.args([
            "keygen".as_ref(),
            "--out".as_ref(),
            office.shared.join(name).as_os_str(),
        ]))
    };
    for script in [
        "echo theirs >k.pub.pem",
        "ln -s $V/new k.pub.pem",
        "mkfifo k.pub.pem",
        "mkdir k.pub.pem",
        "ln -s $V/new k.pem",
        "mkdir k.pem",
    ] {
        office.plant(false, script)?;
        let name = script
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .trim_start_matches('>');
        let before = identity(&office.shared.join(name))?;
        fails_with(&keygen("k.pem")?.run()?, 2, &[name, "exists already"]);
        ensure!(
            identity(&office.shared.join(name))? == before,
            "{script} was touched"
        );
        ensure!(
            fs::read_dir(&office.shared)?.count() == 1,
            "{script}: half a pair was left"
        );
        office.check_victims(script)?;
        office.sweep()?;
    }
    keygen("k.pem")?.run()?.expect_code(0)?;
    assert_eq!(
        (
            mode(&office.shared.join("k.pem"))?,
            mode(&office.shared.join("k.pub.pem"))?
        ),
        (0o600, 0o644)
    );
    Ok(())
}

#[test]
fn a_signing_key_that_others_can_read_is_warned_about() -> Result<()> {
    let office = Office::new()?;
    for (bits, warned) in [
        (0o644, true),
        (0o640, true),
        (0o660, true),
        (0o600, false),
        (0o400, false),
    ] {
        fs::set_permissions(office.desk.key(), fs::Permissions::from_mode(bits))?;
        let run = office.build("-o", "x.tar")?.run()?.expect_code(0)?;
        let told = run.stderr.contains(&format!("mode {bits:04o}"))
            && run.stderr.contains("chmod 600")
            && run.stderr.contains("key.pem");
        ensure!(told == warned, "mode {bits:o}: {}", run.stderr);
    }
    Ok(())
}

#[test]
fn what_holds_a_secret_is_for_its_owner() -> Result<()> {
    let office = Office::new()?;
    let config = office.desk.at("config");
    fs::create_dir(&config)?;
    let object = |kind: &str, name: &str| {
        let text =
            format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\ndata: {{}}\n");
        fs::write(config.join(format!("{name}.yaml")), text)
    };
    object("ConfigMap", "open")?;
    // What is replaced has told who may read it, but nobody may write to what was verified, or read a Secret.
    office.plant(
        false,
        ": >closed.tar; chmod 666 closed.tar; mkdir -m 777 tree",
    )?;
    let build = |flags: &[(&str, &str)]| -> Result<()> {
        let mut build = office.desk.build()?.args([
            "--allow-secrets".as_ref(),
            "--config".as_ref(),
            config.as_os_str(),
        ]);
        for (flag, name) in flags {
            build = build.args([flag.as_ref(), office.shared.join(name).as_os_str()]);
        }
        build.run()?.expect_code(0).map(drop)
    };
    build(&[("-o", "open.tar")])?;
    object("Secret", "closed")?;
    build(&[("-o", "closed.tar")])?;
    build(&[("--to-dir", "tree")])?;
    build(&[("--to-dir", "apart"), ("--config-to-dir", "manifests")])?;
    let extract = office
        .desk
        .import("extract", &office.shared.join("closed.tar"))?;
    extract
        .args(["--to-dir".as_ref(), office.shared.join("out").as_os_str()])
        .run()?
        .expect_code(0)?;
    for (name, expected) in [
        ("open.tar", 0o644),
        ("closed.tar", 0o600),
        ("tree", 0o755),
        ("tree/config/open.yaml", 0o644),
        ("tree/config/closed.yaml", 0o600),
        ("manifests/open.yaml", 0o644),
        ("manifests/closed.yaml", 0o600),
        ("out", 0o755),
        ("out/config/open.yaml", 0o644),
        ("out/config/closed.yaml", 0o600),
    ] {
        let found = mode(&office.shared.join(name))?;
        ensure!(
            found == expected,
            "{name} has mode {found:o}, expected {expected:o}"
        );
    }
    office
        .desk
        .import("verify", &office.shared.join("out"))?
        .run()?
        .expect_code(0)?;
    Ok(())
}

/// A program that writes what it inherits beside itself, and then answers.
fn spy(office: &Office, name: &str, answer: &str) -> Result<()> {
    let (path, seen) = (office.shared.join(name), office.shared.join("seen"));
    let script = format!(
        "#!/bin/sh\nenv >{}\ncat <<'END'\n{answer}\nEND\n",
        seen.display()
    );
    fs::write(&path, script)?;
    Ok(fs::set_permissions(
        &path,
        fs::Permissions::from_mode(0o755),
    )?)
}

#[test]
fn children_do_not_inherit_what_is_ours() -> Result<()> {
    let office = Office::new()?;
    let path = format!(
        "{}:{}",
        office.shared.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let ours = |program: Program| {
        let program = program
            .env("PATH", &path)
            .env("BUNDLER_KEY_PASSPHRASE", "tr0ub4dor");
        program
            .env("IMPORTER_REQUEST_TIMEOUT", "1s")
            .env("BUNDLER_RETRIES", "0")
            .env("KEPT", "as it is")
    };
    let seen = || -> Result<()> {
        let seen =
            fs::read_to_string(office.shared.join("seen")).context("the child did not run")?;
        ensure!(seen.contains("KEPT=as it is"), "{seen}");
        ensure!(
            !seen.contains("tr0ub4dor")
                && !seen.contains("BUNDLER_")
                && !seen.contains("IMPORTER_"),
            "{seen}"
        );
        Ok(fs::remove_file(office.shared.join("seen"))?)
    };
    spy(
        &office,
        "docker-credential-spy",
        r#"{"ServerURL":"","Username":"u","Secret":"p"}"#,
    )?;
    let authfile = office.shared.join("auth.json");
    let login = Login {
        user: "u".to_owned(),
        password: "p".to_owned(),
    };
    let registry = FakeRegistry::start(Settings {
        auth: Auth::Basic(login),
        ..Settings::default()
    })?;
    let image = Image::single("shop/app", "v1", Format::Oci, &[Layer::new(1, 1000)?])?;
    image.place(&registry)?;
    fs::write(
        &authfile,
        format!(r#"{{"credHelpers":{{"{}":"spy"}}}}"#, registry.host()),
    )?;
    let build = office.desk.build()?.args([
        "--image",
        &image.reference(&registry.host()),
        "--dry-run",
        "--authfile",
    ]);
    ours(build.args([&authfile])).run()?.expect_code(0)?;
    seen()?;
    spy(
        &office,
        "login",
        r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#,
    )?;
    let kubeconfig = office.shared.join("kubeconfig");
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: IfAvailable}}";
    fs::write(&kubeconfig, NOWHERE.replace("{token: t}", exec))?;
    let apply = office.desk.import("apply", &office.bundle()?)?;
    let apply = apply.args([
        "--context".as_ref(),
        "nowhere".as_ref(),
        "--kubeconfig".as_ref(),
        kubeconfig.as_os_str(),
    ]);
    ours(apply).run()?.expect_code(41)?;
    seen()
}
