/*! What the looks at all clusters have shown, before the first is changed: one table for people, like clusters in one row. */

use schema::text::{Align, Table};

use super::{forecasts::Forecasts, names::names, task::Forecast};
use crate::fleet::Fleet;

/// The lines of the table; none for a single cluster.
pub(super) fn lines<F: Forecast>(fleet: &Fleet, forecasts: &Forecasts<F>) -> Vec<String> {
    let mut rows: Vec<((usize, &str, String), Vec<&str>)> = Vec::new();
    for wave in &fleet.waves {
        for cluster in &wave.clusters {
            let (state, what) = match forecasts.get(cluster).map(|look| &look.found) {
                None => ("not yet", String::new()),
                Some(Err(error)) => ("unreachable", error.to_string()),
                Some(Ok(forecast)) => match forecasts.objection(cluster) {
                    None => ("ready", forecast.summary()),
                    Some(reason) => ("objection", format!("{}; {reason}", forecast.summary())),
                },
            };
            let key = (wave.number, state, what);
            match rows.iter_mut().find(|(known, _)| *known == key) {
                Some((_, names)) => names.push(&cluster.name),
                None => rows.push((key, vec![&cluster.name])),
            }
        }
    }
    if fleet.members().nth(1).is_none() {
        return Vec::new();
    }
    let headings = [
        ("WAVE", Align::Right),
        ("CLUSTERS", Align::Left),
        ("PREFLIGHT", Align::Left),
        ("WHAT", Align::Left),
    ];
    let mut table = Table::new(headings);
    for ((wave, state, what), clusters) in rows {
        table.row([wave.to_string().as_str(), &names(&clusters), state, &what]);
    }
    table.to_string().lines().map(str::to_owned).collect()
}
