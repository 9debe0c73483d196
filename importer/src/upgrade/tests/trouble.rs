/*! Upgrades that go wrong for a while, or for good, in virtual time. */

use std::time::Duration;

use fakes::{Action, Fault};
use serde_json::json;

use super::{
    Answer, Tested, arrived, asked, before, idle, pool, set, underway, up, upgraded, upgrading,
};
use crate::{
    rollout::State,
    upgrade::{Limits, UpgradeState},
};

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
    let cluster = upgrading(before(), move |_| up(refused()));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    let reason = upgrade.reason.unwrap_or_default();
    assert_eq!(upgrade.state, State::Failed);
    assert!(
        reason.starts_with(
            "the cluster has not accepted the release for 5 min: The update cannot be verified"
        ),
        "{reason}"
    );
    // Four minutes of it, and then the signature is found: no failure.
    let cluster = upgrading(before(), move |seconds| match seconds {
        0..240 => up(refused()),
        _ => up(arrived()),
    });
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(
        upgrade.detail.upgrade,
        Some(UpgradeState::Upgraded),
        "{upgrade:?}"
    );
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
        let cluster = upgrading(before(), move |seconds| match seconds {
            0..60 => up(underway("Working towards 4.14.20")),
            60..660 => down.clone(),
            _ => up(arrived()),
        });
        let (upgrade, told) = upgraded(&cluster, &Limits::default()).await?;
        assert_eq!(
            upgrade.detail.upgrade,
            Some(UpgradeState::Upgraded),
            "{away:?}: {upgrade:?}"
        );
        let unreachable = told
            .iter()
            .filter(|line| line.contains("unreachable"))
            .count();
        assert_eq!(unreachable, 1, "{told:?}");
        let down = away.clone();
        let cluster = upgrading(before(), move |_| down.clone());
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
    let degraded = upgrading(before(), move |_| Answer::Up(arrived(), pools.clone()));
    let failing = upgrading(before(), |_| {
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
async fn what_comes_and_goes_does_not_add_up() -> Tested {
    // Each kind of trouble for most of its time, then well for a moment, for two hours.
    let refused = || set(asked(), "ReleaseAccepted", "False", "RetrievePayload", "no");
    let failing = || set(underway("x"), "Failing", "True", "X", "x");
    let troubles = [
        (240, 300, up(refused())),
        (1140, 1200, up(failing())),
        (840, 900, Answer::Down),
    ];
    for (bad, period, trouble) in troubles {
        let cluster = upgrading(before(), move |seconds| match seconds {
            7200.. => up(arrived()),
            _ if seconds % period < bad => trouble.clone(),
            _ => up(asked()),
        });
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        assert_eq!(
            upgrade.detail.upgrade,
            Some(UpgradeState::Upgraded),
            "{period}: {upgrade:?}"
        );
    }
    // A refusal that turns into failing, as when an older cluster tries it, begins anew.
    let cluster = upgrading(before(), move |seconds| match seconds {
        0..280 => up(refused()),
        280..1400 => up(failing()),
        _ => up(arrived()),
    });
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    assert_eq!(
        upgrade.detail.upgrade,
        Some(UpgradeState::Upgraded),
        "{upgrade:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_takes_too_long_or_is_overruled_ends_the_wait() -> Tested {
    let cluster = upgrading(before(), |_| {
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
    let cluster = upgrading(before(), move |seconds| match seconds {
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
            "may not read the ClusterVersion: the scripted reason",
        ),
        (Answer::Down, "the connection to https://east:6443 was cut"),
        (Answer::Hangs, "no answer within 30 s"),
        (
            up(set(idle(), "Progressing", "True", "", "Working")),
            "it is being upgraded already: Working",
        ),
    ] {
        let cluster = upgrading(answer, |_| Answer::Down);
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        let reason = upgrade.reason.clone().unwrap_or_default();
        assert!(reason.contains(said), "{reason}");
        assert!(!upgrade.is_done());
        assert_eq!(cluster.lines("PATCH"), [""; 0]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_not_read_to_its_end() -> Tested {
    let cluster = upgrading(before(), |_| Answer::Down);
    cluster.fault(Fault::of(Action::Endless));
    let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
    let reason = upgrade.reason.unwrap_or_default();
    assert!(
        reason.contains("an answer of more than 8388608 bytes"),
        "{reason}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_busy_for_a_moment_is_asked_again() -> Tested {
    for (refused, state) in [(4, State::Done), (5, State::Unreachable)] {
        let cluster = upgrading(before(), |_| up(arrived()));
        cluster.fault(Fault::of(Action::status(503)).times(refused));
        let (upgrade, _) = upgraded(&cluster, &Limits::default()).await?;
        assert_eq!(upgrade.state, state, "{upgrade:?}");
    }
    Ok(())
}
