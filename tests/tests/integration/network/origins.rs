/*!
What is said of a registry stays with it: no other host that it leads to sees its client certificate, its login, or the trust in its
certificates.
*/

use std::path::PathBuf;

use anyhow::{Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use fakes::{
    Action, FakeRegistry, Fault, certificates::Authority, certificates::Tls, registry::Auth,
    registry::Login, registry::Settings,
};
use tests::process::Program;

use crate::{desk::Desk, outcome::fails_with};

/// A registry with TLS, which demands a client certificate if it is told so.
fn registry(authority: &Authority, demanding: bool, more: Settings) -> Result<FakeRegistry> {
    FakeRegistry::start(Settings {
        tls: Some(Tls {
            identity: authority.server()?,
            client_authority: demanding.then(|| authority.pem().to_owned()),
        }),
        ..more
    })
}

/// `--ca-file`, `--client-cert` and `--client-key` on the desk.
fn identified(desk: &Desk, authority: &Authority, program: Program) -> Result<Program> {
    let client = authority.client()?;
    let files: [(&str, PathBuf); 3] = [
        ("--ca-file", desk.file("ca.pem", authority.pem())?),
        (
            "--client-cert",
            desk.file("client.pem", client.certificate)?,
        ),
        ("--client-key", desk.file("client.key", client.key)?),
    ];
    Ok(files.iter().fold(program, |program, (flag, file)| {
        program.args([flag]).args([file])
    }))
}

/// A hostile registry once had uploads sent to whatever host it named, with the client certificate for it.
#[test]
fn uploads_go_elsewhere_only_when_asked_and_then_without_an_identity() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let authority = Authority::new()?;
    let target = registry(
        &authority,
        true,
        Settings {
            auth: Auth::Basic(Login::new("u", "p")),
            ..Settings::default()
        },
    )?;
    let auths =
        serde_json::json!({"auths": {target.host(): {"auth": BASE64_STANDARD.encode("u:p")}}});
    let authfile = desk.file("auth.json", auths.to_string())?;
    // One canary takes whoever shows a certificate, the other takes anybody: nobody may come to the first, and to the second
    // only a stranger.
    for demanding in [true, false] {
        let canary = registry(&authority, demanding, Settings::default())?;
        let host = canary.host().replace("127.0.0.1", "localhost");
        target.heal();
        let place = format!("https://{host}/v2/shop/app/blobs/uploads/1");
        target.fault(Fault::on("POST", "/blobs/uploads/").does(Action::Header("location", place)));
        let push = || -> Result<Program> {
            let push =
                desk.import("push", &bundle)?
                    .args(["--retries", "0", "--to", &target.host()]);
            let push = push.args(["--authfile"]).args([&authfile]);
            identified(&desk, &authority, push)
        };
        fails_with(&push()?.run()?, 30, &["--allow-upload-host", &host]);
        ensure!(
            canary.requests().is_empty(),
            "the canary was asked before it was allowed"
        );
        let allowed = push()?.args(["--allow-upload-host", &host]).run()?;
        ensure!(allowed.code == Some(30), "{}", allowed.stderr);
        let asked = canary.requests();
        ensure!(
            asked.is_empty() == demanding,
            "{demanding}: {asked:?}; {}",
            allowed.stderr
        );
        ensure!(
            asked.iter().all(|request| !request.authorization_present),
            "{asked:?}"
        );
    }
    Ok(())
}

#[test]
fn blobs_come_from_elsewhere_without_an_identity() -> Result<()> {
    let authority = Authority::new()?;
    let redirecting = || Settings {
        redirect_blobs: true,
        ..Settings::default()
    };
    for demanding in [false, true] {
        let mut desk = Desk::new()?;
        desk.source = registry(&authority, demanding, redirecting())?;
        let image = desk.image("shop/app", "v1", 1, 1000)?;
        let reference = image.reference(&desk.source.host());
        let build = Program::bundler()?.args(["build", "--retries", "0", "--image", &reference]);
        let build = build.args(["--signing-key"]).args([desk.at("key.pem")]);
        let build = build.args(["-o"]).args([desk.at("a.tar")]);
        let run = identified(&desk, &authority, build)?.run()?;
        // The store demands what its registry demands: it is not shown there.
        ensure!(
            run.code == Some(if demanding { 20 } else { 0 }),
            "{}",
            run.stderr
        );
        ensure!(desk.source.redirect_requests().is_empty() == demanding);
    }
    Ok(())
}

/// Somebody who may vouch for one registry may not vouch for the object store of the world.
#[test]
fn certificates_of_certs_d_count_for_their_registry_alone() -> Result<()> {
    let authority = Authority::new()?;
    let mut desk = Desk::new()?;
    desk.source = registry(
        &authority,
        false,
        Settings {
            redirect_blobs: true,
            ..Settings::default()
        },
    )?;
    let image = desk.image("shop/app", "v1", 1, 1000)?;
    desk.file(
        &format!("certs.d/{}/ca.crt", desk.source.host()),
        authority.pem(),
    )?;
    let reference = image.reference(&desk.source.host());
    let build = Program::bundler()?.args(["build", "--retries", "0", "--image", &reference]);
    let build = build.args(["--signing-key"]).args([desk.at("key.pem")]);
    let build = build.args(["--cert-dir"]).args([desk.at("certs.d")]);
    let run = build.args(["-o"]).args([desk.at("a.tar")]).run()?;
    fails_with(&run, 20, &["localhost", "unknown CA", "--ca-file"]);
    Ok(())
}
