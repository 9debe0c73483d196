use jiff::{civil::time, tz::TimeZone};

use super::*;
use crate::gates::{Gates, Window};

/// A wave of clusters that may be begun from 22:00 to 23:00; the clock of a trial begins at 21:00.
fn late(wait: u64, numbers: impl IntoIterator<Item = usize>) -> Wave {
    let window = Window {
        days: Vec::new(),
        from: time(22, 0, 0, 0),
        to: time(23, 0, 0, 0),
        zone: TimeZone::UTC,
        wait: Duration::from_secs(wait),
    };
    let gates = Gates {
        window: Some(window),
        ..Gates::default()
    };
    Wave {
        gates: Arc::new(gates),
        ..members(numbers)
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_waits_for_its_window() {
    let trial = Trial::default();
    let runs = run(&[members(0..1), late(3600, 1..3)], 10, &trial, pending()).await;
    assert_eq!(words(&runs), ["ok"; 3]);
    assert_eq!(*trial.begun.borrow(), [(0, 0), (1, 3600), (2, 3600)]);
    let opens = "Sat 2026-11-28 22:00 UTC".to_owned();
    let events = trial.events.borrow();
    assert!(
        events.contains(&Event::Closed { wave: 2, opens }),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_too_far_away_stops_the_run() {
    let trial = Trial::default();
    let waves = [members(0..1), late(1800, 1..2), members(2..3)];
    let runs = run(&waves, 10, &trial, pending()).await;
    let stopped = "stopped because the window of wave 2 is closed until Sat 2026-11-28 22:00 UTC, and a run waits at most 30m for it; run again then";
    assert_eq!(words(&runs), ["ok", stopped, stopped]);
    assert_eq!(*trial.begun.borrow(), [(0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn no_cluster_is_begun_when_the_window_has_closed() {
    let trial = Trial {
        seconds: vec![1500; 4],
        ..Trial::default()
    };
    let runs = run(&[late(7200, 0..4), members(4..5)], 1, &trial, pending()).await;
    let stopped = "stopped because the window of wave 1 closed before its turn; it opens again Sun 2026-11-29 22:00 UTC: run again then, with --retry-failed";
    assert_eq!(words(&runs), ["ok", "ok", "ok", stopped, stopped]);
    assert_eq!(*trial.begun.borrow(), [(0, 3600), (1, 5100), (2, 6600)]);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_the_wait_for_a_window() {
    let trial = Trial::default();
    let interrupt = sleep(Duration::from_secs(60));
    let runs = run(&[late(7200, 0..1)], 1, &trial, interrupt).await;
    assert!(words(&runs)[0].starts_with("interrupted before its turn"));
    assert_eq!(*trial.begun.borrow(), []);
}
