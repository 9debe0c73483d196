/*!
Objects that the server does not let be changed, because a field of theirs is immutable: how that is told, and which of them may be
deleted and created anew.
*/

use cluster::{Answer, clean, openshift::items};
use schema::Digest;
use serde_json::Value;

use super::{conflict::refusal_text, diff::is_secret};
use crate::apply::manifests::{Manifest, select::KindName};

/// What API servers write where an update touches what cannot be changed (k8s.io/apimachinery, `validation.FieldImmutableErrorMsg`,
/// and the validation of Services, Pods, StatefulSets, PriorityClasses, StorageClasses and role bindings).
const PHRASES: [&str; 5] = [
    "immutable",
    "may not change",
    "may not be changed",
    "cannot change roleRef",
    "updates to ",
];

/// With what others go too, or what they are kept in: recreated only by name.
const PRECIOUS: [(&str, &str); 4] = [
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];

/// What may be deleted and created anew where it cannot be changed.
#[derive(Debug, Clone, Default)]
pub struct Recreate {
    /// Which kinds; none is the rule.
    pub kinds: Vec<RecreateKind>,
    /// What is deleted is saved before, except Secrets: they are not recreated.
    pub keeps_secrets: bool,
}

/// What one `--recreate` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecreateKind {
    /// Every kind but those with which others go.
    All,
    /// This one.
    Kind(KindName),
}

impl RecreateKind {
    /// `all`, or `KIND[.GROUP]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let kind = KindName::parse(text).map(Self::Kind);
        kind.map_err(|_| "expected KIND[.GROUP], such as Job.batch, or all".to_owned())
    }
}

impl Recreate {
    /// Whether an object may be recreated. One that is the cluster's own is not.
    pub fn covers(&self, manifest: &Manifest) -> bool {
        let named = |named: &RecreateKind| match named {
            RecreateKind::All => !is_precious(manifest),
            RecreateKind::Kind(named) => named.matches(manifest),
        };
        manifest.share.is_whole() && !self.spares(manifest) && self.kinds.iter().any(named)
    }

    /// Whether it is a Secret that is not saved.
    fn spares(&self, manifest: &Manifest) -> bool {
        self.keeps_secrets && manifest.group().is_empty() && manifest.kind == "Secret"
    }

    /// Why the server refuses an object, and what helps where a field of it cannot be changed.
    pub fn refusal(&self, manifest: &Manifest, answer: &Answer) -> String {
        let Some(reason) = unchangeable(manifest, answer) else {
            return refusal_text(manifest, answer);
        };
        if !manifest.share.is_whole() || self.covers(manifest) {
            return reason;
        }
        let dot = if manifest.group().is_empty() { "" } else { "." };
        let saved = match self.spares(manifest) {
            true => " with --backup-secrets",
            false => "",
        };
        format!(
            "{reason}; what cannot be changed can be deleted and created anew: --recreate {}{dot}{}{saved}",
            manifest.kind,
            manifest.group()
        )
    }
}

/// Whether others go with an object, or are kept in it.
pub fn is_precious(manifest: &Manifest) -> bool {
    PRECIOUS.contains(&(manifest.group(), manifest.kind.as_str()))
}

/// An object that is to be recreated, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Of all that somebody wanted of it: as long as that stays, a new `resource_version` says nothing.
    pub content: Digest,
    /// Why it cannot be changed.
    pub reason: String,
}

impl Doomed {
    /// What a dry run says of it.
    pub fn forecast(&self) -> String {
        format!("it will be deleted and created anew: {}", self.reason)
    }
}

/// The digest of an object without `status` and what servers count.
pub fn content(object: &Value) -> Digest {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for counted in ["resourceVersion", "generation", "managedFields"] {
            metadata.remove(counted);
        }
    }
    Digest::of(object.to_string().as_bytes())
}

/// Which fields cannot be changed, where an update was refused for that: `spec.template: field is immutable`. Values that the
/// server quotes are left out; they may be long, and secret. Of a Secret only the fields are named.
pub fn unchangeable(manifest: &Manifest, answer: &Answer) -> Option<String> {
    if answer.status != 422 {
        return None;
    }
    let causes = items(&answer.body, "/details/causes").iter();
    let named_only = is_secret(&manifest.value);
    let fields = causes.filter_map(|cause| {
        let text = |key| cause.get(key).and_then(Value::as_str);
        let detail = detail(text("message")?);
        let says = PHRASES.iter().any(|phrase| detail.contains(phrase));
        let shown = if named_only {
            "it is immutable"
        } else {
            detail
        };
        says.then(|| clean(&format!("{}: {shown}", text("field").unwrap_or_default())))
    });
    let fields: Vec<String> = fields.collect();
    (!fields.is_empty()).then(|| format!("the server refuses it: {}", fields.join("; ")))
}

