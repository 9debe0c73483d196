/*! Credential helpers and login plugins that print without end. */

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Auth, registry::Login, registry::Settings};
use schema::bundle::SigningKey;
use tests::process::Program;

use super::{Cases, Limits};

/// What a child may make its parent cost.
const CHILD: Limits = Limits {
    time: Duration::from_secs(5),
    memory: 64 << 20,
};

pub fn run(work: &Path, cases: &mut Cases<'_>) -> Result<()> {
    let work = work.join("children");
    fs::create_dir(&work)?;
    let at = |name: &str| work.join(name);
    let script = |name: &str| -> Result<()> {
        fs::write(
            at(name),
            "#!/bin/sh\nexec yes 0123456789012345678901234567890123456789\n",
        )?;
        Ok(fs::set_permissions(
            at(name),
            fs::Permissions::from_mode(0o755),
        )?)
    };
    script("docker-credential-flood")?;
    script("plugin")?;
    let key = SigningKey::generate()?;
    fs::write(at("key.pem"), key.to_pem(None)?)?;
    fs::write(at("key.pub.pem"), key.public().to_pem()?)?;
    fs::write(
        at("a.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
    )?;

    let login = Login {
        user: "user".to_owned(),
        password: "password".to_owned(),
    };
    let settings = Settings {
        auth: Auth::Basic(login),
        ..Settings::default()
    };
    let registry = FakeRegistry::start(settings)?;
    let host = registry.host();
    fs::write(
        at("auth.json"),
        format!("{{\"credHelpers\":{{\"{host}\":\"flood\"}}}}"),
    )?;
    let path = std::env::var("PATH").unwrap_or_default();
    let build = || -> Result<Program> {
        Ok(Program::bundler()?
            .env("PATH", format!("{}:{path}", work.display()))
            .args([
                "build",
                "--plain-http",
                "--retries",
                "0",
                "--image",
                &format!("{host}/a:1"),
                "--authfile",
            ])
            .args([at("auth.json")])
            .args(["--dry-run"]))
    };
    cases.case("a credential helper's flood", CHILD, false, [build()])?;

    let bundle = at("a.tar");
    let build = Program::bundler()?
        .args(["build", "--signing-key"])
        .args([at("key.pem")]);
    let build = build
        .args(["--config"])
        .args([at("a.yaml")])
        .args(["-o"])
        .args([&bundle]);
    build.run()?.expect_code(0)?;
    let plugin = at("plugin");
    let plugin = plugin.to_str().context("an odd directory")?;
    fs::write(
        at("kubeconfig"),
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: 'http://127.0.0.1:1'}}\nusers:\n- name: u\n  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{plugin}', interactiveMode: Never}}}}\ncontexts:\n- name: c\n  context: {{cluster: c, user: u}}\n"
        ),
    )?;
    let apply = || -> Result<Program> {
        let apply = Program::importer()?
            .args(["apply"])
            .args([&bundle])
            .args(["--key"])
            .args([at("key.pub.pem")]);
        Ok(apply
            .args(["--context", "c", "--kubeconfig"])
            .args([at("kubeconfig")]))
    };
    cases.case("a login plugin's flood", CHILD, false, [apply()])
}
