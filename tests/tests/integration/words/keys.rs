/*! Keys: the wrong file, the wrong half, the wrong person, passphrases, and openssl's own. */

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use tests::{
    needs,
    process::{Output, Program},
};

use crate::{
    desk::{CONFIG_MAP, Desk},
    outcome::fails_with,
};

const PGP: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n";

/// Builds a manifest alone with a key file.
fn signed(desk: &Desk, key: &Path, output: &str) -> Result<Program> {
    let (config, output) = (desk.file("c.yaml", CONFIG_MAP)?, desk.at(output));
    let args = [
        OsStr::new("build"),
        OsStr::new("--config"),
        config.as_os_str(),
        OsStr::new("-o"),
        output.as_os_str(),
    ];
    Ok(Program::bundler()?
        .args(args)
        .args([OsStr::new("--signing-key"), key.as_os_str()]))
}

fn verified(bundle: &Path, key: &Path) -> Result<Output> {
    Program::importer()?
        .args([Path::new("verify"), bundle, Path::new("--key"), key])
        .run()
}

#[test]
fn wrong_files_in_place_of_keys() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let (key, public) = (desk.at("key.pem"), desk.at("key.pub.pem"));
    let pgp = desk.file("pgp.asc", PGP)?;
    let ssh = desk.file("ssh.pub", "ssh-ed25519 AAAAC3 me@desk\n")?;
    let junk = desk.file("junk.pem", "hello\n")?;
    let binary = desk.file("binary.pem", [0xff, 0xfe, 0, 1])?;
    let mangled = fs::read_to_string(&key)?.replace("\nM", "\nA");
    let mangled = desk.file("mangled.pem", mangled)?;
    let absent = desk.at("absent.pem");
    let cases: [(&Path, &[&str], &[&str]); 7] = [
        (
            &pgp,
            &["pgp.asc", "OpenPGP", "Ed25519"],
            &["pgp.asc", "OpenPGP", "Ed25519"],
        ),
        (&ssh, &["ssh.pub", "OpenSSH"], &["ssh.pub", "OpenSSH"]),
        (&junk, &["junk.pem", "PEM"], &["junk.pem", "PEM"]),
        (&binary, &["binary.pem", "PEM"], &["binary.pem", "PEM"]),
        (
            &mangled,
            &["mangled.pem", "not an Ed25519 key"],
            &["mangled.pem", "private key"],
        ),
        (
            &absent,
            &["absent.pem", "No such file"],
            &["absent.pem", "No such file"],
        ),
        (desk.directory(), &["directory"], &["directory"]),
    ];
    for (file, to_sign, to_trust) in cases {
        fails_with(&signed(&desk, file, "x.tar")?.run()?, 2, to_sign);
        fails_with(&verified(&bundle, file)?, 2, to_trust);
        ensure!(!desk.at("x.tar").exists());
    }
    fails_with(
        &signed(&desk, &public, "x.tar")?.run()?,
        2,
        &["key.pub.pem", "public key", "private key belongs here"],
    );
    fails_with(
        &verified(&bundle, &key)?,
        2,
        &["key.pem", "private key", "never has to cross the gap"],
    );
    Ok(())
}

#[test]
fn nobody_trusted_means_refused() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    for command in ["verify", "inspect", "extract", "push"] {
        let mut args = vec![OsStr::new(command), bundle.as_os_str()];
        match command {
            "extract" => args.extend([OsStr::new("--to-dir"), OsStr::new("x")]),
            "push" => args.extend([OsStr::new("--to"), OsStr::new("r.example")]),
            _ => {}
        }
        let run = Program::importer()?.args(args).run()?.expect_code(2)?;
        ensure!(run.stderr.contains("--key"), "{command}: {}", run.stderr);
        ensure!(run.stdout.is_empty());
    }
    let stranger = desk.at("stranger.pem");
    Program::bundler()?
        .args([
            OsStr::new("keygen"),
            OsStr::new("--out"),
            stranger.as_os_str(),
        ])
        .run()?
        .expect_code(0)?;
    let stranger = desk.at("stranger.pub.pem");
    let (claimed, tried) = (
        desk.signing_key.public().id()?.to_string(),
        key_id(&stranger)?,
    );
    fails_with(
        &verified(&bundle, &stranger)?,
        10,
        &["no trusted signature", &claimed, &tried, "ask the producer"],
    );
    // Any one of several suffices.
    let both = desk
        .import("verify", &bundle)?
        .args([Path::new("--key"), &stranger]);
    both.run()?.expect_code(0)?;
    Ok(())
}

