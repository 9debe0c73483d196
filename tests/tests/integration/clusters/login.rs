/*! Who speaks to clusters, as `kubectl` would: credentials that count, that do not, and that would want somebody to ask. */

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::{Context, Result};
use fakes::{
    Action, FakeFleet, Fault, Faults, certificates::Authority, kubeconfig::Access,
    kubeconfig::Credential, kubeconfig::Kubeconfig,
};
use serde_json::json;
use tests::{cluster::Cluster, needs};

use super::{Report, Site, map, real, says, shown};

fn site() -> Result<Site> {
    Site::new(&[("a.yaml", &map("default", "a", "1"))])
}

#[test]
fn credentials_are_taken_as_kubectl_takes_them() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    let plugin = |name: &str, script: &str| -> Result<serde_json::Value> {
        let path = site.desk.at(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(
            json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": shown(&path), "interactiveMode": "IfAvailable"}}),
        )
    };
    let token = Cluster::ADMIN_TOKEN;
    let good = plugin(
        "plugin",
        &format!(
            "echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{token}\"}}}}'"
        ),
    )?;
    // Somebody who is asked a password would have to answer; nobody is there.
    let asking = plugin(
        "asking",
        "echo 'Password:' >&2; read -r answer || exit 3; echo \"$answer\"",
    )?;
    let mut always = good.clone();
    always["exec"]["interactiveMode"] = "Always".into();
    let other = |user| Credential::Other(user);
    let token_file = site.desk.at("token");
    fs::write(&token_file, token)?;
    let certificate = east.certificate("carol", Some("system:masters"))?;
    let stranger = Authority::new()?;
    let accesses: Vec<(Access, Option<&[&str]>)> = vec![
        (east.admin().named("token"), None),
        (
            east.access(Credential::Certificate(certificate))
                .named("certificate"),
            None,
        ),
        (
            east.access(other(json!({"tokenFile": token_file})))
                .named("token-file"),
            None,
        ),
        (east.access(other(good)).named("plugin"), None),
        (
            east.admin()
                .with("tls-server-name", "localhost")
                .named("server-name"),
            None,
        ),
        (
            east.access(other(asking)).named("asking"),
            Some(&["asking", "input"]),
        ),
        (
            east.access(other(always)).named("always"),
            Some(&["interactiveMode"]),
        ),
        (
            east.access(Credential::Token("expired".to_owned()))
                .named("expired"),
            Some(&["does not accept the credentials", "expired"]),
        ),
        (
            east.access(other(json!({}))).named("nobody"),
            Some(&["east", "forbidden"]),
        ),
        (
            east.admin().trusting(stranger.pem()).named("wrong-ca"),
            Some(&["unknown CA", "certificate-authority"]),
        ),
        (
            east.admin()
                .with("tls-server-name", "elsewhere")
                .named("wrong-name"),
            Some(&["another name"]),
        ),
    ];
    site.contexts(accesses.iter().map(|(access, _)| access.clone()))?;
    for (access, failure) in &accesses {
        let name = access.context.as_str();
        let code = if failure.is_some() { 41 } else { 0 };
        let output = site.to(&[name], &["--request-timeout", "10s"])?.run()?;
        let output = output.expect_code(code).with_context(|| name.to_owned())?;
        let outcome = Report::of(&output)?;
        match failure {
            None => assert_eq!(outcome.state(name)?, "done"),
            // Without credentials a server may answer 401 or call the user anonymous.
            Some(_) if name == "nobody" => assert_ne!(outcome.state(name)?, "done"),
            Some(words) => {
                assert_eq!(outcome.state(name)?, "unreachable", "{name}");
                says(outcome.reason(name)?, words);
            }
        }
        let said = format!("{}{}", output.stderr, output.text());
        assert!(!said.contains(token), "a secret was shown: {said}");
    }
    Ok(())
}

/// A token that is refused once is asked for again: plugins renew what has expired.
#[test]
fn credentials_that_expire_on_the_way_are_renewed_once() -> Result<()> {
    let site = site()?;
    let once = Fault::of(Action::status(401))
        .times(1)
        .resource("configmaps");
    let always = Fault::of(Action::status(401))
        .clusters([1])
        .resource("configmaps");
    let fleet = FakeFleet::start(2, Faults::default().with(once).with(always))?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    let outcome = site.applied(&["c0", "c1"], &[], 40)?;
    assert_eq!(outcome.state("c0")?, "done");
    assert_ne!(outcome.state("c1")?, "done");
    says(
        outcome.reason("c1")?,
        &["does not accept the credentials", "c1"],
    );
    Ok(())
}

/// `KUBECONFIG` may list several files; what one says, the later ones cannot change.
#[test]
fn kubeconfigs_are_merged_as_kubectl_merges_them() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(3, Faults::default())?;
    let write = |name: &str, accesses: &[Access]| -> Result<String> {
        let path = site.desk.at(name);
        accesses
            .iter()
            .cloned()
            .collect::<Kubeconfig>()
            .write(&path)?;
        Ok(shown(&path))
    };
    let first = write("first", &[fleet.access(0)])?;
    let second = write("second", &[fleet.access(1), fleet.access(2).named("c0")])?;
    let apply = site.apply(&["--context", "c0", "--context", "c1"])?;
    let listed = format!("{first}:/nowhere/at-all::{second}");
    apply.env("KUBECONFIG", listed).run()?.expect_code(0)?;
    let there =
        [0, 1, 2].map(|cluster| fleet.get(cluster, &super::map_at("default", "a")).is_some());
    assert_eq!(there, [true, true, false]);
    Ok(())
}
