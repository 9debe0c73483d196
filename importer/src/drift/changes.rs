/*! What differs between two looks at the same clusters. Pure, but for the time that is on each line. */

use std::collections::{BTreeMap, BTreeSet};

use cli::Format;
use jiff::Timestamp;
use schema::text::Page;
use serde::Serialize;

use crate::{
    Error,
    apply::outcome::{Action, Applied, ObjectOutcome},
    report,
    rollout::{ClusterOutcome, State},
};

/// What is known of clusters. A cluster that could not be asked keeps what was known of it.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<String, KnownCluster>);

#[derive(Debug, Default)]
struct KnownCluster {
    /// How it could not be asked, and why.
    away: Option<(State, Option<String>)>,
    objects: BTreeMap<Object, (Action, Option<String>)>,
    diffs: BTreeSet<String>,
    warnings: BTreeSet<String>,
}

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Object {
    api_version: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// When the look that has shown it ended.
    time: Timestamp,
    cluster: String,
    #[serde(flatten)]
    what: What,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum What {
    /// An object: what `apply` would have done at the last look, and would do now.
    Object {
        #[serde(flatten)]
        object: Object,
        before: Action,
        action: Action,
    },
    /// The cluster itself: it can no longer be asked, or can again (`done`).
    Cluster { state: State },
    /// How an object differs.
    Diff { diff: String },
    /// What to look at.
    Warning { warning: String },
}

impl Known {
    /// Takes in what a look has shown, and says what of it is new. At first everything counts as right.
    pub fn update(&mut self, clusters: &[ClusterOutcome<Applied>], time: Timestamp) -> Vec<Change> {
        let clusters = clusters.iter();
        let changes = clusters.flat_map(|cluster| {
            let known = self.0.entry(cluster.cluster.clone()).or_default();
            let changes = known.update(cluster).into_iter();
            changes.map(|(what, reason)| Change {
                time,
                cluster: cluster.cluster.clone(),
                what,
                reason,
            })
        });
        changes.collect()
    }
}

impl KnownCluster {
    fn update(&mut self, cluster: &ClusterOutcome<Applied>) -> Vec<(What, Option<String>)> {
        let mut changes = Vec::new();
        let objects = &cluster.detail.objects;
        let asked = cluster.state == State::Done || !objects.is_empty();
        let away = (!asked).then(|| (cluster.state, cluster.reason.clone()));
        if away != self.away {
            let (state, reason) = away.clone().unwrap_or((State::Done, None));
            changes.push((What::Cluster { state }, reason));
            self.away = away;
        }
        if asked {
            self.update_objects(objects, &mut changes);
            let diffs: BTreeSet<String> = cluster.detail.diffs.iter().cloned().collect();
            let new = diffs.difference(&self.diffs).cloned();
            changes.extend(new.map(|diff| (What::Diff { diff }, None)));
            self.diffs = diffs;
        }
        let warnings: BTreeSet<String> = cluster.warnings.iter().cloned().collect();
        let new = warnings.difference(&self.warnings).cloned();
        changes.extend(new.map(|warning| (What::Warning { warning }, None)));
        self.warnings = warnings;
        changes
    }

    fn update_objects(
        &mut self,
        objects: &[ObjectOutcome],
        changes: &mut Vec<(What, Option<String>)>,
    ) {
        let mut found = BTreeMap::new();
        for object in objects {
            let now = (object.action, object.reason.clone());
            found.insert(Object::of(object), now);
        }
        let right = (Action::Unchanged, None);
        // What an inventory listed and lists no longer.
        let gone = self.objects.keys().filter(|one| !found.contains_key(*one));
        let gone = gone.map(|object| (object, &right));
        for (object, now) in found.iter().chain(gone) {
            let before = self.objects.get(object).unwrap_or(&right);
            if before != now {
                let what = What::Object {
                    object: object.clone(),
                    before: before.0,
                    action: now.0,
                };
                changes.push((what, now.1.clone()));
            }
        }
        self.objects = found;
    }
}

impl Object {
    fn of(object: &ObjectOutcome) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }
}

/// The changes for standard output: lines for people, or a JSON value on each line.
pub fn shown(changes: &[Change], format: Format) -> Result<Page, Error> {
    let mut text = Page::new();
    for change in changes {
        match format {
            Format::Json => text.append(&report::json_line(change)?),
            Format::Table => change.write(&mut text),
        }
    }
    Ok(text)
}

