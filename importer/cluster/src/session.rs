/*!
Requests to one cluster: bounded in time and size, repeated where that can help, with credentials renewed once.

Everything sent here may be sent twice: reads, reviews and dry runs change nothing, and an apply patch says what is to be, not
what is to be done.
*/

mod identity;
mod version;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::{Client, client::Body};
use schema::PRODUCT;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

pub use identity::{CLUSTER_VERSION, Identity};

use crate::{
    Answer, Call, Cluster, ClusterError, ClusterId, Connection, Unanswered,
    classify::{classify, clean},
    connect,
    request::{retry_after, warnings},
};

/// Repetitions of one request.
const RETRIES: usize = 4;

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 200 });

/// The longest wait that a `Retry-After` can impose.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The most that an answer may hold: a list of kinds or one object, which a cluster takes up to 1.5 MiB.
const ANSWER_LIMIT: usize = 8 << 20;

/// One cluster, while it is worked on.
pub struct Session {
    cluster: Cluster,
    request_timeout: Duration,
    server: String,
    /// Counts the clients, so that of many requests that are refused together only one renews the credentials.
    client: Mutex<(u32, Client)>,
    renewing: tokio::sync::Mutex<()>,
    /// `spec.clusterID` as it was when the cluster was looked at, where it has one: what it has to be after a renewal.
    cluster_id: OnceLock<ClusterId>,
    /// Set once nobody answers any more: what is left to ask need not wait for its own timeout.
    lost: OnceLock<ClusterError>,
    /// Whether an API server that is away is expected back.
    patient: bool,
    /// Until when a server that is busy, and says when to come back, is asked again.
    deadline: Option<Instant>,
}

impl Session {
    /// Over a connection that is there. Once nobody answers, what is left to ask fails at once.
    pub fn new(cluster: &Cluster, connection: &Connection, request_timeout: Duration) -> Self {
        Self {
            cluster: cluster.clone(),
            request_timeout,
            server: connection.server.clone(),
            client: Mutex::new((0, connection.client.clone())),
            renewing: tokio::sync::Mutex::default(),
            cluster_id: OnceLock::new(),
            lost: OnceLock::new(),
            patient: false,
            deadline: None,
        }
    }

    /// To a cluster that was looked at: what answers must have the id that it had then, where it had one.
    pub fn again(
        cluster: &Cluster,
        connection: &Connection,
        request_timeout: Duration,
        cluster_id: Option<&ClusterId>,
    ) -> Self {
        let session = Self::new(cluster, connection, request_timeout);
        session.identified(cluster_id);
        session
    }

