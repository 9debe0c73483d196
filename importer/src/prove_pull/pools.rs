/*! The pools of nodes that each get a pod: those of the cluster, or those that the operator names by labels. */

use std::str::FromStr;

use cluster::{
    Call, Session,
    openshift::{items, one_line, text},
    refusal,
};
use serde_json::{Map, Value, json};

const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools?limit=500";

/// Nodes that are configured alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// For people.
    pub name: String,
    /// A label selector (`metav1.LabelSelector`); null for any node.
    pub selector: Value,
}

impl FromStr for Pool {
    type Err = String;

    /// Reads `KEY=VALUE[,KEY=VALUE]`, as of `kubectl -l`.
    fn from_str(typed: &str) -> Result<Self, String> {
        let mut labels = Map::new();
        for term in typed.split(',') {
            let (key, value) = term.split_once('=').ok_or_else(|| {
                format!(
                    "expected LABEL=VALUE[,LABEL=VALUE], found {}",
                    one_line(term)
                )
            })?;
            if key.is_empty() || value.starts_with('=') {
                return Err(format!("expected LABEL=VALUE, found {}", one_line(term)));
            }
            labels.insert(key.to_owned(), value.into());
        }
        Ok(Self {
            name: typed.to_owned(),
            selector: json!({ "matchLabels": labels }),
        })
    }
}

/// The machine config pools that have nodes; a cluster that knows none is one pool.
pub async fn of_cluster(session: &Session) -> Result<Vec<Pool>, String> {
    let answer = session.send(&Call::get(POOLS.to_owned())).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status == 404 {
        return Ok(vec![Pool {
            name: "all nodes".to_owned(),
            selector: Value::Null,
        }]);
    }
    if !answer.is_success() {
        return Err(format!(
            "the machine config pools cannot be read, so name nodes with --prove-selector: {}",
            refusal::text(&answer)
        ));
    }
    let pools = items(&answer.body, "/items").iter();
    let pools = pools.filter(|pool| pool.pointer("/status/machineCount") != Some(&json!(0)));
    Ok(pools
        .map(|pool| Pool {
            name: format!("pool {}", text(pool, "/metadata/name")),
            selector: pool["spec"]["nodeSelector"].clone(),
        })
        .collect())
}