impl Change {
    fn write(&self, text: &mut Page) {
        let (time, cluster) = (self.time, &self.cluster);
        let reason = self.reason.as_ref();
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        match &self.what {
            What::Object { object, action, .. } => {
                let namespace = object.namespace.as_ref();
                let namespace = namespace.map_or(String::new(), |name| format!(" -n {name}"));
                text.line(format_args!(
                    "{time} {cluster}: {}/{}{namespace} {}{reason}",
                    object.kind.to_lowercase(),
                    object.name,
                    words(*action)
                ));
            }
            What::Cluster { state: State::Done } => {
                text.line(format_args!("{time} {cluster}: can be asked again"));
            }
            What::Cluster { state } => {
                text.line(format_args!("{time} {cluster}: {}{reason}", state.word()));
            }
            What::Diff { diff } => {
                text.line(format_args!("{time} {cluster}:"));
                text.document(diff);
            }
            What::Warning { warning } => {
                text.line(format_args!("{time} {cluster}: warning: {warning}"));
            }
        }
    }
}

/// What an object is, where `apply` would do this.
fn words(action: Action) -> &'static str {
    match action {
        Action::Created => "is missing",
        Action::Configured => "differs",
        Action::Unchanged => "is as the bundle says",
        Action::Conflict => "is held by another manager",
        Action::Failed | Action::Skipped => "cannot be compared",
        Action::Kept | Action::Pruned => "is no longer in the bundle",
    }
}

#[cfg(test)]
mod tests {
    use cluster::testing::cluster;
    use serde_json::Value;

    use super::*;

    fn look(state: State, objects: &[(&str, Action)]) -> Vec<ClusterOutcome<Applied>> {
        let objects = objects.iter().map(|(name, action)| ObjectOutcome {
            path: "config/a.yaml".to_owned(),
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: Some("shop".to_owned()),
            name: (*name).to_owned(),
            action: *action,
            reason: None,
        });
        let detail = Applied {
            objects: objects.collect(),
            ..Applied::default()
        };
        let reason = (state != State::Done).then(|| "no route\u{202e}".to_owned());
        vec![ClusterOutcome {
            detail,
            ..ClusterOutcome::new(&cluster(), state, reason)
        }]
    }

    #[test]
    fn only_what_is_new_is_a_change() -> Result<(), Error> {
        let mut known = Known::default();
        let mut look = |state, objects: &[_]| {
            let changes = known.update(&look(state, objects), Timestamp::UNIX_EPOCH);
            shown(&changes, Format::Table).map(|page| page.to_string())
        };
        let line = |what: &str| format!("1970-01-01T00:00:00Z east: {what}\n");
        let (right, wrong) = (("a", Action::Unchanged), ("a", Action::Configured));
        let other = ("b", Action::Created);
        let differs = line("configmap/a -n shop differs");
        assert_eq!(look(State::Done, &[right])?, "");
        assert_eq!(look(State::Done, &[wrong])?, differs);
        assert_eq!(look(State::Done, &[wrong])?, "");
        let away = line("unreachable: no route\\u{202e}");
        assert_eq!(look(State::Unreachable, &[])?, away);
        assert_eq!(look(State::Unreachable, &[])?, "");
        // What was known of it before is still known.
        let missing = line("configmap/b -n shop is missing");
        let back = line("can be asked again") + &missing;
        assert_eq!(look(State::Done, &[wrong, other])?, back);
        let right_again = line("configmap/a -n shop is as the bundle says");
        assert_eq!(look(State::Done, &[right, other])?, right_again);
        let listed_no_longer = line("configmap/b -n shop is as the bundle says");
        assert_eq!(look(State::Done, &[right])?, listed_no_longer);
        Ok(())
    }

    #[test]
    fn a_change_is_a_line_of_json() -> Result<(), Box<dyn std::error::Error>> {
        let mut known = Known::default();
        let mut text = String::new();
        for found in [
            look(State::Done, &[("a", Action::Configured)]),
            look(State::Unreachable, &[]),
        ] {
            let changes = known.update(&found, Timestamp::UNIX_EPOCH);
            text.push_str(shown(&changes, Format::Json)?.as_str());
        }
        let lines = text.lines().map(serde_json::from_str::<Value>);
        let lines: Vec<Value> = lines.collect::<Result<_, _>>()?;
        let time = "1970-01-01T00:00:00Z";
        assert_eq!(
            lines,
            [
                serde_json::json!({
                    "time": time, "cluster": "east", "api_version": "v1", "kind": "ConfigMap", "namespace": "shop",
                    "name": "a", "before": "unchanged", "action": "configured",
                }),
                serde_json::json!({"time": time, "cluster": "east", "state": "unreachable", "reason": "no route\u{202e}"}),
            ]
        );
        Ok(())
    }
}
