mod window;

use std::{cell::RefCell, collections::BTreeSet, future::pending};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

/// Clusters that take some seconds each, and fail if they are among those that do.
#[derive(Debug, Default)]
struct Trial {
    seconds: Vec<u64>,
    failing: BTreeSet<usize>,
    refused: Option<&'static str>,
    begun: RefCell<Vec<(usize, u64)>>,
    most: RefCell<(usize, usize)>,
    events: RefCell<Vec<Event>>,
    start: RefCell<Option<Instant>>,
}

impl Trial {
    fn now(&self) -> u64 {
        let mut start = self.start.borrow_mut();
        start.get_or_insert_with(Instant::now).elapsed().as_secs()
    }
}

impl Turns for Trial {
    type Outcome = bool;

    async fn run(&self, cluster: &Cluster) -> bool {
        let cluster = place(cluster);
        let now = self.now();
        self.begun.borrow_mut().push((cluster, now));
        {
            let mut most = self.most.borrow_mut();
            most.0 += 1;
            most.1 = most.1.max(most.0);
        }
        let seconds = self.seconds.get(cluster).copied().unwrap_or(1);
        sleep(Duration::from_secs(seconds)).await;
        self.most.borrow_mut().0 -= 1;
        !self.failing.contains(&cluster)
    }

    fn failed(&self, outcome: &bool) -> bool {
        !outcome
    }

    fn window<'w>(&self, wave: &'w Wave) -> Option<&'w Window> {
        wave.gates.window.as_ref()
    }

    async fn approve(&self, _wave: &Wave) -> Result<(), String> {
        self.refused.map_or(Ok(()), |reason| Err(reason.to_owned()))
    }

    /// The run begins at nine in the evening.
    fn now(&self) -> Timestamp {
        let nine = Timestamp::from_second(1_795_899_600).unwrap_or_default();
        let clock = SignedDuration::try_from(Duration::from_secs(Trial::now(self)));
        nine + clock.unwrap_or_default()
    }

    fn event(&self, event: Event) {
        self.now();
        self.events.borrow_mut().push(event);
    }
}

/// `ok`, `failed` or the reason, by cluster.
fn words(runs: &[ClusterRun<bool>]) -> Vec<String> {
    let words = runs.iter().map(|run| match &run.state {
        RunState::Ended(true) => "ok".to_owned(),
        RunState::Ended(false) => "failed".to_owned(),
        RunState::Stopped(stop) => stop.reason(),
    });
    words.collect()
}

/// A wave of the clusters c0, c1 and so on; [`run`] numbers it.
fn members(numbers: impl IntoIterator<Item = usize>) -> Wave {
    let clusters = numbers.into_iter().map(|number| {
        Arc::new(Cluster {
            name: format!("c{number}"),
            ..cluster::testing::cluster()
        })
    });
    Wave::of(0, clusters.collect())
}

fn place(cluster: &Cluster) -> usize {
    cluster.name[1..].parse().unwrap_or(usize::MAX)
}

/// The waves, numbered from 1, to their end; the result in the order of the clusters.
async fn run(
    waves: &[Wave],
    concurrency: usize,
    trial: &Trial,
    interrupt: impl Future<Output = ()>,
) -> Vec<ClusterRun<bool>> {
    let waves: Vec<_> = (1..)
        .zip(waves.iter().cloned())
        .map(|(number, wave)| Wave { number, ..wave })
        .collect();
    let mut runs = super::run(&waves, concurrency, trial, interrupt).await;
    runs.sort_by_key(|run| place(&run.cluster));
    runs
}

