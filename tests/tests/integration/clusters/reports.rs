/*! Reports: what a run leaves for the next one and for programs, and that none is lost. */

pub(super) mod schema;
mod watch;

use std::fs;

use anyhow::Result;
use fakes::{Action, FakeFleet, FakeRegistry, Fault, Faults, registry::Settings};
use serde_json::{Value, json};
use tests::needs;

use super::{Report, Site, map, map_at, real, says, shown};
use crate::{desk::Desk, outcome::fails_with};

fn site(clusters: usize, faults: Faults) -> Result<(Site, FakeFleet)> {
    let site = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
    ])?;
    let fleet = FakeFleet::start(clusters, faults)?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    Ok((site, fleet))
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_changed() -> Result<()> {
    let (site, fleet) = site(1, Faults::default())?;
    let nowhere = site.desk.at("missing/report.json");
    let directory = site.desk.at("config");
    for (place, code) in [(&nowhere, 1), (&directory, 2)] {
        let output = site.to(&["c0"], &["--report", &shown(place)])?.run()?;
        fails_with(&output, code, &[&shown(place)]);
    }
    assert_eq!(fleet.summary().requests, 0);
    Ok(())
}

#[test]
fn a_report_serves_only_the_clusters_and_the_kind_of_run_it_is_about() -> Result<()> {
    let forbid = Fault::of(Action::Forbid)
        .clusters([0])
        .resource("configmaps");
    let (site, fleet) = site(3, Faults::default().with(forbid))?;
    let report = shown(&site.desk.at("report.json"));
    let retry = ["--retry-failed", &report];
    // All of a dry run is still to be done.
    site.applied(&["c1"], &["--dry-run=server", "--report", &report], 0)?;
    fails_with(&site.to(&["c1"], &retry)?.run()?, 2, &["dry run", &report]);

    site.applied(&["c0", "c1"], &["--report", &report], 40)?;
    fails_with(
        &site.to(&["c2"], &retry)?.run()?,
        2,
        &["none of the clusters", &report],
    );
    assert_eq!(fleet.get(2, &map_at("default", "a")), None);

    fleet.set_faults(Faults::default());
    let again = site
        .to(&["c0", "c1", "c2"], &retry)?
        .args(["--report", &report]);
    let output = again.run()?.expect_code(0)?;
    says(&output.stderr, &["1 cluster is not in that report", "c2"]);
    let outcome = Report::of(&output)?;
    assert_eq!(outcome.0["clusters"].as_array().map(Vec::len), Some(1));
    assert_eq!(outcome.state("c0")?, "done");
    // Nothing is left: a sentence, an report, and no request.
    fleet.forget();
    let nothing = site.applied(&["c0"], &retry, 0)?;
    assert_eq!(nothing.0["clusters"], json!([]));
    let text = site.apply(&["--context", "c0", "--kubeconfig"])?;
    let text = text.args([site.desk.at("kubeconfig")]).args(retry).run()?;
    says(&text.expect_code(0)?.text(), &["nothing is left to do"]);
    assert_eq!(fleet.summary().requests, 0);
    Ok(())
}

#[test]
fn all_or_nothing_says_of_each_cluster_what_is_wrong_with_it() -> Result<()> {
    let faults = Faults::default()
        .with(
            Fault::of(Action::Forbid)
                .clusters([0])
                .resource("configmaps"),
        )
        .with(
            Fault::of(Action::status(503))
                .clusters([2])
                .resource("configmaps"),
        );
    let (site, fleet) = site(3, faults)?;
    let clusters = ["c0", "c1", "c2"];
    let outcome = site.applied(&clusters, &["--all-or-nothing"], 41)?;
    says(outcome.reason("c0")?, &["forbidden"]);
    says(outcome.reason("c1")?, &["c0", "forbidden"]);
    says(outcome.reason("c2")?, &["503"]);
    assert_eq!(fleet.summary().writes, 0);
    // A dry run changes nothing anyway, and tells everything.
    let dry = site.applied(&clusters, &["--all-or-nothing", "--dry-run=server"], 40)?;
    assert_eq!(dry.actions("c1")?, ["a created", "b created"]);
    Ok(())
}

