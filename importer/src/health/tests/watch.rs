/*! What is read again and again, in a time that passes by itself: until when, and what ends it. */

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cluster::{Call, Session, testing};
use fakes::{FakeCluster, kubernetes::Scripted};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{condition, object};
use crate::health::{Gate, Target};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// A session with a server that answers by path and by how many seconds it has been there; `null` is 404.
fn session(answers: impl Fn(&str, f64) -> Value + Send + Sync + 'static) -> Session {
    let (server, began) = (FakeCluster::kubernetes(), Instant::now());
    server.script(move |_, request| {
        let answer = answers(&request.path, began.elapsed().as_secs_f64());
        let status = if answer.is_null() { 404 } else { 200 };
        Some(Scripted::Reply(status, answer))
    });
    let connection = testing::connection(server, "https://stand.in:6443");
    testing::session(&connection, Duration::from_secs(5))
}

/// Passes the gate with one object, changed; and after how many seconds.
async fn pass(session: &Session, limit: u64) -> (Result<Vec<String>, String>, f64) {
    let target = Target {
        label: "Widget it".to_owned(),
        call: Call::get("/it".to_owned()),
        changed: true,
    };
    let began = Instant::now();
    let passed = match Gate::before(session, false).await {
        Ok(gate) => {
            gate.pass(
                session,
                &[target],
                false,
                Duration::from_secs(limit),
                &|_| {},
            )
            .await
        }
        Err(error) => Err(error),
    };
    (passed, began.elapsed().as_secs_f64())
}