/// The end of `Invalid value: VALUE: DETAIL`, or the first line of `Forbidden: DETAIL`, behind which a difference may stand.
fn detail(message: &str) -> &str {
    let first = |text: &'_ str| text.find('\n').unwrap_or(text.len());
    match message.strip_prefix("Forbidden: ") {
        Some(detail) => &detail[..first(detail)],
        None => message.rsplit(": ").next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(api_version: &str, kind: &str) -> Result<Manifest, Box<dyn std::error::Error>> {
        let text = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
        Ok(Manifest::read("a.json", text.to_string().as_bytes())?.remove(0))
    }

    fn recreate(kinds: &[&str], keeps_secrets: bool) -> Result<Recreate, String> {
        let kinds = kinds.iter().map(|kind| RecreateKind::parse(kind));
        Ok(Recreate {
            kinds: kinds.collect::<Result<_, _>>()?,
            keeps_secrets,
        })
    }

    fn refused(field: &str, message: &str) -> Answer {
        let cause = json!({"reason": "FieldValueInvalid", "field": field, "message": message});
        Answer::of(
            422,
            json!({"message": "a is invalid", "details": {"causes": [cause]}}),
        )
    }

    #[test]
    fn only_kinds_that_were_asked_for_are_recreated() -> Result<(), Box<dyn std::error::Error>> {
        let job = manifest("batch/v1", "Job")?;
        let claim = manifest("v1", "PersistentVolumeClaim")?;
        let secret = manifest("v1", "Secret")?;
        let table = [
            (&[][..], [false, false, false]),
            (&["job"], [true, false, false]),
            (&["Job.batch"], [true, false, false]),
            (&["Job.example.com"], [false, false, false]),
            (&["all"], [true, false, true]),
            (&["all", "PersistentVolumeClaim"], [true, true, true]),
        ];
        for (kinds, expected) in table {
            let recreate = recreate(kinds, false)?;
            let covered = [&job, &claim, &secret].map(|one| recreate.covers(one));
            assert_eq!(covered, expected, "{kinds:?}");
        }
        assert!(!recreate(&["all", "Secret"], true)?.covers(&secret));
        assert!(RecreateKind::parse("Job batch").is_err());
        Ok(())
    }

    #[test]
    fn what_cannot_be_changed_is_told_without_values() -> Result<(), Box<dyn std::error::Error>> {
        let (job, secret) = (manifest("batch/v1", "Job")?, manifest("v1", "Secret")?);
        let table = [
            (
                "Invalid value: \"password: hunter2\": field is immutable",
                Some("x: field is immutable"),
            ),
            (
                "Forbidden: pod updates may not change fields other than `a`\n core.PodSpec{password: hunter2}",
                Some("x: pod updates may not change fields other than `a`"),
            ),
            (
                "Invalid value: \"immutable: hunter2\": must be lower case",
                None,
            ),
            ("Required value", None),
        ];
        for (message, expected) in table {
            let said = unchangeable(&job, &refused("x", message));
            let expected = expected.map(|expected| format!("the server refuses it: {expected}"));
            assert_eq!(said, expected);
        }
        let said = unchangeable(&secret, &refused("data", "Forbidden: hunter2 is immutable"));
        let expected = "the server refuses it: data: it is immutable";
        assert_eq!(said.as_deref(), Some(expected));
        Ok(())
    }

    #[test]
    fn a_refusal_says_how_to_recreate() -> Result<(), Box<dyn std::error::Error>> {
        let (job, secret) = (manifest("batch/v1", "Job")?, manifest("v1", "Secret")?);
        let immutable = refused("x", "Invalid value: 1: field is immutable");
        let ends = |recreate: Recreate, manifest: &Manifest, end: &str| {
            let said = recreate.refusal(manifest, &immutable);
            assert!(said.ends_with(end), "{said}");
        };
        ends(recreate(&[], false)?, &job, "--recreate Job.batch");
        ends(recreate(&["all"], false)?, &job, "field is immutable");
        let saved = "--recreate Secret with --backup-secrets";
        ends(recreate(&["all"], true)?, &secret, saved);
        let other = recreate(&[], false)?.refusal(&job, &refused("x", "Required value"));
        assert!(!other.contains("--recreate"), "{other}");
        Ok(())
    }
}
