/*!
Waits until nodes have what was changed for them, and the cluster's operators bear it.

A mirror set has no status: the machine-config-operator renders a new configuration for each pool, and brings it to one node after the other. So
what each pool was asked for is read before the change. Afterwards a pool counts only once it is asked for something else; where none is
after a minute, the change made no difference to it.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cluster::{
    Call, Session,
    openshift::{items, text},
};
use schema::text::escape;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    check, conditions,
    wait::{FIRST_PAUSE, LONGEST_PAUSE},
};

const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";
const OPERATORS: &str = "/apis/config.openshift.io/v1/clusteroperators";

/// How long the machine-config-operator may take to render what was changed.
const RENDERING: Duration = Duration::from_secs(60);

/// How long a pool must be degraded before that counts: a node that is tried again may get there.
const LASTING: Duration = Duration::from_secs(15);

/// Nodes and operators as they were before anything was changed.
#[derive(Debug, Default)]
pub struct Nodes {
    /// The rendered configuration that each pool was asked for.
    pools: BTreeMap<String, String>,
    /// The operators that were well.
    well: BTreeSet<String>,
    /// What cannot be told.
    warnings: Vec<String>,
}

/// What one look shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    /// Pools that have not taken up the change.
    idle: Vec<String>,
    /// What is not well, in words.
    lacks: Vec<String>,
    /// The pools among that which are degraded.
    degraded: Vec<String>,
    /// Pools that nobody gets further until somebody resumes them.
    paused: Vec<String>,
}

impl Nodes {
    /// Reads how they are. Where there are no pools, as with hosted control planes and Kubernetes alone, there is nothing to watch.
    pub async fn before(session: &Session) -> Result<Self, String> {
        let mut nodes = Self::default();
        let pools = list(session, POOLS).await?;
        let operators = list(session, OPERATORS).await?;
        for (items, what) in [
            (&pools, "machine config pools"),
            (&operators, "cluster operators"),
        ] {
            if items.is_none() {
                nodes.warnings.push(format!(
                    "this user may not read {what}, so that whether these are well after the change is not known"
                ));
            }
        }
        let named = |pool: &Value| (name(pool), rendered(pool).to_owned());
        nodes.pools = pools.iter().flatten().map(named).collect();
        let well = operators
            .iter()
            .flatten()
            .filter(|operator| check(operator).is_ok());
        nodes.well = well.map(name).collect();
        Ok(nodes)
    }

    /// Watches until all pools are updated and no operator that was well is not. `changed`: nodes were given something new, which pools
    /// must be seen to take up. Gives what to look at nevertheless.
    pub async fn until_settled(
        &self,
        session: &Session,
        changed: bool,
        (deadline, limit): (Instant, Duration),
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Vec<String>, String> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut degraded_since = None;
        let mut last = "machine config pools were not read".to_owned();
        loop {
            match timeout_at(deadline, self.look(session)).await {
                Ok(Ok(look)) => {
                    let rendering = changed && !look.idle.is_empty() && began.elapsed() < RENDERING;
                    if look.lacks.is_empty() && !rendering {
                        return Ok(self.warnings(&look, changed));
                    }
                    degraded_since = match look.degraded.is_empty() {
                        true => None,
                        false => degraded_since.or(Some(Instant::now())),
                    };
                    last = match look.lacks.is_empty() {
                        false => look.lacks.join("; "),
                        true => format!(
                            "machine config pools have not taken up the change yet: {}",
                            look.idle.join(", ")
                        ),
                    };
                    if degraded_since.is_some_and(|since| since.elapsed() >= LASTING) {
                        return Err(format!("applied, but {}", look.degraded.join("; ")));
                    }
                }
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
            say(&format!("waits for nodes: {last}"));
            if Instant::now() + pause >= deadline {
                let seconds = limit.as_secs();
                return Err(format!(
                    "applied, but the nodes are not well after {seconds} s: {last}"
                ));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, session: &Session) -> Result<Look, String> {
        let pools = list(session, POOLS).await?.unwrap_or_default();
        let operators = match self.well.is_empty() {
            true => Vec::new(),
            false => list(session, OPERATORS).await?.unwrap_or_default(),
        };
        Ok(self.judge(&pools, &operators))
    }

    /// Pure: what pools and operators say, compared with how they were.
    fn judge(&self, pools: &[Value], operators: &[Value]) -> Look {
        let mut look = Look::default();
        for pool in pools {
            let pool_name = name(pool);
            let shown = escape(&pool_name);
            if self
                .pools
                .get(&pool_name)
                .is_some_and(|before| before == rendered(pool))
            {
                look.idle.push(shown.clone());
            }
            let Err(lack) = check(pool) else {
                continue;
            };
            let lack = format!("machine config pool {shown}: {}", lack.reason());
            if conditions::is(pool, "Degraded", "True") {
                look.degraded.push(lack.clone());
            } else if pool["spec"]["paused"] == true {
                look.paused.push(shown);
                continue;
            }
            look.lacks.push(lack);
        }
        for operator in operators {
            let operator_name = name(operator);
            if self.well.contains(&operator_name)
                && let Err(lack) = check(operator)
            {
                let shown = escape(&operator_name);
                look.lacks.push(format!(
                    "cluster operator {shown}, which was well before: {}",
                    lack.reason()
                ));
            }
        }
        look
    }

    fn warnings(&self, look: &Look, changed: bool) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        warnings.extend(look.paused.iter().map(|pool| {
            format!("machine config pool {pool} is paused: its nodes stay as they are until it is resumed")
        }));
        if changed && !self.pools.is_empty() && look.idle.len() == self.pools.len() {
            let seconds = RENDERING.as_secs();
            warnings.push(format!(
                "no machine config pool took up the change within {seconds} s; nodes may have had what it says before"
            ));
        }
        warnings
    }
}

fn name(object: &Value) -> String {
    text(object, "/metadata/name").to_owned()
}

fn rendered(pool: &Value) -> &str {
    text(pool, "/spec/configuration/name")
}

/// What a cluster has of a kind: nothing where it does not know the kind, `None` where the user may not read it.
async fn list(session: &Session, path: &str) -> Result<Option<Vec<Value>>, String> {
    match session.object(&Call::get(path.to_owned())).await {
        Ok(list) => Ok(Some(items(&list, "/items").to_vec())),
        Err(error) if error.status() == Some(404) => Ok(Some(Vec::new())),
        Err(error) if error.status() == Some(403) => Ok(None),
        Err(error) => Err(format!("{path}: {error}")),
    }
}
