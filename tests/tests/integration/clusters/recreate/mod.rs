/*! Objects that cannot be changed, on real API servers: refused with the whole reason, or deleted and created anew where asked. */

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::needs;

use super::{Site, real, rollback::rollback, says, shown};

fn job(image: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once, namespace: default}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: a, image: '{image}'}}]\n"
    )
}

fn deployment(label: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: default}}\nspec:\n  selector: {{matchLabels: {{app: {label}}}}}\n  template:\n    metadata: {{labels: {{app: {label}}}}}\n    spec: {{containers: [{{name: a, image: 'a'}}]}}\n"
    )
}

fn service(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: default}}\nspec: {{clusterIP: {address}, ports: [{{port: 80, protocol: TCP}}]}}\n"
    )
}

const JOB: &str = "/apis/batch/v1/namespaces/default/jobs/once";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const SERVICE: &str = "/api/v1/namespaces/default/services/web";

fn site(version: &str, address: &str) -> Result<Site> {
    Site::new(&[
        ("1.yaml", &job(&format!("a:{version}"))),
        ("2.yaml", &deployment(version)),
        ("3.yaml", &service(address)),
    ])
}

#[test]
fn what_cannot_be_changed_is_recreated_only_where_asked() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (first, second) = (site("one", "10.0.0.50")?, site("two", "10.0.0.51")?);
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    for site in [&first, &second] {
        site.contexts([east.admin()])?;
    }
    first.applied(&["east"], &[], 0)?;
    let uid = |path: &str| -> Result<Value> {
        Ok(east.get(path)?.context("gone")?["metadata"]["uid"].clone())
    };
    let before = [uid(JOB)?, uid(DEPLOYMENT)?, uid(SERVICE)?];

    // Without being asked, all is left alone, and the reason is whole.
    let refused = second.applied(&["east"], &[], 41)?;
    says(
        refused.why("east", "once")?,
        &["field is immutable", "--recreate Job.batch"],
    );
    let actions = refused.actions("east")?;
    assert_eq!(actions, ["once failed", "web failed", "web failed"]);
    assert_eq!([uid(JOB)?, uid(DEPLOYMENT)?, uid(SERVICE)?], before);

    // A dry run says what would be, and does nothing.
    let mark = east.mark()?;
    let dry = second.applied(&["east"], &["--recreate", "all", "--dry-run=server"], 0)?;
    says(
        dry.why("east", "once")?,
        &["will be deleted and created anew", "field is immutable"],
    );
    assert_eq!(
        dry.actions("east")?,
        ["once configured", "web configured", "web configured"]
    );
    assert_eq!(east.writes(mark)?, []);

    // Only the kinds that are named.
    let some = second.applied(
        &["east"],
        &["--recreate", "job", "--recreate", "Service"],
        41,
    )?;
    says(some.why("east", "once")?, &["deleted and created anew"]);
    assert_ne!(uid(JOB)?, before[0]);
    assert_eq!(uid(DEPLOYMENT)?, before[1]);
    assert_ne!(uid(SERVICE)?, before[2]);
    let service = east.get(SERVICE)?.context("gone")?;
    assert_eq!(service["spec"]["clusterIP"], "10.0.0.51");

    // What is deleted is in the backup.
    let backup = second.desk.at("backup");
    let at = shown(&backup);
    second.applied(
        &["east"],
        &["--recreate", "Deployment.apps", "--backup", &at],
        0,
    )?;
    assert_ne!(uid(DEPLOYMENT)?, before[1]);
    let saved = fs::read_to_string(backup.join("east/objects/0001.json"))?;
    let saved: Value = serde_json::from_str(&saved)?;
    assert_eq!(saved["metadata"]["uid"], before[1]);
    let again = second.applied(&["east"], &["--recreate", "all"], 0)?;
    assert_eq!(
        again.actions("east")?,
        ["once unchanged", "web unchanged", "web unchanged"]
    );
    Ok(())
}

#[test]
fn a_rollback_recreates_what_the_apply_recreated() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let (first, second) = (site("one", "10.0.0.50")?, site("two", "10.0.0.51")?);
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    for site in [&first, &second] {
        site.contexts([east.admin()])?;
    }
    let is = |path: &str, field: &str, expected: &str| -> Result<()> {
        let object = east.get(path)?.context("gone")?;
        let found = object.pointer(field).and_then(Value::as_str);
        assert_eq!(found, Some(expected), "{path}");
        Ok(())
    };
    let all = |version: &str, address: &str| -> Result<()> {
        let image = "/spec/template/spec/containers/0/image";
        is(JOB, image, &format!("a:{version}"))?;
        is(DEPLOYMENT, "/spec/selector/matchLabels/app", version)?;
        is(SERVICE, "/spec/clusterIP", address)
    };
    first.applied(&["east"], &[], 0)?;
    let backup = second.desk.at("backup");
    let flags = ["--recreate", "all", "--backup", &shown(&backup)];
    second.applied(&["east"], &flags, 0)?;
    all("two", "10.0.0.51")?;
    rollback(&second, &backup, &[], 0)?;
    all("one", "10.0.0.50")?;
    // A second one finds nothing to do, and neither does the bundle that was there before.
    let again = rollback(&second, &backup, &[], 0)?;
    assert_eq!(
        again.actions("east")?,
        ["once unchanged", "web unchanged", "web unchanged"]
    );
    let again = first.applied(&["east"], &[], 0)?;
    let actions = again.actions("east")?;
    assert!(
        actions.iter().all(|one| one.ends_with("unchanged")),
        "{actions:?}"
    );
    Ok(())
}

#[test]
fn what_would_be_refused_anew_is_not_deleted() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let first = Site::new(&[("1.yaml", &job("a:one"))])?;
    let broken = job("a:two").replace("restartPolicy: Never", "restartPolicy: Always");
    let second = Site::new(&[("1.yaml", &broken)])?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    for site in [&first, &second] {
        site.contexts([east.admin()])?;
    }
    first.applied(&["east"], &[], 0)?;
    let mark = east.mark()?;
    let refused = second.applied(&["east"], &["--recreate", "all"], 41)?;
    says(
        refused.why("east", "once")?,
        &["created anew it would be refused too", "restartPolicy"],
    );
    let deleted = east.writes(mark)?;
    assert!(
        deleted.iter().all(|one| one.verb != "delete"),
        "{deleted:?}"
    );
    assert!(east.get(JOB)?.is_some());
    Ok(())
}
