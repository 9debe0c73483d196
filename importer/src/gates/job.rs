/*! Runs one hook on one cluster: its Job is created, waited for, and removed unless it says how it goes. */

use std::time::Duration;

use cluster::{
    Call, ClusterError, Session,
    openshift::{items, one_line, text, when_true},
    path, refusal,
};
use schema::PRODUCT;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::hook::{Hook, RUN_LABEL, RunId, Stage};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A hook, and where and when it runs.
pub(super) struct Running<'h> {
    pub session: &'h Session,
    pub cluster: &'h str,
    pub hook: &'h Hook,
    pub run: &'h RunId,
    pub stage: Stage,
    /// In the list of its stage, from 1.
    pub number: usize,
    pub limit: Duration,
}

/// Says which Job is still there when nobody waits for it any more.
struct Left<'l> {
    cluster: &'l str,
    job: &'l str,
    there: bool,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if self.there {
            tracing::warn!("{}: {} was left there", self.cluster, self.job);
        }
    }
}

/// How a Job ended, if it has.
pub(super) fn end(job: &Value) -> Option<Result<(), String>> {
    if when_true(job, "Complete").is_some() {
        return Some(Ok(()));
    }
    let failed = when_true(job, "Failed")?;
    let text = failed.text();
    Some(Err(match text.is_empty() {
        true => "it failed".to_owned(),
        false => text,
    }))
}

/// What the newest of some pods said when it ended.
pub(super) fn last_words(pods: &Value) -> Option<String> {
    let pods = items(pods, "/items").iter();
    let pod = pods.max_by_key(|pod| text(pod, "/metadata/creationTimestamp"))?;
    let containers = ["/status/containerStatuses", "/status/initContainerStatuses"];
    let containers = containers.iter().flat_map(|list| items(pod, list));
    let ended = containers.filter_map(|container| {
        let at = ["/state/terminated", "/lastState/terminated"];
        at.iter().find_map(|at| container.pointer(at))
    });
    let mut said = ended.filter_map(|ended| {
        let code = ended.get("exitCode").and_then(Value::as_i64)?;
        let message = one_line(text(ended, "/message"));
        (code != 0).then(|| match message.is_empty() {
            true => format!("its container ended with {code}"),
            false => format!("its container ended with {code}: {message}"),
        })
    });
    said.next()
}

/// What keeps a namespace from taking a Job, as far as this user may see.
pub(super) async fn lacks(session: &Session, namespace: &str) -> Option<String> {
    let mut path = "/api/v1/namespaces".to_owned();
    path::push(&mut path, namespace).ok()?;
    let answer = session.send(&Call::get(path)).await.ok()?;
    if answer.status == 404 {
        return Some(format!(
            "namespace {namespace} is missing; its Job needs it before the first change"
        ));
    }
    let leaving = answer.body.pointer("/metadata/deletionTimestamp").is_some();
    leaving.then(|| format!("namespace {namespace} is being deleted"))
}

impl Running<'_> {
    /// Runs it to its end; the error says why it did not go well.
    pub(super) async fn run(&self) -> Result<(), String> {
        let (name, job) = self.hook.job(self.run, self.stage, self.number);
        let default = self.session.default_namespace();
        let namespace = self.hook.namespace().unwrap_or(&default);
        let shown = format!("Job {namespace}/{name}");
        let failed = |reason: String| format!("hook {} ({shown}): {reason}", self.stage);
        let jobs = self.jobs(namespace).map_err(failed)?;
        let deadline = Instant::now() + self.limit;
        let mut left = Left {
            cluster: self.cluster,
            job: &shown,
            there: true,
        };
        tracing::info!("{}: hook {}: {shown}", self.cluster, self.stage);
        let uid = match timeout_at(deadline, self.create(&jobs, &name, &job)).await {
            Ok(created) => created.map_err(|reason| {
                left.there = false;
                failed(reason)
            })?,
            Err(_) => return Err(failed(self.late("the server did not take it"))),
        };
        let mut path = jobs;
        path::push(&mut path, &name).map_err(failed)?;
        let ended = self.wait(&path, deadline).await;
        let result = match &ended {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => match self.last_words(namespace, &name).await {
                Some(words) => Err(failed(format!("{reason}; {words}"))),
                None => Err(failed(reason.clone())),
            },
            None => Err(failed(self.late("it has not ended"))),
        };
        left.there = !match ended.is_some() && self.hook.expires() {
            true => true,
            false => self.remove(&path, &uid).await,
        };
        result
    }

    fn late(&self, what: &str) -> String {
        format!("{what} after {} s", self.limit.as_secs())
    }

    fn jobs(&self, namespace: &str) -> Result<String, String> {
        let mut path = "/apis/batch/v1/namespaces".to_owned();
        path::push(&mut path, namespace)?;
        path::push(&mut path, "jobs")?;
        Ok(path)
    }

    /// Creates the Job; its uid.
    async fn create(&self, jobs: &str, name: &str, job: &Value) -> Result<String, String> {
        let create = Call::create(format!("{jobs}?fieldManager={PRODUCT}"), job);
        let answer = self.session.send(&create).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let uid = |job: &Value| text(job, "/metadata/uid").to_owned();
        if answer.is_success() {
            return Ok(uid(&answer.body));
        }
        // Of a request that was repeated, the first may have had its effect.
        if answer.status == 409 && answer.repeated {
            let mut path = jobs.to_owned();
            path::push(&mut path, name)?;
            let found = self.session.send(&Call::get(path)).await;
            let found = found.map_err(|error| error.to_string())?;
            let labels = found.body.pointer("/metadata/labels");
            let run = labels.and_then(|labels| labels.get(RUN_LABEL)?.as_str());
            if run == Some(self.run.as_str()) {
                return Ok(uid(&found.body));
            }
        }
        Err(refusal::text(&answer))
    }

    /// How it ended; nothing if the time is over before.
    async fn wait(&self, path: &str, deadline: Instant) -> Option<Result<(), String>> {
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout_at(deadline, self.session.send(&Call::get(path.to_owned()))).await {
                Err(_) => return None,
                Ok(Ok(answer)) if answer.is_success() => {
                    if let Some(end) = end(&answer.body) {
                        return Some(end);
                    }
                }
                Ok(Ok(answer)) if answer.status == 404 => {
                    return Some(Err("it was deleted before it ended".to_owned()));
                }
                Ok(Err(error @ (ClusterError::Identity { .. } | ClusterError::Moved { .. }))) => {
                    return Some(Err(error.to_string()));
                }
                // API servers restart, and nodes that they run on.
                Ok(_) => {}
            }
            if Instant::now() + pause >= deadline {
                return None;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What its last pod said, where that may be read.
    async fn last_words(&self, namespace: &str, name: &str) -> Option<String> {
        let mut path = "/api/v1/namespaces".to_owned();
        path::push(&mut path, namespace).ok()?;
        let path = format!("{path}/pods?labelSelector=job-name%3D{name}");
        let pods = self.session.object(&Call::get(path)).await.ok()?;
        last_words(&pods)
    }

    /// Whether it is gone, or will be.
    async fn remove(&self, path: &str, uid: &str) -> bool {
        let options = json!({"propagationPolicy": "Background", "preconditions": {"uid": uid}});
        let delete = Call::delete(path.to_owned(), &options);
        let removed = self.session.send(&delete).await;
        removed.is_ok_and(|answer| answer.is_success() || answer.status == 404)
    }
}
