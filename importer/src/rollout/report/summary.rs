/*! The report for those who ask only what is not as it should be: clusters by reason, and how many the others are. */

use schema::text::{Align, Page, Table, counted};

use super::{
    Detail,
    names::{alike, names},
};
use crate::rollout::outcome::ClusterOutcome;

/// So many rows for clusters that are done; those that are alike share one.
const DONE: usize = 10;

/// A row for each reason, then one for each thing that became of the others.
pub(super) fn table<D: Detail>(clusters: &[ClusterOutcome<D>], text: &mut Page) {
    let columns = [
        ("STATE", Align::Left),
        ("COUNT", Align::Right),
        ("CLUSTERS", Align::Left),
        ("WHAT", Align::Left),
    ];
    let mut table = Table::new(columns);
    let (done, exceptions): (Vec<_>, Vec<_>) =
        clusters.iter().partition(|cluster| cluster.is_done());
    let exceptions = exceptions.iter().map(|cluster| {
        let reason = cluster.reason.as_deref().unwrap_or_default();
        ((cluster.state, reason), cluster.cluster.as_str())
    });
    for ((state, reason), clusters) in alike(exceptions) {
        let count = clusters.len().to_string();
        table.row([state.word(), &count, &names(&clusters), reason]);
    }
    let done = done.iter();
    let mut done = alike(done.map(|cluster| (cluster.detail.summary(), cluster.cluster.as_str())));
    if done.len() > DONE {
        let others = done.split_off(DONE - 1).into_iter();
        let others = others.flat_map(|(_, clusters)| clusters).collect();
        done.push(("in other ways".to_owned(), others));
    }
    for (what, clusters) in done {
        let count = clusters.len().to_string();
        table.row(["done", &count, &names(&clusters), &what]);
    }
    text.table(&table);
    let warned = clusters.iter();
    let warned = warned.filter(|cluster| !cluster.warnings.is_empty());
    let warned = warned.count();
    if warned > 0 {
        text.gap();
        text.line(format_args!(
            "warnings about {}, shown without --summary",
            counted(warned, "cluster")
        ));
    }
}
