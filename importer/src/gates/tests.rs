mod windows;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    hook::{Hook, RunId, Stage},
    job, requirement,
};

type Done = Result<(), Box<dyn std::error::Error>>;

fn hook(name: &str) -> Result<Hook, String> {
    let metadata = json!({"name": name, "namespace": "shop", "labels": {"app": "shop"}});
    Hook::new(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {}}}),
    )
}

#[test]
fn a_job_has_a_name_of_its_run_its_stage_and_its_place() -> Done {
    let run = RunId::new("2026-11-28T22:00:00Z".parse()?);
    let later = RunId::new("2026-11-28T22:00:00.001Z".parse()?);
    let long = "x".repeat(63);
    for base in ["smoke", &long] {
        let hook = hook(base)?;
        let names = [
            hook.job(&run, Stage::Before, 1).0,
            hook.job(&run, Stage::Before, 2).0,
            hook.job(&run, Stage::After, 1).0,
            hook.job(&later, Stage::Before, 1).0,
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(name.len() <= 63, "{name}");
            assert!(
                name.starts_with(&base[..5])
                    && Hook::new(hook.job(&run, Stage::Before, 1).1).is_ok()
            );
            assert!(!names[..index].contains(name), "{names:?}");
        }
    }
    let (name, job) = hook("smoke")?.job(&run, Stage::After, 3);
    assert_eq!(job["metadata"]["name"], name);
    assert_eq!(job["metadata"]["labels"]["app"], "shop");
    assert_eq!(job["metadata"]["labels"]["offline-bundle/hook"], "after");
    assert_eq!((name, job), hook("smoke")?.job(&run, Stage::After, 3));
    Ok(())
}

fn with(conditions: Value) -> Value {
    json!({
        "apiVersion": "config.openshift.io/v1", "kind": "ClusterOperator",
        "metadata": {"name": "x", "generation": 2}, "status": {"conditions": conditions},
    })
}

#[test]
fn a_job_has_ended_when_a_condition_says_so() {
    assert_eq!(job::end(&with(json!([]))), None);
    let suspended =
        json!([{"type": "Suspended", "status": "True"}, {"type": "Complete", "status": "False"}]);
    assert_eq!(job::end(&with(suspended)), None);
    let complete = json!([{"type": "Complete", "status": "True"}]);
    assert_eq!(job::end(&with(complete)), Some(Ok(())));
    let failed = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "has reached\nthe limit"}]);
    let expected = "has reached the limit (BackoffLimitExceeded)".to_owned();
    assert_eq!(job::end(&with(failed)), Some(Err(expected)));
}

#[test]
fn the_newest_pod_has_the_last_word() {
    let pod = |created: &str, code: i64, message: &str| {
        let state = json!({"terminated": {"exitCode": code, "message": message}});
        json!({"metadata": {"creationTimestamp": created}, "status": {"containerStatuses": [{"state": state}]}})
    };
    let pods = json!({"items": [
        pod("2026-11-28T22:00:02Z", 3, "no route\nto the store"),
        pod("2026-11-28T22:00:01Z", 1, "older"),
    ]});
    let expected = "its container ended with 3: no route to the store";
    assert_eq!(job::last_words(&pods).as_deref(), Some(expected));
    let fine = json!({"items": [pod("2026-11-28T22:00:02Z", 0, "fine")]});
    assert_eq!(job::last_words(&fine), None);
    assert_eq!(job::last_words(&Value::Null), None);
}

#[test]
fn pools_operators_and_conditions_say_what_was_found() {
    let available = json!({"type": "Available", "status": "True"});
    let degraded =
        json!({"type": "Degraded", "status": "True", "reason": "Stuck", "message": "node a"});
    let pool = |paused: bool, conditions: Value| json!({"spec": {"paused": paused}, "status": {"conditions": conditions}});
    assert_eq!(requirement::pool(&pool(false, json!([]))), None);
    let paused = requirement::pool(&pool(true, json!([])));
    assert_eq!(paused, Some(("not paused", "spec.paused: true".to_owned())));
    let ill = requirement::pool(&pool(false, json!([degraded])));
    assert_eq!(
        ill,
        Some(("not degraded", "Degraded=True: node a (Stuck)".to_owned()))
    );

    assert_eq!(requirement::operator(&with(json!([available]))), None);
    assert!(requirement::operator(&with(json!([available, degraded]))).is_some());
    assert!(requirement::operator(&with(json!([]))).is_some());

    let found = |object: &Value, status| requirement::judge(object, "Available", status);
    let object = with(json!([available]));
    assert_eq!(found(&object, "True"), None);
    assert_eq!(found(&object, "False").as_deref(), Some("True"));
    assert_eq!(
        found(&with(json!([])), "True").as_deref(),
        Some("no such condition")
    );
    let mut stale = object;
    stale["status"]["observedGeneration"] = json!(1);
    assert!(
        found(&stale, "True").is_some_and(|found| found.contains("generation 2 is not observed"))
    );
}

/// A time, for people who write tests.
fn at(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse()
}
