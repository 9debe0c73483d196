/*! The pods of one run on one cluster: made, looked at, and deleted whatever happens. */

use std::time::{SystemTime, UNIX_EPOCH};

use cluster::{
    Call, Session,
    openshift::{items, text},
    path::{push, root},
    refusal,
};
use jiff::Timestamp;
use schema::Digest;
use serde_json::{Value, json};

use super::{
    Proof,
    pod::{LABEL, pod},
    pools::Pool,
};

/// The pods of one run.
pub struct Pods<'s> {
    session: &'s Session,
    namespace: String,
    /// What tells them from those of other runs.
    run: String,
}

/// What a look at them has shown.
pub struct Seen {
    pub pods: Vec<Value>,
    pub events: Vec<Value>,
}

impl<'s> Pods<'s> {
    /// None so far.
    pub fn new(session: &'s Session, namespace: &str) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seed = format!(
            "{} {} {}",
            now.as_nanos(),
            std::process::id(),
            session.server()
        );
        Self {
            session,
            namespace: namespace.to_owned(),
            run: Digest::of(seed.as_bytes()).hex()[..10].to_owned(),
        }
    }

    /// One for each pool. Those that are there when one is refused are for [`Self::delete`].
    pub async fn make(&self, pools: &[Pool], proof: &Proof) -> Result<(), String> {
        let collection = self.path("pods", None)?;
        for (number, pool) in pools.iter().enumerate() {
            let object = pod(&self.run, number, pool, &proof.images, proof.limit);
            let call = Call::create(collection.clone(), &object);
            let answer = self.session.send(&call).await;
            let answer = answer.map_err(|error| error.to_string())?;
            // Its answer was lost, and it was sent twice.
            let made = answer.is_success() || (answer.repeated && answer.status == 409);
            if !made {
                return Err(format!(
                    "no pod can be made in namespace {} for {}, choose another with --prove-namespace: {}",
                    self.namespace,
                    pool.name,
                    refusal::text(&answer)
                ));
            }
        }
        Ok(())
    }

    /// All of them, with the events of their namespace that are about pods.
    pub async fn seen(&self) -> Result<Seen, String> {
        let pods = self.list(&format!("{LABEL}={}", self.run)).await?;
        let events = self.path(
            "events",
            Some("fieldSelector=involvedObject.kind%3DPod&limit=500"),
        )?;
        let events = self.session.send(&Call::get(events)).await;
        // Who may not read them learns from the pods what there is.
        let events = events.map(|answer| items(&answer.body, "/items").to_vec());
        Ok(Seen {
            pods,
            events: events.unwrap_or_default(),
        })
    }

    /// Deletes all of them. The error names what is left.
    pub async fn delete(&self) -> Result<(), String> {
        let left = |why: String| {
            let (namespace, run) = (&self.namespace, &self.run);
            format!(
                "pods may be left; delete them with `kubectl delete pods -n {namespace} -l {LABEL}={run}`: {why}"
            )
        };
        let pods = self
            .list(&format!("{LABEL}={}", self.run))
            .await
            .map_err(left)?;
        let mut wrong = None;
        for pod in &pods {
            if let Err(reason) = self.remove(pod).await {
                wrong.get_or_insert(reason);
            }
        }
        match wrong {
            None => Ok(()),
            Some(reason) => Err(left(reason)),
        }
    }

    /// Deletes what killed runs have left: pods whose own deadline is over.
    pub async fn delete_forgotten(&self) {
        let Ok(pods) = self.list(LABEL).await else {
            return;
        };
        for pod in pods.iter().filter(|pod| is_over(pod)) {
            if let Err(reason) = self.remove(pod).await {
                tracing::debug!("a pod of an earlier run is left: {reason}");
            }
        }
    }

    async fn remove(&self, pod: &Value) -> Result<(), String> {
        let mut path = self.path("pods", None)?;
        push(&mut path, text(pod, "/metadata/name"))?;
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
            "preconditions": {"uid": text(pod, "/metadata/uid")},
        });
        let answer = self.session.send(&Call::delete(path, &options)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        // Gone, or another by now.
        match answer.is_success() || matches!(answer.status, 404 | 409) {
            true => Ok(()),
            false => Err(refusal::text(&answer)),
        }
    }

    async fn list(&self, selector: &str) -> Result<Vec<Value>, String> {
        let selector = selector.replace('/', "%2F").replace('=', "%3D");
        let path = self.path("pods", Some(&format!("labelSelector={selector}")))?;
        let answer = self.session.send(&Call::get(path)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.is_success() {
            true => Ok(items(&answer.body, "/items").to_vec()),
            false => Err(format!("pods cannot be listed: {}", refusal::text(&answer))),
        }
    }

    fn path(&self, plural: &str, query: Option<&str>) -> Result<String, String> {
        let mut path = root("v1")?;
        path.push_str("/namespaces");
        push(&mut path, &self.namespace)?;
        push(&mut path, plural)?;
        if let Some(query) = query {
            path.push('?');
            path.push_str(query);
        }
        Ok(path)
    }
}

/// Whether a pod has outlived its own deadline, or has ended.
fn is_over(pod: &Value) -> bool {
    let made = text(pod, "/metadata/creationTimestamp").parse::<Timestamp>();
    let limit = pod
        .pointer("/spec/activeDeadlineSeconds")
        .and_then(Value::as_i64);
    match (made, limit) {
        (Ok(made), Some(limit)) => Timestamp::now().duration_since(made).as_secs() > limit,
        _ => true,
    }
}
