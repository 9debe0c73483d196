/*! Whether what answers is the cluster that is meant: at first, and again after credentials were renewed. */

use serde_json::Value;
use tokio::time::sleep;

use super::{Session, version::is_status, waits};
use crate::{Call, ClusterError, ClusterId, Connection, refusal};

/// Where an OpenShift cluster says which one it is.
pub const CLUSTER_VERSION: &str = "/apis/config.openshift.io/v1/clusterversions/version";

/// What a cluster says that it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Identity {
    /// OpenShift 4: its ClusterVersion, without `metadata.managedFields`.
    OpenShift(Value),
    /// It has no ClusterVersion.
    NotOpenShift,
    /// This user may not read its ClusterVersion, so that its id and version are unknown; the server's words.
    Forbidden(String),
}

impl Identity {
    /// The ClusterVersion, if it could be read.
    pub fn cluster_version(&self) -> Option<&Value> {
        match self {
            Self::OpenShift(cluster_version) => Some(cluster_version),
            Self::NotOpenShift | Self::Forbidden(_) => None,
        }
    }

    /// The id, if it could be read.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.cluster_version().and_then(ClusterId::of)
    }
}

impl Session {
    /// Asks the cluster what it is, and refuses to go on with another than is meant. Its id must stay the same from here on,
    /// also where none was expected.
    pub async fn identify(&self) -> Result<Identity, ClusterError> {
        let answer = self.send(&Call::get(CLUSTER_VERSION.to_owned())).await?;
        let plain = match answer.status {
            403 | 404 => is_status(&answer),
            _ => !answer.is_success() || answer.body.get("kind").is_some(),
        };
        if !plain {
            self.check_kubernetes().await?;
        }
        let identity = match answer.status {
            404 => Identity::NotOpenShift,
            403 => Identity::Forbidden(refusal::words(&answer)),
            _ if answer.is_success() => {
                let mut object = answer.body;
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("managedFields");
                }
                Identity::OpenShift(object)
            }
            _ => {
                return Err(ClusterError::Unreachable {
                    server: self.server.clone(),
                    detail: format!("it is not ready ({})", refusal::text(&answer)),
                    transient: false,
                });
            }
        };
        let found = identity.cluster_id();
        if let Some(expected) = &self.cluster.cluster_id
            && found.as_ref() != Some(expected)
        {
            return Err(ClusterError::Identity {
                server: self.server.clone(),
                expected: expected.clone(),
                found: match (&identity, found) {
                    (_, Some(found)) => format!("found {found}"),
                    (Identity::Forbidden(_), None) => {
                        "and this user may not read its ClusterVersion".to_owned()
                    }
                    (_, None) => "found a cluster without clusterID".to_owned(),
                },
            });
        }
        if let Some(id) = found {
            self.cluster_id.get_or_init(|| id);
        }
        Ok(identity)
    }

    /// Takes an id for known that an earlier session has read.
    pub(super) fn identified(&self, cluster_id: Option<&ClusterId>) {
        if let Some(id) = cluster_id {
            self.cluster_id.get_or_init(|| id.clone());
        }
    }

    /// Compares the address, and the id where the cluster had one.
    pub(super) async fn check_same(&self, connection: &Connection) -> Result<(), ClusterError> {
        if connection.server != self.server {
            return Err(ClusterError::Moved {
                server: self.server.clone(),
                now: connection.server.clone(),
            });
        }
        let Some(expected) = self.cluster_id.get() else {
            return Ok(());
        };
        let call = Call::get(CLUSTER_VERSION.to_owned());
        let mut waits = waits();
        let answer = loop {
            match (self.attempt(&connection.client, &call).await, waits.next()) {
                (Ok(answer), Some(wait)) if answer.is_transient() => sleep(wait).await,
                (Err(error), Some(wait)) if error.is_transient() => sleep(wait).await,
                (answer, _) => break answer?,
            }
        };
        let found = ClusterId::of(&answer.body);
        if answer.is_success() && found.as_ref() == Some(expected) {
            return Ok(());
        }
        if answer.status == 401 {
            return Err(self.unauthorized(&answer));
        }
        Err(ClusterError::Identity {
            server: self.server.clone(),
            expected: expected.clone(),
            found: match found {
                None => format!(
                    "and with renewed credentials it does not say what it is (HTTP {})",
                    answer.status
                ),
                Some(found) => format!("found {found} after the credentials were renewed"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex, PoisonError},
        time::Duration,
    };

    use http::{Request, Response};
    use serde_json::json;

    use super::*;
    use crate::testing::{self, Body};

    /// A kubeconfig may have been changed, or a name may lead elsewhere, by the time that credentials are renewed.
    #[tokio::test]
    async fn after_a_renewal_it_is_still_the_same_cluster() {
        let id = Arc::new(Mutex::new(""));
        let is = |new| *id.lock().unwrap_or_else(PoisonError::into_inner) = new;
        let own = id.clone();
        let service = tower::service_fn(move |_: Request<Body>| {
            let id = *own.lock().unwrap_or_else(PoisonError::into_inner);
            let version = json!({"spec": {"clusterID": id}}).to_string();
            async move { Ok::<_, Infallible>(Response::new(Body::from(version.into_bytes()))) }
        });
        let connection = testing::connection(service, "https://stand.in:6443");
        let session = testing::session(&connection, Duration::from_secs(5));
        assert_eq!(session.check_same(&connection).await, Ok(()));
        session.identified(ClusterId::new("one").as_ref());
        is("one");
        assert_eq!(session.check_same(&connection).await, Ok(()));
        is("two\u{1b}");
        let other = session.check_same(&connection).await;
        let message = other.map_err(|error| error.to_string());
        assert!(
            message
                .as_ref()
                .is_err_and(|message| message.contains("expected clusterID one, found two\\u{1b}")),
            "{message:?}"
        );
        let moved = Connection::of(connection.client, "https://elsewhere.example:6443");
        assert!(matches!(
            session.check_same(&moved).await,
            Err(ClusterError::Moved { .. })
        ));
    }
}
