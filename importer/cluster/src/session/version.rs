/*! Which Kubernetes an API server is of, as it says at `/version`. */

use serde_json::Value;

use super::Session;
use crate::{Answer, Call, ClusterError, classify::clean};

/// The first minor version of Kubernetes 1 whose API servers take apply patches without being asked to.
const FIRST_WITH_APPLY: u32 = 16;

/// Whether an answer is a refusal as API servers give it.
pub(super) fn is_status(answer: &Answer) -> bool {
    answer.body.get("kind").and_then(Value::as_str) == Some("Status")
}

/// The minor version of `v1.15.3`; none of what is not Kubernetes 1.
fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("v1.")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

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

    /// Why an apply patch was answered with 415: where the whole cluster takes none, that is an error about the cluster, else the
    /// reason for objects of this group.
    pub async fn no_server_side_apply(&self, group: &str) -> Result<String, ClusterError> {
        let version = self.kubernetes_version().await?.unwrap_or_default();
        let old = minor(&version).is_some_and(|minor| minor < FIRST_WITH_APPLY);
        // These are of the API server itself, not of one behind it.
        let own = !group.contains('.') || group.ends_with(".k8s.io");
        let server = self.server().to_owned();
        let found = match (old, own) {
            (true, _) => format!(
                "found Kubernetes {version}; upgrade the cluster first, or write its objects with --render-to-dir and apply them with kubectl"
            ),
            (false, true) => "found HTTP 415 (unsupported media type); let application/apply-patch+yaml through the proxy before it, or turn the feature ServerSideApply on".to_owned(),
            (false, false) => {
                return Ok(format!(
                    "the API server behind {group} takes no server-side apply (HTTP 415); apply objects of that group with kubectl"
                ));
            }
        };
        Err(ClusterError::NoServerSideApply { server, found })
    }

    /// Makes sure that what refused in no way of Kubernetes is an API server all the same: groups that are not served are
    /// refused in plain text.
    pub(super) async fn check_kubernetes(&self) -> Result<(), ClusterError> {
        let answer = self.send(&Call::get("/version".to_owned())).await?;
        let says = answer.body.get("gitVersion").is_some_and(Value::is_string);
        if says || is_status(&answer) {
            return Ok(());
        }
        let what = match &answer.body {
            Value::Null => "no JSON",
            body if body.get("errors").is_some() => "what container registries answer",
            _ => "JSON that is none of Kubernetes",
        };
        Err(ClusterError::Protocol {
            server: self.server().to_owned(),
            detail: format!(
                "expected its version at /version, found {what} (HTTP {}); a web server, a console or a registry may be there, so check the address and port",
                answer.status
            ),
        })
    }
}
