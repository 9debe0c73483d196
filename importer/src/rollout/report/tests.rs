/*! Reports of many clusters fit on screens. */

use std::sync::Arc;

use cli::Format;
use cluster::{Cluster, testing::cluster};

use super::{Detail, Report};
use crate::{
    Error,
    apply::outcome::{Action, Applied, ObjectOutcome},
    rollback::{ObjectRollback, RollbackAction, RolledBack},
    rollout::outcome::{ClusterOutcome, State},
    upgrade::{UpgradeDetail, UpgradeState},
};

/// Two screens.
const LINES: usize = 80;

/// 200 clusters that are done, and five that are not, each for a reason of its own.
fn report<D: Detail>(good: &D, bad: &D) -> Report<D> {
    let clusters = (0..205).map(|number| {
        let one = Cluster {
            name: format!("store-{number:03}"),
            ..Cluster::clone(&Arc::new(cluster()))
        };
        let why = |what: &str| Some(format!("https://store-{number:03}:6443: {what}"));
        let outcome = |state, reason, detail: &D| ClusterOutcome {
            detail: detail.clone(),
            warnings: vec!["two nodes are not ready".to_owned()],
            ..ClusterOutcome::new(&one, state, reason)
        };
        match number {
            17 | 40 => outcome(State::Unreachable, why("connection refused"), &D::default()),
            41 | 42 => outcome(State::Failed, why("forbidden"), bad),
            204 => outcome(State::Stopped, why("interrupted"), &D::default()),
            _ => outcome(State::Done, None, good),
        }
    });
    Report::new(false, clusters.collect())
}

fn fits<D: Detail>(report: &Report<D>) -> Result<String, Error> {
    let (table, summary) = (report.shown(Format::Table)?, report.summary());
    for text in [&table, &summary] {
        let lines = text.as_str().lines().count();
        assert!(lines <= LINES, "{lines} lines:\n{text}");
        for word in [
            "store-017",
            "store-041",
            "forbidden",
            "205 clusters: 200 done",
        ] {
            assert!(text.as_str().contains(word), "no {word}:\n{text}");
        }
    }
    Ok(summary.as_str().to_owned())
}

#[test]
fn two_hundred_good_clusters_and_five_bad_ones_fit_on_two_screens() -> Result<(), Error> {
    let object = |number: usize, action| ObjectOutcome {
        path: format!("config/{number}.yaml"),
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some("shop".to_owned()),
        name: format!("map-{number}"),
        action,
        reason: (action == Action::Failed).then(|| "forbidden".to_owned()),
    };
    let applied = |action| Applied {
        objects: (0..10).map(|number| object(number, action)).collect(),
        ..Applied::default()
    };
    let summary = fits(&report(&applied(Action::Created), &applied(Action::Failed)))?;
    assert!(summary.contains("10 created"), "{summary}");
    assert!(summary.contains("warnings about 205 clusters"), "{summary}");
    // What is right has a row, and each of the five.
    assert_eq!(summary.lines().count(), 1 + 5 + 1 + 2 + 2, "{summary}");

    let upgrade = |upgrade| UpgradeDetail {
        upgrade: Some(upgrade),
        ..UpgradeDetail::default()
    };
    let (good, bad) = (UpgradeState::Upgraded, UpgradeState::Refused);
    fits(&report(&upgrade(good), &upgrade(bad)))?;

    let restored = |action| RolledBack {
        objects: vec![ObjectRollback {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: None,
            name: "map".to_owned(),
            action,
            reason: None,
        }],
    };
    let (good, bad) = (RollbackAction::Restored, RollbackAction::Failed);
    fits(&report(&restored(good), &restored(bad)))?;
    Ok(())
}

/// Reasons in common share a row, and so many different ways of being done do not fill the screen.
#[test]
fn a_summary_groups_what_is_alike() {
    let clusters = (0..50).map(|number: usize| {
        let one = Cluster {
            name: format!("c{number:02}"),
            ..cluster()
        };
        let (state, reason) = match number % 2 {
            0 => (State::Failed, Some("the quota is full".to_owned())),
            _ => (State::Done, None),
        };
        let right = ObjectOutcome {
            path: "config/a.yaml".to_owned(),
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: None,
            name: "a".to_owned(),
            action: Action::Unchanged,
            reason: None,
        };
        ClusterOutcome {
            detail: Applied {
                objects: vec![right; number],
                ..Applied::default()
            },
            ..ClusterOutcome::new(&one, state, reason)
        }
    });
    let summary = Report::new(false, clusters.collect()).summary();
    let lines: Vec<&str> = summary.as_str().lines().collect();
    assert!(
        lines[1].contains("25") && lines[1].contains("c00, c02, c04 and 22 more"),
        "{summary}"
    );
    assert_eq!(lines.len(), 1 + 1 + 10 + 2, "{summary}");
    assert!(
        lines[11].contains("16") && lines[11].contains("in other ways"),
        "{summary}"
    );
}
