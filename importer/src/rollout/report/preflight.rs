/*! What the looks at all clusters have shown, before the first is changed: one table for people, like clusters in one row. */

use jiff::Timestamp;
use schema::text::{Align, Table};

use super::names::{alike, names};
use crate::{
    fleet::Fleet,
    rollout::{forecasts::Forecasts, task::Forecast},
};

/// The lines of the table; none for a single cluster that may be begun at any time.
pub(in crate::rollout) fn lines<F: Forecast>(
    fleet: &Fleet,
    forecasts: &Forecasts<F>,
    now: Timestamp,
) -> Vec<String> {
    let waves = fleet.waves.iter().filter(|wave| !wave.clusters.is_empty());
    let windows = waves.clone().any(|wave| wave.gates.window.is_some());
    if fleet.members().nth(1).is_none() && !windows {
        return Vec::new();
    }
    let each = waves.flat_map(|wave| {
        let window = wave.gates.window.as_ref();
        let window = window.map_or_else(|| "always".to_owned(), |window| window.standing(now));
        let clusters = wave.clusters.iter();
        clusters.map(move |cluster| {
            let (state, what) = match forecasts.get(cluster).map(|look| &look.found) {
                None => ("not yet", String::new()),
                Some(Err(error)) => ("unreachable", error.to_string()),
                Some(Ok(forecast)) => match forecasts.objection(cluster) {
                    None => ("ready", forecast.summary()),
                    Some(reason) => ("objection", format!("{}; {reason}", forecast.summary())),
                },
            };
            let row = (wave.number, state, window.clone(), what);
            (row, cluster.name.as_str())
        })
    });
    let rows = alike(each);
    let window = Some(("WINDOW", Align::Left)).filter(|_| windows);
    let headings = [
        Some(("WAVE", Align::Right)),
        Some(("CLUSTERS", Align::Left)),
        Some(("PREFLIGHT", Align::Left)),
        window,
        Some(("WHAT", Align::Left)),
    ];
    let mut table = Table::new(headings.into_iter().flatten());
    for ((wave, state, window, what), clusters) in rows {
        let (wave, clusters) = (wave.to_string(), names(&clusters));
        let window = Some(window.as_str()).filter(|_| windows);
        let cells = [Some(wave.as_str()), Some(&clusters), Some(state), window];
        table.row(cells.into_iter().flatten().chain([what.as_str()]));
    }
    table.to_string().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use jiff::{civil::time, tz::TimeZone};

    use super::*;
    use crate::{
        fleet::Wave,
        gates::{Gates, Window},
        upgrade::task::Look,
    };

    fn table(fleet: &Fleet) -> Result<Vec<String>, jiff::Error> {
        let now = "2026-11-28T21:00:00Z".parse()?;
        Ok(lines(fleet, &Forecasts::<Look>::of(fleet), now))
    }

    #[test]
    fn a_wave_that_has_a_window_says_whether_it_is_open() -> Result<(), jiff::Error> {
        let cluster = Arc::new(cluster::testing::cluster());
        let mut fleet = Fleet {
            waves: vec![Wave::of(1, vec![Arc::clone(&cluster)])],
            ..Fleet::default()
        };
        assert_eq!(table(&fleet)?, Vec::<String>::new());
        let window = |from| Window {
            days: Vec::new(),
            from: time(from, 0, 0, 0),
            to: time(23, 0, 0, 0),
            zone: TimeZone::UTC,
            wait: Duration::ZERO,
        };
        for (from, expected) in [
            (22, "closed until Sat 2026-11-28 22:00 UTC"),
            (20, "open until Sat 2026-11-28 23:00 UTC"),
        ] {
            let window = Some(window(from));
            let gates = Gates {
                window,
                ..Gates::default()
            };
            fleet.waves[0].gates = Arc::new(gates);
            let lines = table(&fleet)?;
            assert!(lines.len() == 2 && lines[0].contains("WINDOW"), "{lines:?}");
            assert!(lines[1].contains(expected), "{lines:?}");
        }
        Ok(())
    }
}
