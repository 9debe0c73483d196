/*! Upgrades from the first look to the last, in virtual time. */

use std::{
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};

use cli::Exit;
use serde_json::json;

use super::{
    Answer, Cluster, Tested, WANTED, arrived, asked, before, idle, image, pool, request, set,
    underway, up, upgraded,
};
use crate::upgrade::{ClusterUpgrade, Limits, Stage, UpgradeState, exit, one, show, watch};

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_followed_to_the_last_node_and_only_changes_are_told() -> Tested {
    let cluster = Cluster::new(before(), |seconds| match seconds {
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
    assert_eq!(upgrade.state, UpgradeState::Upgraded, "{upgrade:?}");
    assert_eq!(upgrade.version.as_deref(), Some("4.14.20"));
    assert_eq!(upgrade.warnings, [""; 0]);
    assert_eq!(
        told,
        [
            "before\n",
            "asked\n",
            "c: release: the cluster has not looked at the release yet\n",
            "c: release: Retrieving and verifying payload (RetrievePayload)\n",
            "c: operators: Working towards 4.14.20: 12 of 860 done (1% complete)\n",
            "c: operators: Working towards 4.14.20: 700 of 860 done (81% complete)\n",
            "c: nodes: machine config pool worker: 1 of 3 nodes updated\n",
        ]
    );
    let patches = cluster.patches.lock().map_err(|_| "poisoned")?;
    let [(query, kind, patch)] = patches.as_slice() else {
        return Err(format!("{patches:?}").into());
    };
    assert_eq!(kind, "application/merge-patch+json");
    assert!(query.contains("fieldManager=offline-bundle"), "{query}");
    assert_eq!(patch["spec"]["desiredUpdate"]["image"], WANTED);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_there_is_neither_asked_nor_waited_for() -> Tested {
    let cluster = Cluster::new(up(arrived()), |_| Answer::Down);
    let (upgrade, told) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::AlreadyThere);
    assert_eq!(told, ["before\n"]);
    assert!(cluster.patches.lock().map_err(|_| "poisoned")?.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_the_server_alone_and_waits_for_nothing() -> Tested {
    let cluster = Cluster::new(before(), |_| Answer::Down);
    let mut request = request()?;
    request.dry_run = true;
    let upgrade = one(
        &cluster.session(),
        &request,
        None,
        Some(&Limits::default()),
        &|_| {},
    )
    .await;
    assert_eq!(upgrade.state, UpgradeState::WouldRequest);
    let patches = cluster.patches.lock().map_err(|_| "poisoned")?;
    assert!(
        patches
            .iter()
            .all(|(query, ..)| query.contains("dryRun=All")),
        "{patches:?}"
    );
    assert_eq!(patches.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn paused_pools_and_missing_ones_hold_nothing_up() -> Tested {
    let mut paused = pool("worker", 0);
    paused["spec"]["paused"] = json!(true);
    let pools = vec![pool("master", 3), paused];
    let cluster = Cluster::new(before(), move |_| Answer::Up(arrived(), pools.clone()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::Upgraded);
    assert!(
        upgrade.warnings[0].contains("worker is paused"),
        "{upgrade:?}"
    );
    let cluster = Cluster::new(before(), |_| Answer::Up(arrived(), Vec::new()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::Upgraded);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pools_that_may_not_be_read_are_told_of() -> Tested {
    let cluster = Cluster::new(before(), |_| up(arrived()));
    cluster.pools_forbidden.store(true, Ordering::Relaxed);
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::Upgraded);
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
    let cluster = Cluster::new(before(), move |_| up(trusting.clone()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::Upgraded);
    assert!(
        upgrade.warnings[0].contains("not verified the signature"),
        "{upgrade:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_report_says_of_each_cluster_what_came_of_it_and_why() -> Tested {
    let fine = Cluster::new(before(), |_| up(arrived()));
    let busy = Cluster::new(
        up(set(idle(), "Progressing", "True", "", "Work\u{1b}[2J")),
        |_| Answer::Down,
    );
    let mut upgrades = Vec::new();
    for (name, cluster) in [("a", fine), ("b\u{202e}", busy)] {
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        upgrades.push((name.to_owned(), upgrade));
    }
    assert_eq!(
        show::table(&upgrades).as_str(),
        "CLUSTER    BEFORE   NOW      UPGRADE\n\
         a          4.14.10  4.14.20  upgraded\n\
         b\\u{202e}  4.14.10  -        refused\n\
         refused: b\\u{202e}: it is being upgraded already: Work\\u{1b}[2J; mend that first, or give --allow-upgrade-with-warnings\n"
    );
    assert_eq!(
        exit(upgrades.iter().map(|(_, upgrade)| upgrade)),
        Exit::SomeClusters
    );
    assert_eq!(exit([&upgrades[0].1]), Exit::Done);
    assert_eq!(exit([&upgrades[1].1]), Exit::AllClusters);
    // As another run reads it.
    let text = serde_json::to_string(&upgrades)?;
    assert_eq!(
        serde_json::from_str::<Vec<(String, ClusterUpgrade)>>(&text)?,
        upgrades
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn watching_starts_anywhere() -> Tested {
    let cluster = Cluster::new(up(underway("Working")), |_| Answer::Down);
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
    let outcome = watch(&cluster.session(), &image()?, &tell, &limits).await;
    assert!(outcome.is_err());
    assert_eq!(seen.into_inner()?, [Stage::Operators]);
    Ok(())
}
