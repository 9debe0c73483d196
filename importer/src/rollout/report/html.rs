/*!
The report as a page: clusters in their waves, what became of each, and why; one file without anything from elsewhere.

Everything in it comes from clusters and bundles, so every text is escaped, for HTML and for eyes.
*/

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use schema::{
    output::{self, Destination},
    text::escape,
};

use super::{Detail, Report};
use crate::{Error, rollout::outcome::ClusterOutcome};

/// The look of the page; a script has no place in it.
const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222;background:#fff}\
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:1.5em}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2em .6em;border-bottom:1px solid #ddd}\
.done{color:#176b2c}.failed,.unreachable{color:#a11212}.stopped{color:#8a5a00}\
details{margin:.2em 0}pre{background:#f6f6f6;padding:.6em;overflow:auto}";

/// Writes the page, whole or not at all.
pub(in crate::rollout) fn write<D: Detail>(report: &Report<D>, path: &Path) -> Result<(), Error> {
    let text = page(report);
    Ok(output::replace(
        &Destination::resolve(path)?,
        text.as_bytes(),
        0o600,
    )?)
}

fn page<D: Detail>(report: &Report<D>) -> String {
    let mut text = String::new();
    let counts = report.counts.iter();
    let counts: Vec<_> = counts
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let times = [report.began, report.ended]
        .map(|time| time.map_or("?".to_owned(), |time| time.to_string()));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{format}</title><style>{STYLE}</style></head><body>\
         <h1>{format}{dry_run}</h1><p>{counts}. From {} to {}.</p>",
        safe(&times[0]),
        safe(&times[1]),
        format = safe(&report.format),
        dry_run = if report.dry_run {
            ", dry run: nothing was changed"
        } else {
            ""
        },
        counts = safe(&counts.join(", ")),
    );
    let mut waves: BTreeMap<usize, Vec<&ClusterOutcome<D>>> = BTreeMap::new();
    for cluster in &report.clusters {
        waves.entry(cluster.wave).or_default().push(cluster);
    }
    for (number, clusters) in waves {
        let _ = write!(
            text,
            "<h2>Wave {number}</h2><table><tr><th>Cluster</th><th>State</th><th>Version</th><th>Seconds</th><th>What</th><th>Why</th></tr>"
        );
        for cluster in clusters {
            row(&mut text, cluster);
        }
        text.push_str("</table>");
    }
    text.push_str("</body></html>\n");
    text
}

fn row<D: Detail>(text: &mut String, cluster: &ClusterOutcome<D>) {
    let state = cluster.state.word();
    let seconds = cluster
        .seconds
        .map_or(String::new(), |seconds| format!("{seconds:.1}"));
    let _ = write!(
        text,
        "<tr><td>{}</td><td class=\"{state}\">{state}</td><td>{}</td><td>{seconds}</td><td>{}",
        safe(&cluster.cluster),
        safe(cluster.cluster_version.as_deref().unwrap_or_default()),
        safe(&cluster.detail.summary()),
    );
    let lines = cluster.detail.lines();
    if !lines.is_empty() {
        text.push_str("<details><summary>each</summary><table>");
        for [what, became, why] in lines {
            let _ = write!(
                text,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                safe(&what),
                safe(&became),
                safe(&why)
            );
        }
        text.push_str("</table></details>");
    }
    let _ = write!(
        text,
        "</td><td>{}",
        safe(cluster.reason.as_deref().unwrap_or_default())
    );
    for warning in &cluster.warnings {
        let _ = write!(text, "<br>warning: {}", safe(warning));
    }
    text.push_str("</td></tr>");
}

/// For a page: what steers a terminal or the direction of text is made visible, and what HTML would read is escaped.
fn safe(text: &str) -> String {
    escape(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