fn key_id(path: &Path) -> Result<String> {
    let key = schema::bundle::PublicKey::from_pem(&fs::read_to_string(path)?)?;
    Ok(key.id()?.to_string())
}

#[test]
fn keygen_guards_what_it_makes() -> Result<()> {
    let desk = Desk::new()?;
    let out = desk.at("new.pem");
    let keygen = || -> Result<Program> {
        Ok(Program::bundler()?.args([OsStr::new("keygen"), OsStr::new("--out"), out.as_os_str()]))
    };
    let made = keygen()?.run()?.expect_code(0)?;
    ensure!(
        made.text().contains(&key_id(&desk.at("new.pub.pem"))?),
        "{}",
        made.text()
    );
    assert_eq!(fs::metadata(&out)?.permissions().mode() & 0o777, 0o600);
    let before = fs::read(&out)?;
    fails_with(&keygen()?.run()?, 2, &["new.pem", "exists already"]);
    ensure!(fs::read(&out)? == before);
    Ok(())
}

#[test]
fn passphrases_in_a_file_or_a_variable_and_never_shown() -> Result<()> {
    let desk = Desk::new()?;
    let (file, wrong) = (
        desk.file("pass", "tr0ub4dor & 3\nsecond line\n")?,
        desk.file("wrong", "guess\n")?,
    );
    let key = desk.at("locked.pem");
    let keygen =
        Program::bundler()?.args([OsStr::new("keygen"), OsStr::new("--out"), key.as_os_str()]);
    keygen
        .args([Path::new("--passphrase-file"), &file])
        .run()?
        .expect_code(0)?;
    ensure!(fs::read_to_string(&key)?.contains("BEGIN ENCRYPTED PRIVATE KEY"));
    let with_file = |path: &Path| {
        Ok::<_, anyhow::Error>(
            signed(&desk, &key, "x.tar")?.args([Path::new("--passphrase-file"), path]),
        )
    };
    let runs = [
        (signed(&desk, &key, "x.tar")?, 2, "BUNDLER_KEY_PASSPHRASE"),
        (
            with_file(&wrong)?,
            2,
            "the passphrase does not open the key",
        ),
        (with_file(&desk.at("absent"))?, 2, "No such file"),
        (
            signed(&desk, &key, "x.tar")?.env("BUNDLER_KEY_PASSPHRASE", "guess"),
            2,
            "does not open",
        ),
    ];
    for (program, code, word) in runs {
        let run = program.args(["-vv"]).run()?;
        fails_with(&run, code, &[word]);
        ensure!(
            !run.stderr.contains("guess") && !run.stderr.contains("tr0ub4dor"),
            "{}",
            run.stderr
        );
        ensure!(!desk.at("x.tar").exists());
    }
    for program in [
        with_file(&file)?,
        signed(&desk, &key, "x.tar")?.env("BUNDLER_KEY_PASSPHRASE", "tr0ub4dor & 3"),
    ] {
        let run = program.args(["-vv"]).run()?.expect_code(0)?;
        ensure!(!run.stderr.contains("tr0ub4dor") && !run.text().contains("tr0ub4dor"));
        verified(&desk.at("x.tar"), &desk.at("locked.pub.pem"))?.expect_code(0)?;
    }
    Ok(())
}

