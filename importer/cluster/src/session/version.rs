/*! Which Kubernetes an API server is of, as it says at `/version`. */

use serde_json::Value;

use super::Session;
use crate::{Call, ClusterError, classify::clean};

impl Session {
    /// `gitVersion`, as `v1.29.4`, harmless for a terminal; none where it does not say so.
    pub async fn kubernetes_version(&self) -> Result<Option<String>, ClusterError> {
        let answer = match self.send(&Call::get("/version".to_owned())).await {
            Ok(answer) => answer,
            Err(error) if error.is_passing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = answer.body.get("gitVersion").and_then(Value::as_str);
        Ok(version.filter(|_| answer.is_success()).map(clean))
    }
}
