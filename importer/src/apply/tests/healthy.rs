use std::time::Duration;

use fakes::FakeCluster;
use serde_json::json;

use super::fixture::{TWO, Tested, actions, manifests, options, run};
use crate::{
    apply::{ApplyOptions, outcome::Action},
    health::Wait,
    rollout::State,
};

#[tokio::test(start_paused = true)]
async fn what_does_not_become_healthy_fails_its_cluster_and_keeps_its_action() -> Tested {
    let path = "/api/v1/namespaces/default/configmaps/b";
    for (ready, state) in [("False", State::Failed), ("True", State::Done)] {
        let server = FakeCluster::kubernetes();
        let condition = json!({"type": "Ready", "status": ready, "message": "not today"});
        let there = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {}, "status": {"conditions": [condition]}});
        server.put(path, there)?;
        let wait = |wait| ApplyOptions {
            wait,
            health_timeout: Duration::from_millis(600),
            ..options()
        };
        let outcome = run(&server, &manifests(TWO)?, &wait(Wait::Healthy)).await?;
        assert_eq!(outcome.state, state, "{outcome:?}");
        let wanted = [
            ("ConfigMap a".to_owned(), Action::Created),
            ("ConfigMap b".to_owned(), Action::Configured),
        ];
        assert_eq!(actions(&outcome), wanted);
        if state == State::Failed {
            let reason = outcome.reason.unwrap_or_default();
            assert!(reason.contains("ConfigMap b is not healthy"), "{reason}");
            assert!(reason.contains("Ready is False: not today"), "{reason}");
        }
        let outcome = run(&server, &manifests(TWO)?, &wait(Wait::Applied)).await?;
        assert_eq!(outcome.state, State::Done);
    }
    Ok(())
}