fn openssl(program: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {args:?}: {stderr}");
    String::from_utf8(output.stdout).context("openssl's output")
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() -> Result<()> {
    let program = needs!("openssl");
    let desk = Desk::new()?;
    let text = |name: &str| desk.at(name).to_string_lossy().into_owned();
    let pass = desk.file("pass", "swordfish\n")?;
    // Ours, locked and not: openssl finds the same public key in the open one. Of the locked one it tells how it is locked;
    // to open it takes 128 MiB, and its scrypt stops at 32.
    let keygen = |name: &str| {
        Ok::<_, anyhow::Error>(Program::bundler()?.args(["keygen", "--out", &text(name)]))
    };
    keygen("open.pem")?.run()?.expect_code(0)?;
    keygen("locked.pem")?
        .args([Path::new("--passphrase-file"), &pass])
        .run()?
        .expect_code(0)?;
    let public = openssl(&program, &["pkey", "-in", &text("open.pem"), "-pubout"])?;
    assert_eq!(public, fs::read_to_string(desk.at("open.pub.pem"))?);
    let parsed = openssl(&program, &["asn1parse", "-in", &text("locked.pem")])?;
    ensure!(
        parsed.contains("PBES2") && parsed.contains("scrypt") && parsed.contains("aes-256-cbc"),
        "{parsed}"
    );
    ensure!(parsed.contains(":020000"), "N is not 2^17: {parsed}");
    // Theirs, with each of the ciphers that openssl is asked for.
    // PBKDF2 is its default; its scrypt costs what it is told to.
    let ways: [&[&str]; 3] = [
        &["-v2", "aes-256-cbc", "-iter", "600000"],
        &["-scrypt"],
        &[
            "-scrypt",
            "-scrypt_N",
            "1024",
            "-scrypt_r",
            "16",
            "-scrypt_p",
            "2",
        ],
    ];
    for way in ways {
        let (open, locked) = (text("open.pem"), text("relocked.pem"));
        let mut args = vec!["pkcs8", "-topk8", "-in", &open, "-out", &locked];
        args.extend(["-passout", "pass:swordfish"]);
        args.extend(way);
        openssl(&program, &args)?;
        let run = signed(&desk, Path::new(&locked), "x.tar")?
            .env("BUNDLER_KEY_PASSPHRASE", "swordfish")
            .run()?;
        run.expect_code(0)?;
        verified(&desk.at("x.tar"), &desk.at("open.pub.pem"))?.expect_code(0)?;
    }
    for cipher in [None, Some("-aes-256-cbc"), Some("-aes128")] {
        let mut args = vec!["genpkey", "-algorithm", "ed25519", "-out"];
        let (key, public) = (text("theirs.pem"), text("theirs.pub.pem"));
        args.push(&key);
        args.extend(
            cipher
                .into_iter()
                .chain(cipher.map(|_| "-pass"))
                .chain(cipher.map(|_| "pass:swordfish")),
        );
        openssl(&program, &args)?;
        openssl(
            &program,
            &[
                "pkey",
                "-in",
                &key,
                "-passin",
                "pass:swordfish",
                "-pubout",
                "-out",
                &public,
            ],
        )?;
        let run = signed(&desk, Path::new(&key), "x.tar")?
            .env("BUNDLER_KEY_PASSPHRASE", "swordfish")
            .run()?;
        run.expect_code(0)?;
        verified(&desk.at("x.tar"), Path::new(&public))?.expect_code(0)?;
    }
    // A key of another kind is told apart.
    openssl(
        &program,
        &["genpkey", "-algorithm", "x25519", "-out", &text("x.pem")],
    )?;
    fails_with(
        &signed(&desk, &desk.at("x.pem"), "y.tar")?.run()?,
        2,
        &["x.pem", "not an Ed25519 key"],
    );
    Ok(())
}
