/*! Rollbacks that go further than one cluster's ConfigMaps: several waves, and what an import has applied. */

use anyhow::{Context as _, Result};
use fakes::{FakeRegistry, registry::Settings};
use tests::{cluster::Cluster, needs, process::Program};

use super::{
    super::{Report, Site, map, map_at, real, says, shown},
    bare, rollback,
};

/// A canary that cannot be brought back stops the others; when it can, the same report continues.
#[test]
fn waves_of_a_rollback_stop_at_a_failure_and_are_continued() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, mut clusters) = real(&["east", "west"])?;
    site.contexts(clusters.iter().map(Cluster::admin))?;
    let list = site.clusters(
        "kubeconfig: kubeconfig\nclusters: [{name: east}, {name: west}]\nwaves: [{clusters: [east]}, {clusters: [west]}]\n",
    )?;
    let directory = site.desk.at("backup");
    let apply = site.to_all(&["--backup"])?.args([&directory]);
    apply.run()?.expect_code(0)?;
    let report = shown(&site.desk.at("report.json"));
    let back = |flags: &[&str], code| {
        let program = Program::importer()?.args(["rollback", &shown(&directory), "--clusters"]);
        let program = program
            .args([&list])
            .args(["--format", "json", "--report", &report]);
        Report::of(&program.args(flags).run()?.expect_code(code)?)
    };
    clusters[0].stop();
    let mark = clusters[1].mark()?;
    let account = back(&[], 41)?;
    assert_eq!(account.state("east")?, "unreachable");
    assert_eq!(account.state("west")?, "stopped");
    assert_eq!(clusters[1].writes(mark)?.len(), 0);
    clusters[0].restart()?;
    let account = back(&["--retry-failed", &report], 0)?;
    for (wave, (name, cluster)) in [(1, ("east", &clusters[0])), (2, ("west", &clusters[1]))] {
        assert_eq!(account.actions(name)?, ["a deleted"]);
        assert_eq!(account.cluster(name)?["wave"], wave);
        assert_eq!(cluster.get(&map_at("default", "a"))?, None);
    }
    Ok(())
}

#[test]
fn what_an_import_applied_is_rolled_back_too() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "2"))])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    east.apply(&map("default", "a", "1"))?;
    let place = map_at("default", "a");
    let before = bare(east, &place)?;
    let inside = FakeRegistry::start(Settings::default())?;
    let directory = site.desk.at("backup");
    let import = site.desk.import("import", &site.bundle)?;
    let import = import.args(["--plain-http", "--to", &inside.host()]);
    let import = import.args(["--apply-config", "--overwrite", "--context", "east"]);
    let import = import.args(["--backup", &shown(&directory), "--kubeconfig"]);
    let said = import
        .args([site.desk.at("kubeconfig")])
        .run()?
        .expect_code(0)?;
    says(&said.text(), &["configured"]);
    assert_ne!(bare(east, &place)?, before);
    let account = rollback(&site, &directory, &[], 0)?;
    assert_eq!(account.actions("east")?, ["a restored"]);
    assert_eq!(bare(east, &place)?, before);
    Ok(())
}
