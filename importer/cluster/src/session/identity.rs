/*! After credentials were renewed: whether what answers is the cluster that was looked at. */

use serde_json::Value;
use tokio::time::sleep;

use super::{Session, waits};
use crate::{Call, ClusterError, Connection, classify::clean};

/// Where an OpenShift cluster says which one it is.
pub const CLUSTER_VERSION: &str = "/apis/config.openshift.io/v1/clusterversions/version";

impl Session {
    /// Keeps the id that the cluster was found to have.
    pub fn identified(&self, cluster_id: Option<&str>) {
        if let Some(id) = cluster_id {
            self.cluster_id.get_or_init(|| id.to_owned());
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
        let found = answer.body.pointer("/spec/clusterID");
        let found = found.and_then(Value::as_str).unwrap_or_default();
        if answer.is_success() && found == expected {
            return Ok(());
        }
        if answer.status == 401 {
            return Err(self.unauthorized(&answer));
        }
        Err(ClusterError::Identity {
            server: self.server.clone(),
            expected: expected.clone(),
            found: match found {
                "" => format!(
                    "and with renewed credentials it does not say what it is (HTTP {})",
                    answer.status
                ),
                found => format!("found {} after the credentials were renewed", clean(found)),
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
        session.identified(Some("one"));
        is("one");
        assert_eq!(session.check_same(&connection).await, Ok(()));
        is("two\u{1b}");
        let other = session.check_same(&connection).await;
        let said = other.map_err(|error| error.to_string());
        assert!(
            said.as_ref()
                .is_err_and(|said| said.contains("expected clusterID one, found two\\u{1b}")),
            "{said:?}"
        );
        let moved = Connection::of(connection.client, "https://elsewhere.example:6443");
        assert!(matches!(
            session.check_same(&moved).await,
            Err(ClusterError::Moved { .. })
        ));
    }
}