    /// Obeys a server that is busy and says when to come back (429 with `Retry-After`) until then, and not only a few times.
    pub fn until(self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// The same for whoever watches a cluster for hours: API servers restart, and each call is tried anew.
    pub fn patient(self) -> Self {
        Self {
            patient: true,
            ..self
        }
    }

    /// The address of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Where namespaced objects without a namespace go.
    pub fn default_namespace(&self) -> String {
        self.client().1.default_namespace().to_owned()
    }

    /// Sends, and gives the last answer there is; an answer may be a refusal.
    pub async fn send(&self, call: &Call) -> Result<Answer, ClusterError> {
        let mut waits = waits();
        let mut renewed = false;
        let mut repeated = false;
        loop {
            if let Some(lost) = self.lost.get() {
                return Err(lost.clone());
            }
            let (number, client) = self.client();
            let failure = match self.attempt(&client, call).await {
                Ok(answer) if answer.status == 401 && renewed => {
                    return Err(self.unauthorized(&answer));
                }
                Ok(answer) if answer.status == 401 => {
                    match self.renew(number).await {
                        Ok(()) => renewed = true,
                        Err(
                            error @ (ClusterError::Identity { .. } | ClusterError::Moved { .. }),
                        ) => return Err(self.give_up(error)),
                        Err(_) => return Err(self.unauthorized(&answer)),
                    }
                    continue;
                }
                Ok(answer) if answer.is_transient() => Ok(answer),
                Ok(answer) => return Ok(Answer { repeated, ..answer }),
                Err(error) if error.is_transient() => Err(error),
                Err(error) => return Err(self.give_up(error)),
            };
            let asked = failure.as_ref().ok().and_then(|answer| answer.retry_after);
            let asked = asked.map(|wait| wait.min(LONGEST_WAIT));
            let wait = match (self.while_busy(&failure, asked), waits.next()) {
                (Some(wait), _) => wait,
                (None, Some(wait)) => wait.max(asked.unwrap_or_default()),
                (None, None) => return failure.map_err(|error| self.give_up(error)),
            };
            tracing::debug!(
                server = self.server,
                path = call.path,
                ?wait,
                "trying again"
            );
            sleep(wait).await;
            repeated = true;
        }
    }

    /// How long to wait for a server that is busy, says so, and may be waited for.
    fn while_busy(
        &self,
        failure: &Result<Answer, ClusterError>,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let wait = asked.filter(|wait| !wait.is_zero())?;
        let busy = failure.as_ref().is_ok_and(|answer| answer.status == 429);
        (busy && Instant::now() + wait < self.deadline?).then_some(wait)
    }

    /// The object that is answered; a refusal is an error.
    pub async fn object(&self, call: &Call) -> Result<Value, Unanswered> {
        let answer = self.send(call).await?;
        match answer.is_success() {
            true => Ok(answer.body),
            false => Err(Unanswered::Refused(answer)),
        }
    }

    /// Whether nobody answers any more, so that nothing is sent either.
    pub fn lost(&self) -> Option<&ClusterError> {
        self.lost.get()
    }

    async fn attempt(&self, client: &Client, call: &Call) -> Result<Answer, ClusterError> {
        let exchange = self.exchange(client, call);
        in_time(&self.server, self.request_timeout, exchange).await
    }

    async fn exchange(&self, client: &Client, call: &Call) -> Result<Answer, ClusterError> {
        let protocol = |detail: String| ClusterError::Protocol {
            server: self.server.clone(),
            detail,
        };
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                format!("{PRODUCT}/{}", env!("CARGO_PKG_VERSION")),
            );
        if !call.content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, call.content_type);
        }
        let request = request
            .body(Body::from(call.body.clone()))
            .map_err(|error| {
                protocol(format!(
                    "{} cannot be asked for ({error})",
                    clean(&call.path)
                ))
            })?;
        let response = client.send(request).await;
        let response = response.map_err(|error| classify(&error, &self.server))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let warnings = warnings(response.headers());
        let body = Limited::new(response.into_body(), ANSWER_LIMIT)
            .collect()
            .await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return protocol(format!(
                    "an answer of more than {ANSWER_LIMIT} bytes, which no object has"
                ));
            }
            ClusterError::Cut {
                server: self.server.clone(),
                detail: clean(&error.to_string()),
            }
        })?;
        let parsed = serde_json::from_slice(&body.to_bytes());
        let body = match parsed {
            // Servers and proxies put plain text in refusals.
            Err(_) if (200..=400).contains(&status) => {
                return Err(protocol(
                    "expected JSON, found something else, such as a web page; check the address (https, port) and the proxy settings"
                        .to_owned(),
                ));
            }
            parsed => parsed.unwrap_or_default(),
        };
        Ok(Answer {
            status,
            body,
            repeated: false,
            warnings,
            retry_after,
        })
    }

    /// Reads the kubeconfig again and logs in again, unless that was done since this client was made. Whatever the kubeconfig
    /// says by now, it has to be the same cluster.
    async fn renew(&self, number: u32) -> Result<(), ClusterError> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.client().0 != number {
            return Ok(());
        }
        let connection = connect(&self.cluster, self.request_timeout).await?;
        self.check_same(&connection).await?;
        tracing::debug!(
            server = self.server,
            "the credentials were refused; renewed"
        );
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) =
            (number + 1, connection.client);
        Ok(())
    }

    fn client(&self) -> (u32, Client) {
        self.client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn give_up(&self, error: ClusterError) -> ClusterError {
        if error.is_passing() || self.patient {
            return error;
        }
        self.lost.get_or_init(|| error).clone()
    }

    fn unauthorized(&self, answer: &Answer) -> ClusterError {
        let message = answer.message();
        self.give_up(ClusterError::Unauthorized {
            server: self.server.clone(),
            context: self.cluster.context.clone(),
            detail: if message.is_empty() {
                String::new()
            } else {
                format!(": {}", clean(message))
            },
        })
    }
}

/// What comes of work on a cluster, or that its server gave no answer in time.
pub async fn in_time<T>(
    server: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(ClusterError::Silent {
            server: server.to_owned(),
            seconds: limit.as_secs(),
        })
    })
}

/// The waits between attempts: four, from 200 ms, each twice as long, and up to double by chance.
fn waits() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(RETRIES)
        .with_jitter()
        .build()
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("server", &self.server).finish_non_exhaustive()
    }
}
