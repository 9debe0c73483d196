/*!
A Job of the site's own that runs on a cluster before or after its turn: as it stands in a file, and as it is created.

Its name is made of its own, of the run and of its place in the list, so that a request that is repeated makes no second one, and
no two runs meet.
*/

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

/// What tells a Job that a hook made.
pub(super) const RUN_LABEL: &str = "offline-bundle/run";

/// The longest name of a Job: it is a label of its pods.
const LONGEST: usize = 63;

/// A Job, as the site wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    base: String,
    job: Value,
}

/// When hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before a cluster's first change.
    Before,
    /// After its last.
    After,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// What tells one run from another.
#[derive(Debug, Clone)]
pub struct RunId(String);

impl RunId {
    /// Of a run that begins now.
    pub fn new(now: Timestamp) -> Self {
        Self(format!("{:x}", now.as_nanosecond() / 1_000))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Hook {
    /// Takes a Job; the error says what is wrong with it.
    pub fn new(job: Value) -> Result<Self, String> {
        let text = |pointer| job.pointer(pointer).and_then(Value::as_str);
        let kind = [text("/apiVersion"), text("/kind")];
        if kind != [Some("batch/v1"), Some("Job")] {
            let [api_version, kind] = kind.map(|text| text.unwrap_or("nothing"));
            return Err(format!(
                "a hook is a Job: expected apiVersion batch/v1 and kind Job, found {api_version} and {kind}"
            ));
        }
        if !job.pointer("/spec").is_some_and(Value::is_object) {
            return Err("this Job has no spec".to_owned());
        }
        if let Some(namespace) = job.pointer("/metadata/namespace")
            && !namespace.as_str().is_some_and(is_label)
        {
            return Err(format!("{namespace} cannot be the namespace of a Job"));
        }
        let Some(base) = text("/metadata/name") else {
            return Err("a Job needs metadata.name; each run adds what makes it unique".to_owned());
        };
        if job.pointer("/metadata/generateName").is_some() {
            return Err(
                "generateName is not needed: each run makes metadata.name unique; leave it out"
                    .to_owned(),
            );
        }
        if !is_label(base) {
            return Err(format!(
                "{base:?} cannot be the name of a Job: expected lower-case letters, digits and -, at most {LONGEST}"
            ));
        }
        Ok(Self {
            base: base.to_owned(),
            job,
        })
    }

    /// The namespace that it names.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.job.pointer("/metadata/namespace")?.as_str()
    }

    /// Whether the cluster removes it by itself some time after its end.
    pub(super) fn expires(&self) -> bool {
        let seconds = self.job.pointer("/spec/ttlSecondsAfterFinished");
        seconds.is_some_and(Value::is_number)
    }

    /// The Job that is created: its name, and all of it.
    pub(super) fn job(&self, run: &RunId, stage: Stage, number: usize) -> (String, Value) {
        let letter = match stage {
            Stage::Before => 'b',
            Stage::After => 'a',
        };
        let end = format!("-{}-{letter}{number}", run.0);
        let room = LONGEST - end.len().min(LONGEST);
        let base = self.base.get(..room).unwrap_or(&self.base);
        let name = format!("{}{end}", base.trim_end_matches('-'));
        let mut job = self.job.clone();
        if let Some(metadata) = job.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), json!(name));
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            if !labels.is_object() {
                *labels = json!({});
            }
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(RUN_LABEL.to_owned(), json!(run.0));
                labels.insert("offline-bundle/hook".to_owned(), json!(stage.to_string()));
            }
        }
        (name, job)
    }
}

/// A name of RFC 1123, section 2.1.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| inner(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
