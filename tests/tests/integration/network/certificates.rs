/*! Certificates of servers: which are accepted, and what is said of those that are not. */

use std::{ffi::OsStr, path::Path};

use anyhow::Result;
use fakes::certificates::Authority;
use tests::process::Output;

use super::{app, dry, with_tls};
use crate::{desk::Desk, outcome::fails_with};

const HERE: &[&str] = &["127.0.0.1", "localhost"];

fn over_tls(desk: &Desk, flag: &str, value: &Path) -> Result<Output> {
    dry(&[app(&desk.source)], &[OsStr::new(flag), value.as_os_str()])?.run()
}

/// What `openssl req -x509` makes is its own CA; the very file is what people give, and what Go's programs take.
#[test]
fn a_certificate_that_is_given_byte_for_byte_is_trusted() -> Result<()> {
    let identity = Authority::of_itself(HERE, 2000..2100)?;
    let desk = with_tls(identity.clone())?;
    let given = desk.file("ca.pem", &identity.certificate)?;
    over_tls(&desk, "--ca-file", &given)?.expect_code(0)?;
    let host = desk.source.host();
    desk.file(
        &format!("certs.d/{host}/anything.crt"),
        &identity.certificate,
    )?;
    over_tls(&desk, "--cert-dir", &desk.at("certs.d"))?.expect_code(0)?;
    let system = dry(&[app(&desk.source)], &[])?.env("SSL_CERT_FILE", &given);
    system.run()?.expect_code(0)?;
    // Another of the same name is another.
    let other = desk.file(
        "other.pem",
        &Authority::of_itself(HERE, 2000..2100)?.certificate,
    )?;
    fails_with(
        &over_tls(&desk, "--ca-file", &other)?,
        20,
        &[&host, "self-signed", "--ca-file"],
    );
    // A leaf below an unknown CA counts in the same way.
    let leaf = Authority::new()?.server()?;
    let desk = with_tls(leaf.clone())?;
    over_tls(
        &desk,
        "--ca-file",
        &desk.file("leaf.pem", &leaf.certificate)?,
    )?
    .expect_code(0)?;
    Ok(())
}

#[test]
fn its_name_and_its_dates_still_count() -> Result<()> {
    for (hosts, years, words) in [
        (&["registry.example"][..], 2000..2100, "registry.example"),
        (&[][..], 2000..2100, "subjectAltName"),
        (HERE, 2000..2001, "expired"),
        (HERE, 2099..2100, "not valid yet"),
    ] {
        let identity = Authority::of_itself(hosts, years)?;
        let desk = with_tls(identity.clone())?;
        let given = desk.file("ca.pem", &identity.certificate)?;
        fails_with(
            &over_tls(&desk, "--ca-file", &given)?,
            20,
            &[&desk.source.host(), words],
        );
    }
    Ok(())
}

#[test]
fn a_common_name_alone_names_no_host() -> Result<()> {
    let authority = Authority::new()?;
    let ca = |desk: &Desk| desk.file("ca.pem", authority.pem());
    let desk = with_tls(authority.nameless_server()?)?;
    fails_with(
        &over_tls(&desk, "--ca-file", &ca(&desk)?)?,
        20,
        &["subjectAltName", "Common Name"],
    );
    let desk = with_tls(authority.server_at(&["a.example", "b.example"])?)?;
    fails_with(
        &over_tls(&desk, "--ca-file", &ca(&desk)?)?,
        20,
        &["another name", "a.example, b.example"],
    );
    Ok(())
}

/// One registry among others may go without TLS, or with a certificate that nobody checks.
#[test]
fn what_lowers_safety_can_be_said_of_one_registry() -> Result<()> {
    let authority = Authority::new()?;
    let (secure, plain) = (with_tls(authority.server()?)?, Desk::new()?);
    plain.image("shop/app", "v1", 2, 1000)?;
    let both = [
        app(&secure.source),
        format!("{}=other/app", app(&plain.source)),
    ];
    let ca = secure.file("ca.pem", authority.pem())?;
    let of = |flag: &str, desk: &Desk| format!("{flag}={}", desk.source.host());
    let run = |flags: &[&str]| {
        let flags: Vec<_> = flags.iter().map(OsStr::new).collect();
        dry(&both, &flags)?.run()
    };
    let trusted = format!("--ca-file={}", ca.display());
    run(&[&of("--plain-http", &plain), &trusted])?.expect_code(0)?;
    run(&[
        &of("--plain-http", &plain),
        &of("--insecure-skip-tls-verify", &secure),
    ])?
    .expect_code(0)?;
    fails_with(
        &run(&[
            &of("--plain-http", &plain),
            &of("--insecure-skip-tls-verify", &plain),
        ])?,
        20,
        &[&secure.source.host(), "--ca-file"],
    );
    fails_with(
        &run(&["--plain-http", &trusted])?,
        20,
        &[&secure.source.host()],
    );
    Ok(())
}
