/*! What is sent to a cluster, and when nothing is. */

use serde_json::{Value, json};

use super::{CURRENT, OFFERED, Tested, WANTED, arrived, idle, request, set, underway};
use crate::upgrade::{
    Before, Decision, PinnedImage, UpgradeRequest,
    patch::{Refusal, patch},
};

fn sent(cluster: &Value, request: &UpgradeRequest) -> Result<(Value, Vec<String>), String> {
    match patch(cluster, request).map_err(|refusal| refusal.to_string())? {
        Decision::Patch { patch, warnings } => Ok((patch, warnings)),
        Decision::AlreadyThere => Err("already there".to_owned()),
    }
}

/// The risk that an update service has told the cluster.
fn risky(status: &str) -> Value {
    let mut cluster = idle();
    cluster["status"]["conditionalUpdates"] = json!([{
        "release": { "version": "4.14.20", "image": OFFERED },
        "risks": [{ "name": "SlowDisks", "message": "Disks may be slow.", "url": "https://example.com/1" }],
        "conditions": [{ "type": "Recommended", "status": status, "reason": "SlowDisks", "message": "Disks may\nbe slow." }]
    }]);
    cluster
}

#[test]
fn an_idle_cluster_gets_the_patch_that_oc_sends() -> Tested {
    let (patch, warnings) = sent(&idle(), &request()?)?;
    assert_eq!(
        patch.to_string(),
        format!(
            r#"{{"spec":{{"desiredUpdate":{{"architecture":"","force":false,"image":"{WANTED}","version":""}}}}}}"#
        )
    );
    assert_eq!(warnings, [""; 0]);
    Ok(())
}

#[test]
fn the_version_is_filled_in_where_the_cluster_knows_the_digest_and_accepted_risks_stay() -> Tested {
    let mut cluster = idle();
    cluster["status"]["availableUpdates"] = json!([
        { "version": "4.14.15", "image": CURRENT },
        { "version": "4.14.20", "image": OFFERED, "channels": ["stable-4.14"] }
    ]);
    cluster["spec"]["desiredUpdate"] = json!({ "architecture": "Multi", "version": "4.14.10", "image": "", "force": true, "acceptRisks": [{ "name": "SlowDisks" }] });
    let (patch, _) = sent(&cluster, &request()?)?;
    assert_eq!(
        patch["spec"]["desiredUpdate"],
        json!({ "architecture": "", "version": "4.14.20", "image": WANTED, "force": false, "acceptRisks": [{ "name": "SlowDisks" }] })
    );
    Ok(())
}

#[test]
fn a_cluster_that_has_the_digest_is_not_asked_whatever_registry_it_came_from() -> Tested {
    let mut elsewhere = idle();
    elsewhere["status"]["desired"]["image"] = json!(OFFERED);
    for there in [arrived(), underway("Working towards 4.14.20"), elsewhere] {
        assert_eq!(patch(&there, &request()?), Ok(Decision::AlreadyThere));
    }
    Ok(())
}

#[test]
fn an_unhealthy_cluster_is_refused_with_all_its_reasons_unless_that_is_allowed() -> Tested {
    let failing = set(
        idle(),
        "Failing",
        "True",
        "ClusterOperatorDegraded",
        "Cluster operator etcd is degraded",
    );
    let both = set(
        failing,
        "Progressing",
        "True",
        "",
        "Working towards 4.14.12",
    );
    let invalid = set(
        idle(),
        "Invalid",
        "True",
        "InvalidClusterVersion",
        "spec.channel is odd",
    );
    for (cluster, reasons) in [
        (
            &both,
            vec![
                "Cluster operator etcd is degraded (ClusterOperatorDegraded)",
                "already: Working towards 4.14.12",
            ],
        ),
        (
            &invalid,
            vec!["spec.channel is odd (InvalidClusterVersion)"],
        ),
    ] {
        let mut request = request()?;
        let refused = sent(cluster, &request).err().unwrap_or_default();
        for reason in &reasons {
            assert!(refused.contains(reason), "{refused}");
        }
        assert!(
            refused.ends_with("or give --allow-upgrade-with-warnings"),
            "{refused}"
        );
        request.allow_upgrade_with_warnings = true;
        let (_, warnings) = sent(cluster, &request)?;
        assert_eq!(warnings.len(), reasons.len(), "{warnings:?}");
    }
    // What is not known to be true does not count, as with oc.
    sent(&set(idle(), "Failing", "Unknown", "", ""), &request()?)?;
    Ok(())
}

