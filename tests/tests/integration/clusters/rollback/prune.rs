/*! What a later bundle of a series no longer has, and what somebody changed by hand, on a real API server. */

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::needs;

use super::super::{Report, Site, map, map_at, real, says};
use crate::outcome::fails_with;

#[test]
fn prune_removes_exactly_what_was_dropped() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let all = Site::new(&[
        ("a.yaml", &map("default", "a", "1")),
        ("b.yaml", &map("default", "b", "1")),
        ("c.yaml", &map("default", "c", "1")),
        (
            "d.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
        ),
    ])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    all.contexts([east.admin()])?;
    let flags = ["--series", "shop"];
    all.applied(&["east"], &flags, 0)?;
    let object = east.get(&map_at("default", "a"))?.context("a")?;
    assert_eq!(
        object["metadata"]["labels"]["offline-bundle/series"],
        "shop"
    );
    assert!(
        east.get(&map_at("default", "offline-bundle-inventory-shop"))?
            .is_some()
    );
    // A second run writes nothing.
    let mark = east.mark()?;
    all.applied(&["east"], &flags, 0)?;
    let meant = |mark| {
        let writes = east.writes(mark)?;
        Ok::<_, anyhow::Error>(writes.iter().filter(|write| !write.is_dry_run()).count())
    };
    assert_eq!(meant(mark)?, 0);

    // Somebody changes what is dropped next.
    east.merge(&map_at("default", "c"), &json!({"data": {"b": "mine"}}))?;
    let fewer = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    fewer.contexts([east.admin()])?;
    let listed = fewer.applied(&["east"], &flags, 0)?;
    let kept = ["a unchanged", "b kept", "c kept", "shop kept"];
    assert_eq!(listed.actions("east")?, kept);
    // Who approves waves has not approved that anything is removed, and nobody is there to ask.
    let unasked = ["--series", "shop", "--prune", "--auto-approve"];
    let refused = fewer.to(&["east"], &unasked)?.unattended().run()?;
    fails_with(&refused, 2, &["--prune", "terminal", "--auto-prune"]);
    assert!(east.get(&map_at("default", "b"))?.is_some());
    let flags = ["--series", "shop", "--prune", "--auto-prune"];
    let pruned = fewer.applied(&["east"], &flags, 0)?;
    let expected = ["a unchanged", "b pruned", "c kept", "shop kept"];
    assert_eq!(pruned.actions("east")?, expected);
    says(pruned.why("east", "c")?, &["manages fields of it too"]);
    assert_eq!(east.get(&map_at("default", "b"))?, None);
    for there in [map_at("default", "a"), map_at("default", "c")] {
        assert!(east.get(&there)?.is_some(), "{there}");
    }
    // It is off the list, and nothing is left to do.
    let mark = east.mark()?;
    let again = fewer.applied(&["east"], &flags, 0)?;
    assert_eq!(
        again.actions("east")?,
        ["a unchanged", "c kept", "shop kept"]
    );
    assert_eq!(meant(mark)?, 0);
    Ok(())
}

#[test]
fn what_was_changed_by_hand_is_found() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    site.applied(&["east"], &[], 0)?;
    let drift = |code| {
        let program = site.desk.import("drift", &site.bundle)?;
        let program = program.args(["--format", "json", "--context", "east", "--kubeconfig"]);
        let output = program.args([site.desk.at("kubeconfig")]).run()?;
        Report::of(&output.expect_code(code)?)
    };
    drift(0)?;
    east.merge(&map_at("default", "a"), &json!({"data": {"a": "9"}}))?;
    let mark = east.mark()?;
    let account = drift(42)?;
    assert_eq!(account.actions("east")?, ["a conflict"]);
    let writes = east.writes(mark)?;
    assert!(writes.iter().all(|write| write.is_dry_run()));
    Ok(())
}
