/*!
From a connection to an answer: accept, TLS, log, faults, then what the cluster says.

Plain hyper on HTTP/1.1, as for the embedded registry: faults must reach the wire.
*/

use std::{
    convert::Infallible,
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http_body_util::{BodyExt, Limited, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    TOKEN, api,
    faults::{Action, Faults},
    log::{Log, Logged, Ticket},
    message::{Asked, Reply, Route},
    store::{Cluster, State},
};
use crate::registry::pairs;

/// The largest body: an object of `etcd` at its largest.
const LARGEST: usize = 3 << 20;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub clusters: Vec<Cluster>,
    pub log: Log,
    faults: RwLock<Arc<Faults>>,
}

type Body = BoxBody<Bytes, Infallible>;

impl Shared {
    pub fn new(clusters: Vec<Cluster>, faults: Faults) -> Self {
        Self {
            clusters,
            log: Log::new(),
            faults: RwLock::new(Arc::new(faults)),
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    fn faults(&self) -> Arc<Faults> {
        self.faults
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Accepts connections until the runtime ends.
pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), shared.clone());
        tokio::spawn(async move {
            let _open = shared.log.connect();
            // Where it fails, tests are slower.
            stream.set_nodelay(true).ok();
            match tls {
                None => connection(stream, &shared).await,
                Some(tls) => {
                    // A handshake fails when a client distrusts the certificate: that is for the client to tell.
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, &shared).await;
                    }
                }
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let service = service_fn(|request| serve(shared, request));
    // An error here is a connection that a client or a fault broke.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

/// Finds the cluster, and lets strike what strikes. An error cuts the connection.
async fn serve(shared: &Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let Some((cluster, path)) = below(&shared.clusters, parts.uri.path()) else {
        let nobody = Reply::refusal(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no cluster lies here",
            json!({}),
        );
        return Ok(response(&nobody, None));
    };
    let asked = Asked {
        path,
        query: pairs(parts.uri.query().unwrap_or_default()),
        content_type: parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        method: parts.method,
        body: match Limited::new(body, LARGEST).collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) => return Err(io::Error::other(error)),
        },
    };
    let logged = Logged {
        cluster: cluster.number,
        method: asked.method.to_string(),
        path: asked.path.clone(),
        dry_run: asked.is_dry_run(),
        status: None,
    };
    let mut ticket = shared.log.begin(logged.clone());
    let known = parts
        .headers
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == format!("Bearer {TOKEN}").as_bytes());
    let (reply, drip) = struck(cluster, &shared.faults(), &asked, &logged, known).await?;
    Ok(finish(&mut ticket, &reply, drip))
}

/// The answer, and the pause between its pieces if it is to come in pieces.
async fn struck(
    cluster: &Cluster,
    faults: &Faults,
    asked: &Asked,
    logged: &Logged,
    known: bool,
) -> io::Result<(Reply, Option<Duration>)> {
    if !faults.latency.is_zero() {
        tokio::time::sleep(faults.latency).await;
    }
    let action = {
        let number = cluster.next_request();
        let state = &mut *cluster.state();
        let resource = resource(&asked.path, state);
        faults.strike(number, logged, &resource, &mut state.struck)
    };
    let cut = || io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault");
    let answer = || {
        if known {
            api::answer(cluster, faults, asked)
        } else {
            refused(401)
        }
    };
    match action {
        None => Ok((answer(), None)),
        Some(Action::Status(code)) => Ok((refused(*code), None)),
        Some(Action::RetryAfter(code, seconds)) => {
            let reply = Reply {
                retry_after: Some(*seconds),
                ..refused(*code)
            };
            Ok((reply, None))
        }
        Some(Action::CutBefore) => Err(cut()),
        Some(Action::CutAfter) => {
            answer();
            Err(cut())
        }
        Some(Action::Hang) => future::pending().await,
        Some(Action::Slow(pause)) => {
            tokio::time::sleep(*pause).await;
            Ok((answer(), None))
        }
        Some(Action::Drip(pause)) => Ok((answer(), Some(*pause))),
        Some(Action::Forbid) => Ok((refused(403), None)),
    }
}

/// A bare refusal, in the words of an API server.
fn refused(code: u16) -> Reply {
    let (reason, message) = match code {
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: User \"stand-in\" cannot do that"),
        429 => (
            "TooManyRequests",
            "Too many requests, please try again later.",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        _ => (
            "InternalError",
            "Internal error occurred: a fault of the stand-in",
        ),
    };
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::refusal(status, reason, message, json!({}))
}

/// What faults call the thing that a path names.
fn resource(path: &str, state: &State) -> String {
    let named = Route::parse(path, &state.kinds).map(|route| route.kind.plural);
    named.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned())
}

/// `/c/7/api/v1` is `/api/v1` of the seventh.
fn below<'a>(clusters: &'a [Cluster], path: &str) -> Option<(&'a Cluster, String)> {
    let rest = path.strip_prefix("/c/")?;
    let (number, path) = rest.split_once('/').unwrap_or((rest, ""));
    let cluster = clusters.get(number.parse::<usize>().ok()?)?;
    Some((cluster, format!("/{path}")))
}

fn finish(ticket: &mut Ticket<'_>, reply: &Reply, drip: Option<Duration>) -> Response<Body> {
    ticket.status = Some(reply.status.as_u16());
    response(reply, drip)
}

fn response(reply: &Reply, drip: Option<Duration>) -> Response<Body> {
    let (kind, bytes) = match &reply.body {
        Value::String(text) => ("text/plain", Bytes::from(text.clone())),
        body => ("application/json", Bytes::from(body.to_string())),
    };
    let length = bytes.len();
    let piece = if drip.is_some() {
        length.div_ceil(8).max(1)
    } else {
        length.max(1)
    };
    let pieces: Vec<Bytes> = (0..length)
        .step_by(piece)
        .map(|start| bytes.slice(start..(start + piece).min(length)))
        .collect();
    let body = stream::iter(pieces).then(move |piece| async move {
        if let Some(pause) = drip {
            tokio::time::sleep(pause).await;
        }
        Ok::<_, Infallible>(Frame::data(piece))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(body)));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, length.into());
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}
