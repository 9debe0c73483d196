/*!
What an API server was asked, by its own audit log: who, which verb, which object, and what came of it.

A request is logged before it is served and again when it is answered, so one that a client has an answer to is always found.
*/

use std::{
    collections::HashMap,
    fs,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::Result;
use serde_json::Value;

/// The user whose requests [`POLICY`] leaves out: the harness, looking on.
pub(super) const HARNESS: &str = "harness";

/// The policy: everything, without contents, except what the server and the harness ask.
pub(super) const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: None
    users: ["system:apiserver", "harness"]
  - level: Metadata
"#;

/// A moment in the life of a cluster; see [`super::Cluster::mark`].
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// A request, as the API server understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `get`, `list`, `create`, `patch`, …
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// The group of the resource; empty for the core group and for paths that are no resource.
    pub group: String,
    /// The resource: `configmaps`, `clusterversions/status`; or the path, if it is none.
    pub resource: String,
    /// The object's namespace, or empty.
    pub namespace: String,
    /// The object's name, or empty.
    pub name: String,
    /// The path and query as they came.
    pub uri: String,
    /// The status of the answer; `None` if there was none, or not yet.
    pub code: Option<u16>,
}

impl Request {
    /// Whether it was to be answered, not done.
    pub fn is_dry_run(&self) -> bool {
        self.uri.contains("dryRun=All")
    }

    /// Whether it asks for an object to be stored, altered or deleted. A review ("may I?") is created, but never stored.
    pub fn is_write(&self) -> bool {
        let verbs = ["create", "update", "patch", "delete", "deletecollection"];
        let reviews = ["authorization.k8s.io", "authentication.k8s.io"];
        verbs.contains(&self.verb.as_str())
            && !self.is_dry_run()
            && !reviews.contains(&self.group.as_str())
    }
}

/// The end of the log as it is now.
pub(super) fn mark(log: &Path) -> Result<Mark> {
    Ok(Mark(fs::metadata(log)?.len()))
}

/// Each request that came after a mark, in the order of coming.
pub(super) fn requests(log: &Path, since: Mark) -> Result<Vec<Request>> {
    let mut file = fs::File::open(log)?;
    file.seek(SeekFrom::Start(since.0))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let (mut requests, mut places) = (Vec::new(), HashMap::new());
    // Without its end a line is still being written.
    for line in text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let event: Value = serde_json::from_str(line)?;
        let id = event["auditID"].as_str().unwrap_or_default().to_owned();
        if event["stage"] == "RequestReceived" {
            places.insert(id, requests.len());
            requests.push(request(&event));
        } else if let Some(place) = places.get(&id) {
            // Only the later stages know the answer.
            requests[*place] = request(&event);
        }
    }
    Ok(requests)
}

fn request(event: &Value) -> Request {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let field = |pointer: &str| text(pointer).unwrap_or_default().to_owned();
    let uri = field("/requestURI");
    let path = uri.split('?').next().unwrap_or_default();
    let mut resource = text("/objectRef/resource").unwrap_or(path).to_owned();
    if let Some(part) = text("/objectRef/subresource") {
        resource = format!("{resource}/{part}");
    }
    let code = event
        .pointer("/responseStatus/code")
        .and_then(Value::as_u64);
    Request {
        verb: field("/verb"),
        user: field("/user/username"),
        group: field("/objectRef/apiGroup"),
        resource,
        namespace: field("/objectRef/namespace"),
        name: field("/objectRef/name"),
        code: code.and_then(|code| u16::try_from(code).ok()),
        uri,
    }
}
