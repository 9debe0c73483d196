/*! Upgrades from the first look to the last, in virtual time. */

use std::{sync::Mutex, time::Duration};

use cli::{Exit, Format};
use cluster::testing;
use fakes::{Action, Fault};
use serde_json::{Value, json};

use super::{
    Answer, POOLS, Tested, WANTED, arrived, asked, before, idle, image, patches, pool, session,
    set, task, underway, up, upgraded, upgrading,
};
use crate::{
    rollout::{ClusterOutcome, State},
    upgrade::{Limits, Stage, UpgradeError, UpgradeReport, UpgradeState, watch::watch},
};

/// The first line of an upgrade.
const BEFORE: &str = "at 4.14.10, channel stable-4.14; wanted: 4.14.20 (registry.inside:5000/ocp/openshift/release-images@sha256:1111111111111111111111111111111111111111111111111111111111111111)";

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_followed_to_the_last_node_and_only_changes_are_told() -> Tested {
    let cluster = upgrading(before(), |seconds| match seconds {
        0..30 => up(asked()),
        30..60 => up(set(
            asked(),
            "ReleaseAccepted",
            "Unknown",
            "RetrievePayload",
            "Retrieving and verifying payload",
        )),
        60..600 => up(underway(
            "Working towards 4.14.20: 12 of 860 done (1% complete)",
        )),
        600..1200 => up(underway(
            "Working towards 4.14.20: 700 of 860 done (81% complete)",
        )),
        1200..1800 => Answer::Up(arrived(), vec![pool("master", 3), pool("worker", 1)]),
        _ => up(arrived()),
    });
    let (upgrade, told) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(
        upgrade.detail.upgrade,
        Some(UpgradeState::Upgraded),
        "{upgrade:?}"
    );
    assert_eq!(upgrade.detail.version.as_deref(), Some("4.14.20"));
    assert_eq!(upgrade.warnings, [""; 0]);
    assert_eq!(
        told,
        [
            BEFORE,
            "release: the cluster has not looked at the release yet",
            "release: Retrieving and verifying payload (RetrievePayload)",
            "operators: Working towards 4.14.20: 12 of 860 done (1% complete)",
            "operators: Working towards 4.14.20: 700 of 860 done (81% complete)",
            "nodes: machine config pool worker: 1 of 3 nodes updated",
        ]
    );
    let sent = patches(&cluster);
    let [sent] = sent.as_slice() else {
        return Err(format!("{sent:?}").into());
    };
    assert_eq!(sent.content_type, "application/merge-patch+json");
    let parameters: Vec<_> = sent.query.split('&').collect();
    assert!(
        parameters.contains(&"fieldManager=offline-bundle"),
        "{parameters:?}"
    );
    let patch: Value = serde_json::from_slice(&sent.body)?;
    assert_eq!(patch["spec"]["desiredUpdate"]["image"], WANTED);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_there_is_neither_asked_nor_waited_for() -> Tested {
    let cluster = upgrading(up(arrived()), |_| Answer::Down);
    let (upgrade, told) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::AlreadyThere));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("at 4.14.20, channel stable-4.14"),
        "{told:?}"
    );
    assert_eq!(cluster.lines("PATCH"), [""; 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_the_server_alone_and_waits_for_nothing() -> Tested {
    let cluster = upgrading(before(), |_| Answer::Down);
    let mut task = task(&Limits::default())?;
    task.request.dry_run = true;
    let outcome = ClusterOutcome::new(&testing::cluster(), State::Done, None);
    let upgrade = task.upgrade(&session(&cluster), &|_| {}, outcome).await;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::WouldRequest));
    let sent = patches(&cluster);
    let [sent] = sent.as_slice() else {
        return Err(format!("{sent:?}").into());
    };
    assert!(
        sent.query.split('&').any(|part| part == "dryRun=All"),
        "{}",
        sent.query
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn paused_pools_and_missing_ones_hold_nothing_up() -> Tested {
    let mut paused = pool("worker", 0);
    paused["spec"]["paused"] = json!(true);
    let pools = vec![pool("master", 3), paused];
    let cluster = upgrading(before(), move |_| Answer::Up(arrived(), pools.clone()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::Upgraded));
    assert!(
        upgrade.warnings[0].contains("worker is paused"),
        "{upgrade:?}"
    );
    let cluster = upgrading(before(), |_| Answer::Up(arrived(), Vec::new()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::Upgraded));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pools_that_may_not_be_read_are_told_of() -> Tested {
    let cluster = upgrading(before(), |_| up(arrived()));
    cluster.fault(Fault::of(Action::Forbid).resource(POOLS));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::Upgraded));
    assert!(
        upgrade.warnings[0].contains("may not be read"),
        "{upgrade:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_release_that_the_cluster_took_unverified_is_told_of() -> Tested {
    let mut trusting = arrived();
    trusting["status"]["history"][0]["verified"] = json!(false);
    let cluster = upgrading(before(), move |_| up(trusting.clone()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.detail.upgrade, Some(UpgradeState::Upgraded));
    assert!(
        upgrade.warnings[0].contains("not verified the signature"),
        "{upgrade:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_report_says_of_each_cluster_what_came_of_it_and_why() -> Tested {
    let fine = upgrading(before(), |_| up(arrived()));
    let busy = upgrading(
        up(set(idle(), "Progressing", "True", "", "Work\u{1b}[2J")),
        |_| Answer::Down,
    );
    let mut upgrades = Vec::new();
    for (name, cluster) in [("a", fine), ("b\u{202e}", busy)] {
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        upgrades.push(ClusterOutcome {
            cluster: name.to_owned(),
            wave: 1,
            ..upgrade
        });
    }
    let report = |clusters: &[_]| UpgradeReport::new(false, clusters.to_vec());
    let both = report(&upgrades);
    assert_eq!(
        both.shown(Format::Table)?.as_str(),
        "CLUSTER    WAVE  BEFORE   NOW      STATE   UPGRADE\n\
         a             1  4.14.10  4.14.20  done    upgraded\n\
         b\\u{202e}     1  4.14.10  -        failed  refused\n\
         failed: b\\u{202e}: it is being upgraded already: Work\\u{1b}[2J; mend that first, or give --allow-upgrade-with-warnings\n\
         \n\
         2 clusters: 1 done, 1 failed\n"
    );
    assert_eq!(both.exit(), Exit::SomeClusters);
    assert_eq!(report(&upgrades[..1]).exit(), Exit::Done);
    assert_eq!(report(&upgrades[1..]).exit(), Exit::AllClusters);
    // As another run reads it.
    let file = tempfile::NamedTempFile::new()?;
    both.write(file.path())?;
    assert_eq!(UpgradeReport::read(file.path())?, both);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn watching_starts_anywhere() -> Tested {
    let cluster = upgrading(up(underway("Working")), |_| Answer::Down);
    let limits = Limits {
        timeout: Some(Duration::from_secs(60)),
        ..Limits::default()
    };
    let seen = Mutex::new(Vec::new());
    let tell = |progress: crate::upgrade::Progress| {
        if let Ok(mut seen) = seen.lock() {
            seen.push(progress.stage);
        }
    };
    let outcome = watch(&session(&cluster), &image()?, &tell, &limits).await;
    let Err(UpgradeError::Timeout { after, detail }) = outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!(after, Duration::from_secs(60));
    assert_eq!(detail, "Working");
    assert_eq!(seen.into_inner()?, [Stage::Operators]);
    Ok(())
}
