/*! Clusters of which the same is to be said: what is alike is shown once. */

use crate::rollout::outcome::ClusterOutcome;

/// Above so many clusters, those that are alike share a row.
const ROWS: usize = 10;

/// How many names are written out.
const SHOWN: usize = 3;

/// `c0`, or `c0, c1, c2 and 197 more`.
pub(crate) fn names(clusters: &[&str]) -> String {
    let shown = clusters.iter().take(SHOWN).copied().collect::<Vec<_>>();
    match clusters.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The same items of several clusters put together, in the order in which each comes up first.
pub(crate) fn alike<'c, T: Ord + Clone>(
    items: impl Iterator<Item = (T, &'c str)>,
) -> Vec<(T, Vec<&'c str>)> {
    let mut places = std::collections::BTreeMap::new();
    let mut all: Vec<(T, Vec<&str>)> = Vec::new();
    for (item, cluster) in items {
        let place = *places.entry(item.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some((_, clusters)) => clusters.push(cluster),
            None => all.push((item, vec![cluster])),
        }
    }
    all
}

/// Lines about clusters, the same of several together.
pub(crate) fn lines<D>(
    clusters: &[ClusterOutcome<D>],
    of: impl Fn(&ClusterOutcome<D>) -> Vec<String>,
) -> Vec<(String, Vec<&str>)> {
    let items = clusters.iter().flat_map(|cluster| {
        let items = of(cluster).into_iter();
        items.map(|item| (item, cluster.cluster.as_str()))
    });
    alike(items)
}

/// Rows of a table: the names of clusters, then the cells that they have in common.
pub(crate) fn rows<'c>(
    cells: impl ExactSizeIterator<Item = (Vec<String>, &'c str)>,
) -> impl Iterator<Item = Vec<String>> {
    let rows = match cells.len() > ROWS {
        true => alike(cells),
        false => cells
            .map(|(cells, cluster)| (cells, vec![cluster]))
            .collect(),
    };
    let rows = rows.into_iter();
    rows.map(|(cells, clusters)| [names(&clusters)].into_iter().chain(cells).collect())
}
