/*! Archives and reports: what stands at `NAME`, or at `.NAME.partial`. */

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{Office, identity, strangers_welcome};
use crate::outcome::fails_with;

/// What is planted at a name `$N`, and how the refusal speaks of it.
const PLANTED: [(&str, &str); 5] = [
    ("ln -s $V/letter $N", ""),
    ("ln -s $V/new $N", ""),
    ("mkfifo $N", ""),
    ("mkdir $N", ""),
    ("echo mine >$N", "user 65534"),
];

#[test]
fn nothing_at_the_unfinished_name_of_an_archive_is_followed_or_removed() -> Result<()> {
    if !strangers_welcome()? {
        return Ok(());
    }
    let office = Office::new()?;
    for name in ["x.tar", "x.tar.zst"] {
        let partial = format!(".{name}.partial");
        for (script, word) in PLANTED {
            office.plant(true, &script.replace("$N", &partial))?;
            let before = identity(&office.shared.join(&partial))?;
            fails_with(
                &office.build("-o", name)?.run()?,
                2,
                &[&partial, "not what an interrupted build left", word],
            );
            ensure!(
                identity(&office.shared.join(&partial))? == before,
                "{script} was touched"
            );
            ensure!(!office.shared.join(name).exists());
            office.check_victims(script)?;
            office.sweep()?;
        }
        // Ours by its owner, and still not ours to write to.
        for (script, word) in [
            ("ln $V/letter $N", "hard link"),
            (
                "echo notes >$N; chmod 600 $N",
                "does not begin as an unfinished bundle",
            ),
            ("echo notes >$N; chmod 666 $N", "others may write"),
        ] {
            office.plant(false, &script.replace("$N", &partial))?;
            let before = identity(&office.shared.join(&partial))?;
            fails_with(&office.build("-o", name)?.run()?, 2, &[&partial, word]);
            ensure!(
                identity(&office.shared.join(&partial))? == before,
                "{script} was touched"
            );
            office.check_victims(script)?;
            office.sweep()?;
        }
        // What a build left that was killed at once is gone on with.
        office.plant(false, &format!("umask 077; : >{partial}"))?;
        office.build("-o", name)?.run()?.expect_code(0)?;
        office.sweep()?;
    }
    Ok(())
}

#[test]
fn nothing_at_the_name_of_an_archive_is_followed_or_lost() -> Result<()> {
    if !strangers_welcome()? {
        return Ok(());
    }
    let office = Office::new()?;
    for (script, word) in [
        ("ln -s $V/letter x.tar", "symbolic link"),
        ("ln -s $V/new x.tar", "symbolic link"),
        ("ln -s /dev/null x.tar", "symbolic link"),
        ("mkfifo x.tar", "this pipe belongs to user 65534"),
        ("mkdir x.tar", "directory"),
        // Whoever owns it could go on writing to it, and reading it, by its mode or through a descriptor.
        (": >x.tar; chmod 666 x.tar", "belongs to user 65534"),
    ] {
        office.plant(true, script)?;
        let before = identity(&office.shared.join("x.tar"))?;
        fails_with(&office.build("-o", "x.tar")?.run()?, 2, &["x.tar", word]);
        ensure!(
            identity(&office.shared.join("x.tar"))? == before,
            "{script} was touched"
        );
        office.check_victims(script)?;
        office.sweep()?;
    }
    // A file is replaced, by a rename: its other names keep what they held.
    office.plant(false, "ln $V/letter x.tar")?;
    office.build("-o", "x.tar")?.run()?.expect_code(0)?;
    ensure!(fs::metadata(office.shared.join("x.tar"))?.len() > 1024);
    office.check_victims("a hard link as the output")
}

#[test]
fn a_build_does_not_write_over_what_it_reads() -> Result<()> {
    let office = Office::new()?;
    let key = office.shared.join("key.tar");
    fs::copy(office.desk.key(), &key)?;
    let config = office.desk.config_map("one")?;
    let build = office
        .desk
        .build()?
        .args(["--config".as_ref(), config.as_os_str()]);
    fs::hard_link(office.desk.key(), office.shared.join("same.tar"))?;
    let over = build.args(["-o".as_ref(), office.shared.join("same.tar").as_os_str()]);
    fails_with(
        &over.run()?,
        2,
        &["same.tar", "key.pem", "which the build reads"],
    );
    Ok(())
}

#[test]
fn a_report_goes_where_nobody_led_it() -> Result<()> {
    if !strangers_welcome()? {
        return Ok(());
    }
    let office = Office::new()?;
    let bundle = office.bundle()?;
    let kubeconfig = office.desk.at("kubeconfig");
    fs::write(&kubeconfig, NOWHERE)?;
    let apply = || -> Result<_> {
        let apply = office.desk.import("apply", &bundle)?;
        let apply = apply.args([
            "--context",
            "nowhere",
            "--request-timeout",
            "1s",
            "--kubeconfig",
        ]);
        let apply = apply.args([kubeconfig.as_os_str(), "--report".as_ref()]);
        Ok(apply.args([office.shared.join("r.json")]))
    };
    for script in [
        "ln -s $V/letter r.json",
        "ln -s $V/new r.json",
        "mkfifo r.json",
        "mkdir r.json",
        ": >r.json; chmod 666 r.json",
    ] {
        office.plant(true, script)?;
        let before = identity(&office.shared.join("r.json"))?;
        fails_with(&apply()?.run()?, 2, &["r.json"]);
        ensure!(
            identity(&office.shared.join("r.json"))? == before,
            "{script} was touched"
        );
        office.check_victims(script)?;
        office.sweep()?;
    }
    office.plant(true, "ln -s $V/letter .r.json.partial")?;
    apply()?.run()?.expect_code(41)?;
    office.check_victims("a link beside the report")?;
    let (_, _, mode, kind, text) = identity(&office.shared.join("r.json"))?;
    ensure!((mode & 0o777, kind.as_str()) == (0o600, "file"));
    let report: serde_json::Value = serde_json::from_slice(&text).context("the report")?;
    assert_eq!(report["clusters"][0]["cluster"], "nowhere");
    ensure!(
        fs::read_dir(&office.shared)?.count() == 2,
        "something was left behind"
    );
    Ok(())
}

/// A cluster that answers nobody.
pub(super) const NOWHERE: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: nowhere\n  cluster: {server: \"https://127.0.0.1:9\"}\nusers:\n- name: me\n  user: {token: t}\ncontexts:\n- name: nowhere\n  context: {cluster: nowhere, user: me}\n";
