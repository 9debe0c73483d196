/*! The way to a registry: nobody there, certificates, logins. */

use std::{ffi::OsStr, net::TcpListener, path::PathBuf};

use anyhow::{Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use fakes::{
    certificates::Authority, certificates::Tls, registry::Auth, registry::Login, registry::Settings,
};
use tests::process::{Output, Program};

use crate::{desk::Desk, outcome::fails_with};

/// A build over TLS, with these flags besides.
fn over_tls(desk: &Desk, args: &[&OsStr]) -> Result<Output> {
    let reference = format!("{}/shop/app:v1", desk.source.host());
    Program::bundler()?
        .args([
            "build",
            "--dry-run",
            "--retries",
            "0",
            "--image",
            &reference,
        ])
        .args(args)
        .run()
}

fn with_tls(tls: Tls) -> Result<Desk> {
    let desk = Desk::with_source(Settings {
        tls: Some(tls),
        ..Settings::default()
    })?;
    desk.image("shop/app", "v1", 1, 1000)?;
    Ok(desk)
}

#[test]
fn nobody_listens() -> Result<()> {
    let desk = Desk::new()?;
    // A port that was just free, and is again.
    let host = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let built = desk
        .build()?
        .args([
            "--image",
            &format!("{host}/a:v1"),
            "--dry-run",
            "--retries",
            "0",
        ])
        .run()?;
    fails_with(&built, 20, &["cannot reach", &host]);
    let named = desk
        .build()?
        .args([
            "--image",
            "registry.invalid/a:v1",
            "--dry-run",
            "--retries",
            "0",
        ])
        .run()?;
    fails_with(&named, 20, &["cannot reach", "registry.invalid"]);
    let (_, bundle) = desk.small()?;
    let push =
        desk.import("push", &bundle)?
            .args(["--plain-http", "--retries", "0", "--to", &host]);
    fails_with(&push.run()?, 30, &["cannot reach", &host]);
    let push = desk.import("push", &bundle)?.args(["--to", "not a host"]);
    fails_with(&push.run()?, 2, &["not a host"]);
    Ok(())
}

#[test]
fn an_unknown_authority_is_named_and_ca_file_mends_it() -> Result<()> {
    let authority = Authority::new()?;
    let desk = with_tls(Tls {
        identity: authority.server()?,
        client_authority: None,
    })?;
    let refused = over_tls(&desk, &[])?;
    fails_with(&refused, 20, &[&desk.source.host(), "--ca-file"]);
    let ca = desk.file("ca.pem", authority.pem())?;
    over_tls(&desk, &[OsStr::new("--ca-file"), ca.as_os_str()])?.expect_code(0)?;
    let others = desk.file("others.pem", Authority::new()?.pem())?;
    fails_with(
        &over_tls(&desk, &[OsStr::new("--ca-file"), others.as_os_str()])?,
        20,
        &["--ca-file"],
    );
    let certs = desk.file(
        &format!("certs.d/{}/ca.crt", desk.source.host()),
        authority.pem(),
    )?;
    let certs: PathBuf = certs.ancestors().nth(2).map(Into::into).unwrap_or_default();
    over_tls(&desk, &[OsStr::new("--cert-dir"), certs.as_os_str()])?.expect_code(0)?;
    over_tls(&desk, &[OsStr::new("--insecure-skip-tls-verify")])?.expect_code(0)?;
    let junk = desk.file("junk.pem", "hello")?;
    fails_with(
        &over_tls(&desk, &[OsStr::new("--ca-file"), junk.as_os_str()])?,
        2,
        &["junk.pem"],
    );
    fails_with(
        &over_tls(
            &desk,
            &[OsStr::new("--ca-file"), OsStr::new("/nowhere.pem")],
        )?,
        2,
        &["/nowhere.pem"],
    );
    // HTTP spoken to a TLS port, and the reverse.
    fails_with(
        &over_tls(&desk, &[OsStr::new("--plain-http")])?,
        20,
        &[&desk.source.host()],
    );
    let plain = Desk::new()?;
    fails_with(
        &over_tls(&plain, &[])?,
        20,
        &[&plain.source.host(), "--plain-http"],
    );
    Ok(())
}

#[test]
fn an_expired_certificate_is_called_that() -> Result<()> {
    let authority = Authority::new()?;
    let desk = with_tls(Tls {
        identity: authority.expired_server()?,
        client_authority: None,
    })?;
    let ca = desk.file("ca.pem", authority.pem())?;
    let refused = over_tls(&desk, &[OsStr::new("--ca-file"), ca.as_os_str()])?;
    fails_with(&refused, 20, &[&desk.source.host(), "expired"]);
    Ok(())
}

#[test]
fn a_registry_that_wants_a_client_certificate() -> Result<()> {
    let authority = Authority::new()?;
    let desk = with_tls(Tls {
        identity: authority.server()?,
        client_authority: Some(authority.pem().to_owned()),
    })?;
    let ca = desk.file("ca.pem", authority.pem())?;
    let client = authority.client()?;
    let (certificate, key) = (
        desk.file("client.pem", &client.certificate)?,
        desk.file("client.key", &client.key)?,
    );
    let ca_flag = [OsStr::new("--ca-file"), ca.as_os_str()];
    fails_with(
        &over_tls(&desk, &ca_flag)?,
        20,
        &[&desk.source.host(), "--client-cert"],
    );
    let shown = [
        OsStr::new("--client-cert"),
        certificate.as_os_str(),
        OsStr::new("--client-key"),
        key.as_os_str(),
    ];
    over_tls(&desk, &[&ca_flag[..], &shown].concat())?.expect_code(0)?;
    let stranger = Authority::new()?.client()?;
    let (certificate, key) = (
        desk.file("s.pem", &stranger.certificate)?,
        desk.file("s.key", &stranger.key)?,
    );
    let shown = [
        OsStr::new("--client-cert"),
        certificate.as_os_str(),
        OsStr::new("--client-key"),
        key.as_os_str(),
    ];
    fails_with(
        &over_tls(&desk, &[&ca_flag[..], &shown].concat())?,
        20,
        &[&desk.source.host()],
    );
    Ok(())
}

#[test]
fn logins_come_from_the_authfile_and_are_never_told() -> Result<()> {
    let (user, password) = ("robot", "s3cr3t:pass");
    let desk = Desk::with_source(Settings {
        auth: Auth::Basic(Login::new(user, password)),
        ..Settings::default()
    })?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    let host = desk.source.host();
    let encoded = |password: &str| BASE64_STANDARD.encode(format!("{user}:{password}"));
    let authfile = |name: &str, password: &str| {
        let auths = serde_json::json!({"auths": {&host: {"auth": encoded(password)}}});
        desk.file(name, auths.to_string())
    };
    let (right, wrong) = (
        authfile("right.json", password)?,
        authfile("wrong.json", "no-s3cr3t")?,
    );
    let (broken, empty) = (
        desk.file("broken.json", "{auths")?,
        desk.file("empty.json", "{}")?,
    );
    let absent = desk.at("absent.json");
    let run = |file: &std::path::Path| -> Result<Output> {
        let build =
            desk.build_image(&image, "x.tar")?
                .args(["-vv", "--log-format", "json", "--authfile"]);
        let output = build.args([file]).run()?;
        for secret in [
            password,
            "no-s3cr3t",
            &encoded(password),
            &encoded("no-s3cr3t"),
        ] {
            let told = output.stderr.contains(secret) || output.text().contains(secret);
            ensure!(!told, "a secret was told: {}", output.stderr);
        }
        Ok(output)
    };
    run(&right)?.expect_code(0)?;
    fails_with(&run(&wrong)?, 20, &[&host, "--authfile"]);
    fails_with(&run(&empty)?, 20, &[&host, "--authfile"]);
    fails_with(&run(&broken)?, 2, &["broken.json"]);
    fails_with(&run(&absent)?, 2, &["absent.json"]);
    // Without a flag, from where podman keeps them.
    let build = desk.build_image(&image, "y.tar")?;
    let containers = build.home().join("runtime/containers");
    std::fs::create_dir_all(&containers)?;
    std::fs::copy(&right, containers.join("auth.json"))?;
    build.run()?.expect_code(0)?;
    Ok(())
}