/// What a program reads is JSON whatever is asked for, and what was pushed is told even where clusters then get nothing.
#[test]
fn an_import_tells_of_both_halves() -> Result<()> {
    let (site, fleet) = site(1, Faults::default())?;
    let inside = FakeRegistry::start(Settings::default())?;
    let import = |flags: &[&str]| -> Result<_> {
        let import = site.desk.import("import", &site.bundle)?;
        let import = import.args(["--plain-http", "--to", &inside.host(), "--format", "json"]);
        let import = import.args(["--context", "c0", "--kubeconfig"]);
        import.args([site.desk.at("kubeconfig")]).args(flags).run()
    };
    let listed = Report::of(&import(&["--apply-config", "--dry-run"])?.expect_code(0)?)?.0;
    assert_eq!(listed["clusters"]["objects"][1]["name"], "b");
    assert_eq!(listed["clusters"]["clusters"], json!(["c0"]));

    let output = import(&["--apply-config", "--only", "kind=Nothing"])?.expect_code(2)?;
    says(&output.stderr, &["nothing to apply"]);
    assert_eq!(Report::of(&output)?.0["failures"], json!([]));

    let place = shown(&site.desk.at("tree"));
    let rendered =
        Report::of(&import(&["--apply-config", "--render-to-dir", &place])?.expect_code(0)?)?;
    assert_eq!(rendered.0["clusters"]["render_to_dir"], Value::from(place));
    assert_eq!(fleet.summary().requests, 0);

    let unasked = import(&[])?.expect_code(2)?;
    says(&unasked.stderr, &["not provided", "--apply-config"]);
    assert_eq!(fleet.summary().requests, 0);
    Ok(())
}

/// What is refused before it is carried is not quoted either.
#[test]
fn a_secret_that_no_cluster_takes_is_not_quoted() -> Result<()> {
    let desk = Desk::new()?;
    for fields in [
        "data: {password: hunter2!}",
        "data: {a: b, password: hunter2!}",
    ] {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{fields}\n");
        let file = desk.at("secret.yaml");
        fs::write(&file, text)?;
        let build = desk.build()?.args(["--allow-secrets", "--config"]);
        let build = build
            .args([&file])
            .args(["-o".as_ref(), desk.at("x.tar").as_os_str()]);
        let output = build.run()?;
        fails_with(&output, 2, &["secret.yaml", "Secret"]);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
    Ok(())
}

/// A server may quote what it refuses.
#[test]
fn a_secret_that_is_refused_is_not_quoted() -> Result<()> {
    needs!("kube-apiserver", "etcd");
    let secret = |name: &str, fields: &str| {
        let metadata = format!("metadata: {{name: {name}, namespace: default}}");
        format!("apiVersion: v1\nkind: Secret\n{metadata}\n{fields}\n")
    };
    let refused = [
        "type: kubernetes.io/tls\nstringData: {tls.crt: hunter2-half}",
        "type: kubernetes.io/basic-auth\nstringData: {pass: hunter2-misnamed}",
        "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: hunter2-login}",
    ];
    let documents = refused.iter().enumerate();
    let documents: Vec<String> = documents
        .map(|(number, fields)| secret(&format!("s{number}"), fields))
        .collect();
    let site = Site::new(&[("a.yaml", &documents.join("---\n"))])?;
    let (_turn, clusters) = real(&["east"])?;
    site.contexts(clusters.iter().map(|cluster| cluster.admin()))?;
    let report = site.desk.at("report.json");
    let kubeconfig = site.desk.at("kubeconfig");
    for flags in [&["--diff"][..], &["-vv"], &["--overwrite", "--format=json"]] {
        let run = site.apply(&["--context", "east", "--kubeconfig"])?;
        let run = run.args([&kubeconfig]).args(flags);
        let run = run.args(["--report".as_ref(), report.as_path()]);
        let output = run.run()?.expect_code(41)?;
        let said = format!(
            "{}{}{}",
            output.text(),
            output.stderr,
            fs::read_to_string(&report)?
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    Ok(())
}

/// One pass over a pipe serves registry, directory and clusters; a pipe that is cut serves none of them.
#[test]
fn from_a_pipe_everything_is_had_at_once_or_not_at_all() -> Result<()> {
    let (site, fleet) = site(1, Faults::default())?;
    let inside = FakeRegistry::start(Settings::default())?;
    let whole = fs::read(&site.bundle)?;
    let cut = site.desk.at("cut.tar");
    let written = whole.get(..whole.len() - 600).unwrap_or_default();
    fs::write(&cut, written)?;
    let directory = site.desk.at("written");
    let import = |from: &std::path::Path| -> Result<_> {
        let import = site.desk.import("import", "-".as_ref())?.stdin_file(from)?;
        let import = import.args(["--plain-http", "--to", &inside.host(), "--apply-config"]);
        let import = import.args(["--context", "c0", "--kubeconfig"]);
        let import = import.args([&site.desk.at("kubeconfig")]);
        import
            .args(["--config-to-dir".as_ref(), directory.as_path()])
            .run()
    };
    fails_with(&import(&cut)?, 11, &["cut"]);
    assert_eq!(fleet.summary().requests, 0);
    assert!(!directory.exists());

    import(&site.bundle)?.expect_code(0)?;
    assert!(fleet.get(0, &map_at("default", "b")).is_some());
    let file = fs::read_to_string(directory.join("b.yaml"))?;
    assert_eq!(file, map("default", "b", "1"));
    Ok(())
}