fn widget(status: Value) -> Value {
    object("example.com/v1", "Widget", json!({"status": status}))
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_yet_is_read_again_and_a_status_without_generation_is_not_believed_at_once()
 {
    let ready = json!({"conditions": [condition("Ready", "True", "", "")]});
    let mut dated = ready.clone();
    dated["observedGeneration"] = json!(2);
    for (status, least, most) in [(dated, 0.9, 1.9), (ready, 2.0, 3.0)] {
        let session = session(move |_, now| match now < 0.9 {
            true => Value::Null,
            false => widget(status.clone()),
        });
        let (passed, seconds) = pass(&session, 60).await;
        assert_eq!(passed, Ok(Vec::new()));
        assert!((least..most).contains(&seconds), "{seconds}");
    }
    let (passed, seconds) = pass(&session(|_, _| Value::Null), 10).await;
    let reason = "applied, but Widget it is not healthy after 10 s: it is not there";
    assert_eq!(passed, Err(reason.to_owned()));
    assert!(seconds <= 10.0, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_wait_once_it_was_seen_twice() {
    let stalled = widget(json!({"conditions": [condition("Stalled", "True", "", "no way")]}));
    let known = stalled.clone();
    let (passed, seconds) = pass(&session(move |_, _| known.clone()), 600).await;
    let reason = "applied, but Widget it has failed: Stalled is True: no way";
    assert_eq!(passed, Err(reason.to_owned()));
    assert!(seconds < 2.0, "{seconds}");
    // What was there before is no failure of what is there now.
    let (passed, _) = pass(
        &session(move |_, now| match now < 0.2 {
            true => stalled.clone(),
            false => widget(json!({"observedGeneration": 2})),
        }),
        600,
    )
    .await;
    assert_eq!(passed, Ok(Vec::new()));
}

fn list(items: Vec<Value>) -> Value {
    json!({"items": items})
}

/// A pool that is asked for one rendered configuration and has another.
fn pool(name: &str, wanted: &str, has: &str, degraded: bool) -> Value {
    let degraded = if degraded { "True" } else { "False" };
    let updated = if wanted == has { "True" } else { "False" };
    object(
        "machineconfiguration.openshift.io/v1",
        "MachineConfigPool",
        json!({
            "metadata": {"name": name, "generation": 1},
            "spec": {"configuration": {"name": wanted}},
            "status": {
                "machineCount": 3, "updatedMachineCount": 1, "configuration": {"name": has},
                "conditions": [condition("Updated", updated, "", ""), condition("Degraded", degraded, "", "disk full")],
            },
        }),
    )
}

fn operator(available: &str) -> Value {
    let conditions = [condition("Available", available, "", "down")];
    object(
        "config.openshift.io/v1",
        "ClusterOperator",
        json!({"metadata": {"name": "dns"}, "status": {"conditions": conditions}}),
    )
}

/// Passes the gate of a cluster whose nodes were given something; and after how many seconds, and what was said of it.
async fn nodes(
    limit: u64,
    answers: impl Fn(f64) -> (Value, &'static str) + Send + Sync + 'static,
) -> (Result<Vec<String>, String>, f64, String) {
    let session = session(move |path, now| {
        let (pool, available) = answers(now);
        match path.contains("clusteroperators") {
            true => list(vec![operator(available)]),
            false => list(vec![pool]),
        }
    });
    let said = Mutex::new(String::new());
    let say = |text: &str| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(text);
        said.push('\n');
    };
    let began = Instant::now();
    let passed = match Gate::before(&session, true).await {
        Ok(gate) => {
            gate.pass(&session, &[], true, Duration::from_secs(limit), &say)
                .await
        }
        Err(error) => Err(error),
    };
    let seconds = began.elapsed().as_secs_f64();
    (passed, seconds, said.into_inner().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_pool_counts_once_it_has_taken_up_the_change_and_its_nodes_have_it() {
    let (passed, seconds, said) = nodes(3600, |now| {
        let pool = match now {
            // Nobody has noticed yet; all looks well.
            early if early < 20.0 => pool("worker", "r1", "r1", false),
            underway if underway < 300.0 => pool("worker", "r2", "r1", false),
            _ => pool("worker", "r2", "r2", false),
        };
        // While nodes restart, an operator is away.
        (
            pool,
            if (100.0..400.0).contains(&now) {
                "False"
            } else {
                "True"
            },
        )
    })
    .await;
    assert_eq!(passed, Ok(Vec::new()));
    assert!((400.0..410.0).contains(&seconds), "{seconds}");
    for text in [
        "machine config pools have not taken up the change yet: worker",
        "machine config pool worker: 1 of 3 nodes updated",
        "cluster operator dns, which was well before: Available is False: down",
    ] {
        assert!(said.contains(text), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_pool_takes_up_is_said_after_a_minute() -> Tested {
    let (passed, seconds, _) = nodes(3600, |_| (pool("worker", "r1", "r1", false), "True")).await;
    let warnings = passed?;
    assert!(
        warnings[0].contains("no machine config pool took up the change within 60 s"),
        "{warnings:?}"
    );
    assert!((60.0..66.0).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_stays_degraded_ends_the_wait_and_one_that_recovers_does_not() {
    let (passed, seconds, _) = nodes(3600, |now| {
        (
            pool(
                "worker",
                if now < 1.0 { "r1" } else { "r2" },
                "r1",
                now > 5.0,
            ),
            "True",
        )
    })
    .await;
    let reason = "applied, but machine config pool worker: Degraded is True: disk full";
    assert_eq!(passed, Err(reason.to_owned()));
    assert!(seconds < 40.0, "{seconds}");
    let (passed, ..) = nodes(3600, |now| {
        let pool = match now {
            start if start < 1.0 => pool("worker", "r1", "r1", false),
            hiccup if hiccup < 9.0 => pool("worker", "r2", "r1", true),
            _ => pool("worker", "r2", "r2", false),
        };
        (pool, "True")
    })
    .await;
    assert_eq!(passed, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_was_well_must_be_so_again_and_one_that_was_not_need_not() {
    let updated = |now: f64| match now < 1.0 {
        true => pool("worker", "r1", "r1", false),
        false => pool("worker", "r2", "r2", false),
    };
    let (passed, ..) = nodes(30, move |now| {
        (updated(now), if now < 1.0 { "True" } else { "False" })
    })
    .await;
    let reason = "applied, but the nodes are not well after 30 s: cluster operator dns, which was well before: Available is False: down";
    assert_eq!(passed, Err(reason.to_owned()));
    let (passed, ..) = nodes(30, move |now| (updated(now), "False")).await;
    assert_eq!(passed, Ok(Vec::new()));
}
