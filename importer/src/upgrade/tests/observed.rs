/*! One look at a time: what each state of a cluster says, and what it does not say yet. */

use serde_json::{Value, json};

use super::{CURRENT, OFFERED, Tested, arrived, asked, idle, image, pool, set, underway};
use crate::upgrade::observe::{Look, Trouble, cluster, pools};

/// A look in one word.
fn word(cluster_version: &Value) -> Result<&'static str, Box<dyn std::error::Error>> {
    Ok(match cluster(cluster_version, image()?.digest()) {
        Look::Arrived { .. } => "arrived",
        Look::Superseded(_) => "superseded",
        Look::Underway(_, None) => "underway",
        Look::Underway(_, Some(Trouble::Refused(_))) => "refused",
        Look::Underway(_, Some(Trouble::Failing(_))) => "failing",
    })
}

#[test]
fn a_cluster_has_arrived_only_when_all_of_it_says_so() -> Tested {
    let mut elsewhere = arrived();
    elsewhere["status"]["desired"]["image"] = json!(OFFERED);
    elsewhere["status"]["history"][0]["image"] = json!(OFFERED);
    elsewhere["spec"] = json!({ "desiredUpdate": { "image": CURRENT } });
    let idle_message = set(underway(""), "Progressing", "False", "", "");
    let mut stale = arrived();
    stale["status"]["history"][0]["image"] = json!(CURRENT);
    let mut silent = arrived();
    silent["status"]["conditions"] = json!([]);
    for (cluster_version, expected, why) in [
        (arrived(), "arrived", ""),
        (
            elsewhere,
            "arrived",
            "the same digest from elsewhere, whatever else is asked for",
        ),
        (silent, "arrived", "conditions may be missing"),
        (underway("Working"), "underway", ""),
        (idle_message, "underway", "the history is not complete"),
        (stale, "underway", "the history is about the release before"),
        (
            set(arrived(), "Progressing", "True", "", "Working"),
            "underway",
            "it began again",
        ),
        (
            set(arrived(), "Failing", "True", "X", "x"),
            "failing",
            "it cannot keep the release up",
        ),
        (
            set(arrived(), "Failing", "Unknown", "X", "x"),
            "arrived",
            "not known is not failing",
        ),
    ] {
        assert_eq!(word(&cluster_version)?, expected, "{why}");
    }
    Ok(())
}

#[test]
fn a_release_is_refused_only_when_the_cluster_says_no_to_this_one() -> Tested {
    let accepted = |status: &str| set(asked(), "ReleaseAccepted", status, "RetrievePayload", "why");
    let mut failing = set(asked(), "Failing", "True", "X", "x");
    failing["status"]["desired"]["image"] = json!(CURRENT);
    let mut cleared = asked();
    cleared["spec"]["desiredUpdate"] = Value::Null;
    for (cluster_version, expected, why) in [
        (accepted("False"), "refused", ""),
        (accepted("Unknown"), "underway", "it is being fetched"),
        (
            accepted("True"),
            "underway",
            "that is about the release before",
        ),
        (failing, "underway", "that is about the release before"),
        (cleared, "superseded", "somebody has taken it back"),
        (idle(), "superseded", "nobody asks for it"),
        (json!(null), "superseded", ""),
    ] {
        assert_eq!(word(&cluster_version)?, expected, "{why}");
    }
    Ok(())
}

#[test]
fn a_pool_is_updated_when_it_is_so_for_the_configuration_that_is_wanted() {
    let mut stale = pool("worker", 3);
    stale["status"]["configuration"]["name"] = json!("rendered-worker-old");
    let mut paused = stale.clone();
    paused["spec"]["paused"] = json!(true);
    let mut resting = pool("infra", 3);
    resting["spec"]["paused"] = json!(true);
    let degraded = set(
        pool("gpu", 3),
        "Degraded",
        "True",
        "",
        "node gpu-1: disk full",
    );
    let seen = pools(&[
        pool("master", 3),
        stale,
        paused,
        resting,
        degraded,
        json!({}),
    ]);
    assert_eq!(
        seen.waiting,
        [
            "machine config pool worker: 3 of 3 nodes updated",
            "machine config pool : 0 of 0 nodes updated"
        ]
    );
    assert_eq!(seen.paused, ["worker"]);
    assert_eq!(
        seen.degraded,
        ["machine config pool gpu is degraded: node gpu-1: disk full"]
    );
}
