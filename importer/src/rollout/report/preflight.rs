/*! What the looks at all clusters have shown, before the first is changed: one table for people, like clusters in one row. */

use schema::text::{Align, Table};

use super::names::{alike, names};
use crate::{
    fleet::Fleet,
    rollout::{forecasts::Forecasts, task::Forecast},
};

/// The lines of the table; none for a single cluster.
pub(in crate::rollout) fn lines<F: Forecast>(
    fleet: &Fleet,
    forecasts: &Forecasts<F>,
) -> Vec<String> {
    if fleet.members().nth(1).is_none() {
        return Vec::new();
    }
    let each = fleet.waves.iter().flat_map(|wave| {
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
            ((wave.number, state, what), cluster.name.as_str())
        })
    });
    let rows = alike(each);
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