#[tokio::test(start_paused = true)]
async fn everybody_has_a_turn_in_the_order_of_the_fleet() {
    let trial = Trial {
        seconds: vec![9, 1, 5, 1],
        ..Trial::default()
    };
    let waves = [members(vec![2]), members(vec![]), members(vec![3, 0, 1])];
    let runs = run(&waves, 10, &trial, pending()).await;
    let places: Vec<_> = runs
        .iter()
        .map(|run| (place(&run.cluster), run.wave))
        .collect();
    assert_eq!(places, [(0, 3), (1, 3), (2, 1), (3, 3)]);
    assert_eq!(words(&runs), ["ok"; 4]);
    assert_eq!(*trial.begun.borrow(), [(2, 0), (3, 5), (0, 5), (1, 5)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_at_once_than_the_wave_and_the_run_allow() {
    for (of_wave, of_run, most) in [
        (3, 10, 3),
        (10, 2, 2),
        (usize::MAX, 4, 4),
        (1, 1, 1),
        (5, 0, 1),
    ] {
        let trial = Trial::default();
        let wave = Wave {
            max_concurrent: of_wave,
            ..members(0..20)
        };
        let runs = run(&[wave], of_run, &trial, pending()).await;
        assert_eq!((runs.len(), trial.most.borrow().1), (20, most));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_cluster_delays_nobody_in_its_wave() {
    let trial = Trial {
        seconds: vec![1000, 1, 1, 1, 1],
        ..Trial::default()
    };
    run(&[members(0..5)], 2, &trial, pending()).await;
    assert_eq!(
        *trial.begun.borrow(),
        [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_canary_stops_the_rest() {
    let trial = Trial {
        failing: [0].into(),
        ..Trial::default()
    };
    let waves = [members(vec![0]), members(vec![1, 2]), members(vec![3])];
    let runs = run(&waves, 10, &trial, pending()).await;
    let stopped = "stopped because c0 failed in wave 1 (maxFailures: 0)";
    assert_eq!(words(&runs), ["failed", stopped, stopped, stopped]);
    assert_eq!(trial.begun.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_wave_goes_on_past_failures() {
    let trial = Trial {
        failing: [0, 1].into(),
        ..Trial::default()
    };
    let runs = run(&[members(vec![0, 1, 2])], 1, &trial, pending()).await;
    assert_eq!(words(&runs), ["failed", "failed", "ok"]);
    let again = [members(vec![0, 1, 2]), members(vec![])];
    let runs = run(&again, 1, &trial, pending()).await;
    assert_eq!(words(&runs), ["failed", "failed", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn as_many_failures_as_allowed_and_not_one_more() {
    let plan = |allowed| {
        let wave = Wave {
            max_failures: Some(allowed),
            ..members(vec![0, 1, 2, 3])
        };
        [wave, members(vec![4])]
    };
    let trial = Trial {
        failing: [0, 1].into(),
        ..Trial::default()
    };
    let runs = run(&plan(2), 1, &trial, pending()).await;
    assert_eq!(words(&runs), ["failed", "failed", "ok", "ok", "ok"]);
    let runs = run(&plan(1), 1, &trial, pending()).await;
    let stopped = "stopped because 2 clusters, first c0, failed in wave 1 (maxFailures: 1)";
    assert_eq!(
        words(&runs),
        ["failed", "failed", stopped, stopped, stopped]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_when_a_wave_stops() {
    let trial = Trial {
        seconds: vec![1, 60],
        failing: [0].into(),
        ..Trial::default()
    };
    let waves = [members(vec![0, 1, 2]), members(vec![3])];
    let runs = run(&waves, 2, &trial, pending()).await;
    assert_eq!(words(&runs)[..2], ["failed", "ok"]);
    assert_eq!(trial.begun.borrow().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn pauses_come_between_waves_only() {
    let trial = Trial::default();
    let paused = |list: Vec<usize>, pause| Wave {
        pause: Some(pause),
        ..members(list)
    };
    let minutes = Pause::For(Duration::from_secs(600));
    let waves = [
        paused(vec![0], minutes),
        members(vec![]),
        paused(vec![1], Pause::Approval),
        paused(vec![2], minutes),
    ];
    let runs = run(&waves, 1, &trial, pending()).await;
    assert_eq!(words(&runs), ["ok"; 3]);
    assert_eq!(*trial.begun.borrow(), [(0, 0), (1, 601), (2, 602)]);
    assert_eq!(trial.now(), 603);
    let pause = |wave, pause| Event::Pause { wave, pause };
    let expected = [
        Event::Begins { wave: 1 },
        pause(3, minutes),
        Event::Begins { wave: 3 },
        pause(4, Pause::Approval),
        Event::Begins { wave: 4 },
    ];
    assert_eq!(*trial.events.borrow(), expected);
}

#[tokio::test(start_paused = true)]
async fn without_approval_the_rest_is_left_alone() {
    let trial = Trial {
        refused: Some("the answer was not yes"),
        ..Trial::default()
    };
    let first = Wave {
        pause: Some(Pause::Approval),
        ..members(vec![0])
    };
    let runs = run(
        &[first, members(vec![1]), members(vec![2])],
        1,
        &trial,
        pending(),
    )
    .await;
    let stopped = "stopped because wave 2 was not approved: the answer was not yes";
    assert_eq!(words(&runs), ["ok", stopped, stopped]);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_begins_nothing_more_and_waits_a_little() {
    let trial = Trial {
        seconds: vec![5, 100, 1],
        ..Trial::default()
    };
    let waves = [members(vec![0, 1, 2]), members(vec![3])];
    let runs = run(&waves, 2, &trial, sleep(Duration::from_secs(2))).await;
    let before = "interrupted before its turn; run the same command again";
    let words = words(&runs);
    assert_eq!([&words[0], &words[2], &words[3]], ["ok", before, before]);
    assert!(
        words[1].starts_with("interrupted before it was done"),
        "{}",
        words[1]
    );
    assert_eq!(trial.now(), 2 + GRACE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_a_pause() {
    let trial = Trial::default();
    let first = Wave {
        pause: Some(Pause::For(Duration::from_secs(3600))),
        ..members(vec![0])
    };
    let waves = [first, members(vec![1])];
    let runs = run(&waves, 1, &trial, sleep(Duration::from_secs(30))).await;
    assert_eq!(words(&runs)[0], "ok");
    assert!(words(&runs)[1].starts_with("interrupted before its turn"));
    assert_eq!(trial.now(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_after_too_many_failures_leaves_the_first_reason() {
    let trial = Trial {
        seconds: vec![1, 100],
        failing: [0].into(),
        ..Trial::default()
    };
    let waves = [members(vec![0, 1, 2]), members(vec![3])];
    let runs = run(&waves, 2, &trial, sleep(Duration::from_secs(2))).await;
    let words = words(&runs);
    assert!(words[1].starts_with("interrupted before it was done"));
    assert!(words[2].starts_with("stopped because c0 failed in wave 1"));
    assert_eq!(words[2], words[3]);
}

/// A few waves over all clusters from 0, and what each cluster takes and whether it fails.
fn plans() -> impl Strategy<Value = (Vec<Wave>, Vec<(u64, bool)>)> {
    let clusters = proptest::collection::vec((0..20u64, proptest::bool::weighted(0.2)), 0..30);
    let rules = (1..5usize, proptest::option::of(0..4usize), 0..6usize);
    let waves = proptest::collection::vec(rules, 1..6);
    (clusters, waves).prop_map(|(clusters, rules)| {
        let mut rest = 0..clusters.len();
        let waves = rules
            .into_iter()
            .map(|(max_concurrent, max_failures, size)| Wave {
                max_concurrent,
                max_failures,
                ..members(rest.by_ref().take(size))
            });
        let mut waves: Vec<Wave> = waves.collect();
        waves.push(members(rest.rev()));
        (waves, clusters)
    })
}

proptest! {
    #[test]
    fn whatever_the_plan((waves, clusters) in plans(), concurrency in 1..6usize, interrupted in proptest::option::of(0..60u64)) {
        let trial = Trial {
            seconds: clusters.iter().map(|(seconds, _)| *seconds).collect(),
            failing: (0..clusters.len()).filter(|&cluster| clusters[cluster].1).collect(),
            ..Trial::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runs = runtime?.block_on(run(&waves, concurrency, &trial, async {
            match interrupted {
                Some(seconds) => sleep(Duration::from_secs(seconds)).await,
                None => pending().await,
            }
        }));
        // Every cluster once, in the order of the fleet, never more at once than allowed.
        let order: Vec<usize> = runs.iter().map(|run| place(&run.cluster)).collect();
        prop_assert_eq!(order, (0..clusters.len()).collect::<Vec<_>>());
        prop_assert!(trial.most.borrow().1 <= concurrency);
        // Each began once, in the order of the plan, and nobody was called stopped who was not.
        let plan: Vec<usize> = waves.iter().flat_map(|wave| &wave.clusters).map(|cluster| place(cluster)).collect();
        let begun: Vec<usize> = trial.begun.borrow().iter().map(|(cluster, _)| *cluster).collect();
        prop_assert_eq!(&plan[..begun.len()], &begun[..]);
        for run in &runs {
            let ran = matches!(run.state, RunState::Ended(_) | RunState::Stopped(Stop::Interrupted { begun: true }));
            prop_assert_eq!(ran, begun.contains(&place(&run.cluster)));
        }
        // Nothing begins after an interruption.
        let late = |&(_, at): &(usize, u64)| interrupted.is_some_and(|seconds| at > seconds);
        prop_assert!(!trial.begun.borrow().iter().any(late));
        // A wave begins only if all before it failed no more than they might.
        for (number, wave) in waves.iter().enumerate() {
            let reached = wave.clusters.iter().any(|cluster| begun.contains(&place(cluster)));
            for earlier in waves[..number].iter().filter(|_| reached) {
                let failed = earlier.clusters.iter().filter(|cluster| trial.failing.contains(&place(cluster)));
                prop_assert!(failed.count() <= earlier.max_failures.unwrap_or(0));
            }
        }
    }
}
