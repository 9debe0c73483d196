/*! The gate that a cluster passes before it is done: its objects are healthy, and its nodes where something was changed for these. */

use std::time::Duration;

use cluster::Session;
use tokio::time::Instant;

use super::{
    nodes::Nodes,
    wait::{Target, until_healthy},
};

/// What has to be known before anything is changed.
#[derive(Debug)]
pub struct Gate {
    nodes: Option<Nodes>,
}

impl Gate {
    /// Looks at the nodes, where something is for them. Nothing is to be changed if that fails.
    pub async fn before(session: &Session, for_nodes: bool) -> Result<Self, String> {
        let nodes = match for_nodes {
            true => Some(Nodes::before(session).await.map_err(|error| {
                format!("nothing was changed, because it is not known how the nodes are: {error}")
            })?),
            false => None,
        };
        Ok(Self { nodes })
    }

    /// Waits for at most `limit`; gives what to look at nevertheless. `changed`: nodes were given something new.
    pub async fn pass(
        &self,
        session: &Session,
        targets: &[Target],
        changed: bool,
        limit: Duration,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Vec<String>, String> {
        let time = (Instant::now() + limit, limit);
        let healthy = until_healthy(session, targets, time, say);
        let settled = async {
            match &self.nodes {
                Some(nodes) => nodes.until_settled(session, changed, time, say).await,
                None => Ok(Vec::new()),
            }
        };
        let ((), warnings) = tokio::try_join!(healthy, settled)?;
        Ok(warnings)
    }
}
