/*!
A rollout from beginning to end, as docs/clusters.md tells it: three real API servers, a canary that does not become healthy, a
rollback, a mended bundle, a change by hand, and what a later bundle no longer has.
*/

use std::path::Path;

use anyhow::{Context as _, Result};
use fakes::FakeRegistry;
use serde_json::json;
use tests::{needs, process::Program};

use super::{Report, Site, map, map_at, real, says, shown};

const CLUSTERS: &str = "\
kubeconfig: kubeconfig
clusters:
- name: canary
- name: store-1
- name: store-2
waves:
- clusters: [canary]
- clusters: [store-1, store-2]
";

/// A Deployment that nobody looks at: no controller runs beside these API servers.
const NEVER_HEALTHY: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: \"registry.example/web:1\"}]}
";

const WEB_AT: &str = "/apis/apps/v1/namespaces/default/deployments/web";

#[test]
fn a_rollout_from_beginning_to_end() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (settings, prices) = (
        map("default", "settings", "2"),
        map("default", "prices", "1"),
    );
    let zero = Site::new(&[("settings.yaml", &map("default", "settings", "1"))])?;
    let one = Site::new(&[
        ("prices.yaml", &prices),
        ("settings.yaml", &settings),
        ("web.yaml", NEVER_HEALTHY),
    ])?;
    let two = Site::new(&[("prices.yaml", &prices), ("settings.yaml", &settings)])?;
    let three = Site::new(&[("settings.yaml", &settings)])?;
    let (_turn, clusters) = real(&["canary", "store-1", "store-2"])?;
    for site in [&zero, &one, &two, &three] {
        site.contexts(clusters.iter().map(|cluster| cluster.admin()))?;
        site.clusters(CLUSTERS)?;
    }
    let [canary, stores @ ..] = &clusters[..] else {
        anyhow::bail!("no clusters");
    };
    // Where they stand: an earlier bundle of the series.
    zero.to_all(&["--series", "shop"])?.run()?.expect_code(0)?;
    let before = canary
        .get(&map_at("default", "settings"))?
        .context("settings")?;
    let registry = FakeRegistry::start(Default::default())?;
    let import = |site: &Site, flags: &[&str], code| {
        let import = site.desk.import("import", &site.bundle)?;
        let import = import.args(["--plain-http", "--to", &registry.host(), "--apply-config"]);
        let import = import.args(["--series", "shop", "--format", "json", "--clusters"]);
        let import = import.args([site.desk.at("CLUSTERS.yaml")]).args(flags);
        import.run()?.expect_code(code)
    };

    // Who they are: the ids go into the list, and from here on each must be the one that it was.
    let check = Program::importer()?.args(["clusters", "check", "--write-ids", "--clusters"]);
    check
        .args([one.desk.at("CLUSTERS.yaml")])
        .run()?
        .expect_code(0)?;
    let listed = std::fs::read_to_string(one.desk.at("CLUSTERS.yaml"))?;
    assert_eq!(listed.matches("clusterID").count(), 3, "{listed}");

    // The canary does not become healthy, and nothing else is touched.
    let marks = stores
        .iter()
        .map(|store| store.mark())
        .collect::<Result<Vec<_>>>()?;
    let (backup, report) = (shown(&one.desk.at("before")), one.desk.at("report.json"));
    let written = shown(&report);
    let gates = [
        "--backup",
        &backup,
        "--wait",
        "healthy",
        "--health-timeout",
        "3s",
        "--report",
        &written,
    ];
    import(&one, &gates, 41)?;
    let failed = of_file(&report)?;
    assert_eq!(failed.state("canary")?, "failed");
    says(failed.reason("canary")?, &["Deployment web"]);
    for (store, mark) in stores.iter().zip(marks) {
        let writes = store.writes(mark)?;
        assert!(writes.iter().all(|write| write.is_dry_run()), "{writes:?}");
    }
    assert_eq!(failed.state("store-1")?, "stopped");

    // The canary is what it was.
    let rollback = Program::importer()?.args(["rollback", &backup, "--clusters"]);
    rollback
        .args([one.desk.at("CLUSTERS.yaml")])
        .run()?
        .expect_code(0)?;
    assert_eq!(canary.get(WEB_AT)?, None);
    let after = canary
        .get(&map_at("default", "settings"))?
        .context("settings")?;
    assert_eq!(after["data"], before["data"]);

    // The mended bundle: all are healthy.
    import(
        &two,
        &[
            "--wait",
            "healthy",
            "--report",
            &shown(&two.desk.at("report.json")),
        ],
        0,
    )?;
    let done = of_file(&two.desk.at("report.json"))?;
    for cluster in ["canary", "store-1", "store-2"] {
        assert_eq!(done.state(cluster)?, "done");
    }

    // Somebody changes something by hand.
    let drift = |code| {
        let drift = two.desk.import("drift", &two.bundle)?;
        let drift = drift.args(["--format", "json", "--series", "shop", "--clusters"]);
        let output = drift.args([two.desk.at("CLUSTERS.yaml")]).run()?;
        Report::of(&output.expect_code(code)?)
    };
    drift(0)?;
    let store = stores.first().context("no store")?;
    store.merge(
        &map_at("default", "settings"),
        &json!({"data": {"a": "by hand"}}),
    )?;
    let found = drift(42)?;
    assert_eq!(
        found.actions("store-1")?,
        ["prices unchanged", "settings conflict"]
    );
    assert_eq!(
        found.actions("store-2")?,
        ["prices unchanged", "settings unchanged"]
    );

    // What a later bundle no longer has is removed, and what was changed by hand is set right.
    let prune = ["--series", "shop", "--prune", "--auto-prune", "--overwrite"];
    let pruned = Report::of(&three.to_all(&prune)?.run()?.expect_code(0)?)?;
    assert_eq!(
        pruned.actions("store-1")?,
        ["prices pruned", "settings configured"]
    );
    for cluster in &clusters {
        assert_eq!(cluster.get(&map_at("default", "prices"))?, None);
    }
    Ok(())
}

fn of_file(path: &Path) -> Result<Report> {
    Ok(Report(serde_json::from_slice(&std::fs::read(path)?)?))
}
