/*! Upgrades from the first look to the last, in virtual time. */

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use super::{
    Answer, Cluster, Tested, WANTED, arrived, asked, idle, image, pool, request, set, underway,
};
use crate::upgrade::{ClusterUpgrade, Event, Limits, Stage, UpgradeState, one, show, watch};

/// Upgrades a cluster to the end; what became of it, and the progress that was told.
async fn upgraded(
    cluster: &Arc<Cluster>,
    limits: &Limits,
) -> Result<(ClusterUpgrade, Vec<String>), Box<dyn std::error::Error>> {
    let told = Mutex::new(Vec::new());
    let tell = |event| {
        let line = match event {
            Event::Progress(progress) => show::progress("c", &progress),
            Event::Asked { .. } => "asked\n".to_owned(),
            Event::Before(_) => "before\n".to_owned(),
        };
        if let Ok(mut told) = told.lock() {
            told.push(line);
        }
    };
    let upgrade = one(&cluster.client(), &request()?, Some(limits), &tell).await;
    Ok((upgrade, told.into_inner()?))
}

fn before() -> Answer {
    Answer::Up(idle(), vec![pool("master", 3), pool("worker", 3)])
}

fn up(version: serde_json::Value) -> Answer {
    Answer::Up(version, vec![pool("master", 3), pool("worker", 3)])
}

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
    assert!(
        query.contains("fieldManager=offline-bundle-importer"),
        "{query}"
    );
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
        &cluster.client(),
        &request,
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
async fn a_release_that_is_not_accepted_fails_once_that_has_lasted() -> Tested {
    let refused = || {
        set(
            asked(),
            "ReleaseAccepted",
            "False",
            "RetrievePayload",
            "The update cannot be verified: unable to verify sha256:1111 against keyrings: verifier-public-key-redhat",
        )
    };
    let cluster = Cluster::new(before(), move |_| up(refused()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    let reason = upgrade.reason.unwrap_or_default();
    assert_eq!(upgrade.state, UpgradeState::Failed);
    assert!(
        reason.starts_with(
            "the cluster has not accepted the release for 5 min: The update cannot be verified"
        ),
        "{reason}"
    );
    // Four minutes of it, and then the signature is found: no failure.
    let cluster = Cluster::new(before(), move |seconds| match seconds {
        0..240 => up(refused()),
        _ => up(arrived()),
    });
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(upgrade.state, UpgradeState::Upgraded, "{upgrade:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_api_server_may_be_away_for_a_while_in_any_way() -> Tested {
    for away in [
        Answer::Down,
        Answer::Hangs,
        Answer::Status(503),
        Answer::Status(401),
    ] {
        let down = away.clone();
        let cluster = Cluster::new(before(), move |seconds| match seconds {
            0..60 => up(underway("Working towards 4.14.20")),
            60..660 => down.clone(),
            _ => up(arrived()),
        });
        let (upgrade, told) = upgraded(&cluster, &Limits::default()).await?;
        assert_eq!(
            upgrade.state,
            UpgradeState::Upgraded,
            "{away:?}: {upgrade:?}"
        );
        let unreachable = told
            .iter()
            .filter(|line| line.contains("unreachable"))
            .count();
        assert_eq!(unreachable, 1, "{told:?}");
        let down = away.clone();
        let cluster = Cluster::new(before(), move |_| down.clone());
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        let reason = upgrade.reason.unwrap_or_default();
        assert!(
            reason.starts_with("the API server has not answered for 15 min"),
            "{away:?}: {reason}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cluster_or_a_pool_that_stays_in_trouble_fails_with_its_words() -> Tested {
    let mut broken = pool("worker", 1);
    broken = set(
        broken,
        "Degraded",
        "True",
        "",
        "Node worker-2 is reporting: \"disk full\"",
    );
    let pools = vec![pool("master", 3), broken];
    let degraded = Cluster::new(before(), move |_| Answer::Up(arrived(), pools.clone()));
    let failing = Cluster::new(before(), |_| {
        up(set(
            underway("Unable to apply 4.14.20"),
            "Failing",
            "True",
            "ClusterOperatorDegraded",
            "Cluster operator dns is degraded",
        ))
    });
    for (cluster, said) in [
        (
            degraded,
            "failing for 20 min: machine config pool worker is degraded: Node worker-2 is reporting: \"disk full\"",
        ),
        (
            failing,
            "failing for 20 min: Cluster operator dns is degraded (ClusterOperatorDegraded)",
        ),
    ] {
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        let reason = upgrade.reason.unwrap_or_default();
        assert!(reason.contains(said), "{reason}");
    }
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
async fn an_upgrade_that_takes_too_long_or_is_overruled_ends_the_wait() -> Tested {
    let cluster = Cluster::new(before(), |_| {
        up(underway("Working towards 4.14.20: 3 of 860 done"))
    });
    let limits = Limits {
        timeout: Some(Duration::from_secs(3 * 3600)),
        ..Limits::default()
    };
    let (upgrade, _) = upgraded(&cluster, &limits).await?;
    let reason = upgrade.reason.unwrap_or_default();
    assert!(
        reason.starts_with(
            "the upgrade is not done after 3 h 0 min: Working towards 4.14.20: 3 of 860"
        ),
        "{reason}"
    );
    let mut other = idle();
    other["spec"]["desiredUpdate"] = json!({ "version": "4.14.12", "image": "" });
    let cluster = Cluster::new(before(), move |seconds| match seconds {
        0..60 => up(asked()),
        _ => up(other.clone()),
    });
    let (upgrade, _) = upgraded(&cluster, &limits).await?;
    assert_eq!(
        upgrade.reason.as_deref(),
        Some("the cluster was meanwhile asked for another release, 4.14.12")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_fails_with_a_sentence() -> Tested {
    for (answer, said) in [
        (Answer::Status(404), "the cluster is not OpenShift 4"),
        (
            Answer::Status(403),
            "cannot read ClusterVersion version: the scripted reason (HTTP 403)",
        ),
        (Answer::Down, "cannot read ClusterVersion version: "),
        (Answer::Hangs, "no answer within 30 s"),
        (
            up(set(idle(), "Progressing", "True", "", "Working")),
            "it is being upgraded already: Working",
        ),
    ] {
        let cluster = Cluster::new(answer, |_| Answer::Down);
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        let reason = upgrade.reason.clone().unwrap_or_default();
        assert!(reason.contains(said), "{reason}");
        assert!(!upgrade.is_right());
        assert!(cluster.patches.lock().map_err(|_| "poisoned")?.is_empty());
    }
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
    let outcome = watch(&cluster.client(), &image()?, &tell, &limits).await;
    assert!(outcome.is_err());
    assert_eq!(seen.into_inner()?, [Stage::Operators]);
    Ok(())
}