#[test]
fn a_release_with_a_risk_is_refused_unless_the_risk_is_accepted() -> Tested {
    for status in ["False", "Unknown"] {
        let mut request = request()?;
        assert_eq!(
            patch(&risky(status), &request),
            Err(Refusal::NotRecommended {
                version: "4.14.20".to_owned(),
                reason: "Disks may be slow. (SlowDisks)".to_owned()
            })
        );
        request.allow_not_recommended = true;
        let (patch, warnings) = sent(&risky(status), &request)?;
        assert_eq!(patch["spec"]["desiredUpdate"]["version"], "4.14.20");
        assert_eq!(patch["spec"]["desiredUpdate"]["image"], WANTED);
        assert!(warnings[0].contains("Disks may be slow."), "{warnings:?}");
    }
    sent(&risky("True"), &request()?)?;
    Ok(())
}

#[test]
fn force_is_sent_only_when_asked_for_and_never_quietly() -> Tested {
    let mut request = request()?;
    request.force = true;
    let (patch, warnings) = sent(&idle(), &request)?;
    assert_eq!(patch["spec"]["desiredUpdate"]["force"], true);
    assert!(
        warnings[0].contains("skip the verification"),
        "{warnings:?}"
    );
    // It passes over the cluster's guards, not over ours.
    let busy = set(idle(), "Progressing", "True", "", "Working");
    assert_eq!(
        sent(&busy, &request),
        Err(
            "it is being upgraded already: Working; mend that first, or give --allow-upgrade-with-warnings"
                .to_owned()
        )
    );
    Ok(())
}

#[test]
fn a_cluster_that_is_not_upgradeable_is_told_of_before_and_asked() -> Tested {
    let held = set(
        risky("False"),
        "Upgradeable",
        "False",
        "AdminAckRequired",
        "Kubernetes 1.28 removes\nan API",
    );
    let mut request = request()?;
    let before = Before::new(&held, &request);
    let warnings = before.warnings(&request).join("\n");
    for part in [
        "Kubernetes 1.28 removes an API (AdminAckRequired); acknowledge it with `importer apply --acknowledge",
        "not recommended for this cluster: Disks may be slow. (SlowDisks)",
    ] {
        assert!(warnings.contains(part), "{warnings}");
    }
    request.allow_not_recommended = true;
    sent(&held, &request)?;
    // Where nothing is asked for, nothing is held up.
    let held = set(arrived(), "Upgradeable", "False", "AdminAckRequired", "x");
    let warnings = Before::new(&held, &request).warnings(&request);
    assert_eq!(warnings, [""; 0]);
    Ok(())
}

#[test]
fn an_image_is_named_by_registry_and_digest_alone() {
    let digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    for (text, said) in [
        ("registry:5000/a:4.14.20".to_owned(), "without a tag"),
        (format!("registry:5000/a:4.14.20@{digest}"), "without a tag"),
        (format!("a/b@{digest}"), "with the registry"),
        (
            "registry:5000/a@sha256:11".to_owned(),
            "registry:5000/a@sha256:11",
        ),
        ("4.14.20".to_owned(), "without a tag"),
    ] {
        let told = text.parse::<PinnedImage>();
        let told = told.map_or_else(|error| error.to_string(), |image| image.to_string());
        assert!(told.contains(said), "{text}: {told}");
        assert!(told.starts_with(&text), "{text}: {told}");
    }
    let parsed = format!("docker://{WANTED}").parse::<PinnedImage>();
    assert_eq!(parsed.map(|image| image.to_string()), Ok(WANTED.to_owned()));
}

#[test]
fn nothing_is_read_from_an_object_that_says_nothing() -> Tested {
    for empty in [
        json!({}),
        json!({ "status": { "conditions": null, "history": null, "desired": null } }),
        json!([]),
    ] {
        let (patch, _) = sent(&empty, &request()?)?;
        assert_eq!(patch["spec"]["desiredUpdate"]["image"], WANTED);
        assert_eq!(Before::new(&empty, &request()?).version, None);
    }
    Ok(())
}
