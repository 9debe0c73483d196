/*! Objects that cannot be changed, where somebody changes them between the preflight and their turn. */

use fakes::{FakeCluster, kubernetes::Scripted};
use serde_json::{Value, json};

use super::fixture::{
    FIRST, TWO, Tested, actions, converged, each, manifests, options, preflight, reason_of,
};
use crate::{
    apply::{
        ApplyOptions,
        object::{Recreate, RecreateKind},
        outcome::Action,
    },
    rollout::State,
};

/// A cluster with the first of [`TWO`], which lets no ConfigMap be changed, and deletes only what is as the request says.
fn immutable() -> Result<FakeCluster, Box<dyn std::error::Error>> {
    let server = FakeCluster::kubernetes();
    server.put(FIRST, there("0"))?;
    server.script(|server, request| {
        let live = server.get(&request.path)?;
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.method.as_str() {
            "PATCH" => {
                let message = "Forbidden: field is immutable when `immutable` is set";
                let causes = json!([{"field": "data", "message": message}]);
                let body = json!({"kind": "Status", "details": {"causes": causes}});
                Some(Scripted::Reply(422, body))
            }
            "DELETE" => {
                let expected = &sent["preconditions"]["resourceVersion"];
                let is = *expected == live["metadata"]["resourceVersion"];
                (!is).then(|| Scripted::Reply(409, json!({"kind": "Status", "reason": "Conflict"})))
            }
            _ => None,
        }
    });
    Ok(server)
}

fn there(data: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": data}})
}

fn recreating(backed_up: bool) -> Result<ApplyOptions, String> {
    Ok(ApplyOptions {
        backed_up,
        recreate: Recreate {
            kinds: vec![RecreateKind::parse("all")?],
            keeps_secrets: false,
        },
        ..options()
    })
}

#[tokio::test(start_paused = true)]
async fn only_what_the_backup_has_is_deleted() -> Tested {
    // What came between, whether there is a backup, and what becomes of the object.
    let table = [
        (json!({"status": {"seen": 1}}), true, Action::Configured),
        (json!({"data": {"x": "theirs"}}), true, Action::Failed),
        (json!({"data": {"x": "theirs"}}), false, Action::Configured),
    ];
    for (change, backed_up, expected) in table {
        let server = immutable()?;
        let options = recreating(backed_up)?;
        let preflight = preflight(&server, &manifests(TWO)?, &options).await?;
        let mut changed = server.get(FIRST).ok_or("gone")?;
        for (field, value) in change.as_object().into_iter().flatten() {
            changed[field] = value.clone();
        }
        server.put(FIRST, changed)?;
        let outcome = converged(&preflight, &options).await;
        let mut became = each(&["ConfigMap a"], expected);
        became.extend(each(&["ConfigMap b"], Action::Created));
        assert_eq!(actions(&outcome), became, "{change} {outcome:?}");
        let reason = reason_of(&outcome, "a").unwrap_or_default();
        let live = server.get(FIRST).ok_or("gone")?;
        match expected {
            Action::Failed => {
                assert!(reason.contains("changed since the preflight"), "{reason}");
                assert_eq!(live["data"]["x"], "theirs");
                assert_eq!(outcome.state, State::Failed);
            }
            _ => {
                assert!(reason.contains("deleted and created anew: "), "{reason}");
                assert_eq!(live["data"]["x"], "1");
                assert_eq!(outcome.state, State::Done);
            }
        }
    }
    Ok(())
}
