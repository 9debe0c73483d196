/*! The window of a wave: waited for if it opens soon enough, and looked at before each cluster is begun. */

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::Turns;
use crate::{
    fleet::Wave,
    gates::Window,
    rollout::turn::{Event, Stop},
};

/// How often the clock is looked at while a window is waited for: it may be set meanwhile.
const GLANCE: Duration = Duration::from_secs(30);

/// Waits until the window of a wave is open; why not, if that takes longer than it says.
pub(super) async fn opened<T: Turns>(wave: &Wave, turns: &T) -> Option<Stop> {
    let window = turns.window(wave)?;
    let began = turns.now();
    let mut said = false;
    loop {
        let now = turns.now();
        if window.closes(now).is_some() {
            return None;
        }
        let opens = window.opens(now);
        let opens = opens.filter(|opens| between(began, *opens) <= window.wait);
        let Some(opens) = opens else {
            return Some(stop(wave, window, now, Some(window.wait)));
        };
        if !said {
            let (wave, opens) = (wave.number, window.shown(opens));
            turns.event(Event::Closed { wave, opens });
            said = true;
        }
        sleep(between(now, opens).min(GLANCE)).await;
    }
}

/// Why no further cluster of a wave may be begun, if its window is closed by now.
pub(super) fn closed<T: Turns>(wave: &Wave, turns: &T) -> Option<Stop> {
    let window = turns.window(wave)?;
    let now = turns.now();
    match window.closes(now) {
        Some(_) => None,
        None => Some(stop(wave, window, now, None)),
    }
}

fn stop(wave: &Wave, window: &Window, now: Timestamp, waits: Option<Duration>) -> Stop {
    Stop::Closed {
        wave: wave.number,
        opens: window.opens(now).map(|opens| window.shown(opens)),
        waits,
    }
}

fn between(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}
