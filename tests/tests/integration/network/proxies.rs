/*! Proxies: who is asked through one, which values can be used, and what one says that wants a login. */

use anyhow::{Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};

use super::{app, dry};
use crate::{desk::Desk, outcome::fails_with};

/// An embedded registry in a proxy's place: it logs what reaches it, and answers this to everything.
fn proxy(status: u16) -> Result<FakeRegistry> {
    let proxy = FakeRegistry::start(Settings::default())?;
    proxy.fault(Fault::any("").does(Action::status(status)));
    Ok(proxy)
}

/// Docker, skopeo and oc never send loopback addresses through a proxy; ours did.
#[test]
fn this_machine_is_asked_directly() -> Result<()> {
    let (desk, proxy) = (Desk::new()?, proxy(403)?);
    let (_, bundle) = desk.small()?;
    let target = FakeRegistry::start(Settings::default())?;
    let through = |program: tests::process::Program| {
        ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]
            .iter()
            .fold(program, |program, name| program.env(name, proxy.url()))
    };
    for host in ["127.0.0.1", "localhost"] {
        let reference = app(&desk.source).replace("127.0.0.1", host);
        through(dry(&[reference], &["--plain-http".as_ref()])?)
            .run()?
            .expect_code(0)?;
    }
    through(desk.push(&bundle, &target.host())?)
        .run()?
        .expect_code(0)?;
    ensure!(
        proxy.requests().is_empty(),
        "the proxy was asked: {:?}",
        proxy.requests()
    );
    Ok(())
}

/// Going out directly where a proxy was asked for is what nobody expects.
#[test]
fn a_value_that_cannot_be_used_ends_the_run() -> Result<()> {
    let desk = Desk::new()?;
    desk.small()?;
    for (variable, value) in [
        ("HTTP_PROXY", "socket5://u:hunter2@p:9"),
        ("https_proxy", "http//p:9"),
        ("HTTPS_PROXY", "http://u ser:hunter2@p:9"),
    ] {
        let run = dry(&[app(&desk.source)], &["--plain-http".as_ref()])?
            .env(variable, value)
            .run()?;
        fails_with(&run, 2, &["proxy", variable]);
        ensure!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    Ok(())
}

#[test]
fn a_proxy_that_wants_a_login_is_named() -> Result<()> {
    let proxy = proxy(407)?;
    let host = proxy.host();
    let url = format!("http://u:hunter2@{host}");
    for (variable, flags) in [
        ("HTTP_PROXY", &["--plain-http".as_ref()][..]),
        ("HTTPS_PROXY", &[]),
    ] {
        for (value, words) in [
            (proxy.url(), "wants a login"),
            (url.as_str(), "refused the login"),
        ] {
            let build = dry(&["registry.invalid/a:v1".to_owned()], flags)?;
            let run = build
                .env(variable, value)
                .env("NO_PROXY", "other.invalid")
                .run()?;
            fails_with(&run, 20, &["proxy", &host, variable, words]);
            ensure!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        }
    }
    Ok(())
}

/// The forms of `NO_PROXY`, one by one, are a table of the library; here that the programs heed them.
#[test]
fn exceptions_are_heeded() -> Result<()> {
    let proxy = proxy(403)?;
    let reference = ["registry.invalid:5000/a:v1".to_owned()];
    for (exceptions, lower, asked) in [
        ("", "", true),
        ("*.invalid", "", false),
        ("", "invalid", false),
        ("registry.invalid:5000", "", false),
        ("registry.invalid:443", "", true),
    ] {
        let build = dry(&reference, &["--plain-http".as_ref()])?;
        let build = build.env("HTTP_PROXY", proxy.url());
        let before = proxy.requests().len();
        let run = build
            .env("NO_PROXY", exceptions)
            .env("no_proxy", lower)
            .run()?;
        ensure!(run.code == Some(20), "{}", run.stderr);
        ensure!(
            (proxy.requests().len() > before) == asked,
            "NO_PROXY={exceptions} no_proxy={lower}"
        );
    }
    Ok(())
}

/// Clusters are reached by the same rules; kube's own stumble over a comma at the end of `NO_PROXY`.
#[test]
fn clusters_are_asked_through_the_same_proxy() -> Result<()> {
    let (desk, proxy) = (Desk::new()?, proxy(407)?);
    let (_, bundle) = desk.small()?;
    let kubeconfig = "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://cluster.invalid:6443'}}]\n\
                      users: [{name: u, user: {token: t}}]\ncontexts: [{name: there, context: {cluster: c, user: u}}]\n";
    let kubeconfig = desk.file("kubeconfig", kubeconfig)?;
    let apply = |exceptions: &str| -> Result<String> {
        let apply = desk
            .import("apply", &bundle)?
            .args(["--context", "there", "--kubeconfig"])
            .args([&kubeconfig]);
        let run = apply
            .env("HTTPS_PROXY", proxy.url())
            .env("NO_PROXY", exceptions)
            .run()?;
        ensure!(run.code == Some(41), "{}", run.stderr);
        Ok(format!("{}{}", run.text(), run.stderr))
    };
    let told = apply("other.invalid,")?;
    ensure!(
        told.contains("wants a login") && told.contains(&proxy.host()),
        "{told}"
    );
    let before = proxy.requests().len();
    let told = apply("*.invalid:6443,")?;
    ensure!(
        told.contains("cannot be resolved") && proxy.requests().len() == before,
        "{told}"
    );
    Ok(())
}
