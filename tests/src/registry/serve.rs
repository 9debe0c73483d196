/*!
From a connection to an answer: accept, TLS, log, faults, access, endpoint.

Plain hyper on HTTP/1.1, because a fault must reach the bytes on the wire: a frameworks's helpful layers would mend what
is to be broken.
*/

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_LENGTH, LOCATION},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use schema::Digest;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    auth::Guard,
    blobs,
    log::{Log, LoggedRequest},
    manifests,
    message::{Answer, Asked, Chunks},
    route::{NoRoute, Route},
    settings::Settings,
    store::Store,
};
use crate::faults::Script;

/// Carried by the redirect's query; without it the second listener refuses, as object stores do.
const SIGNATURE: &str = "X-Harness-Signature=once";

/// What all connections of one registry share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub settings: Settings,
    pub store: Arc<Store>,
    pub guard: Guard,
    pub faults: Script,
    pub log: Arc<Log>,
    /// Requests at the second listener.
    pub redirect_log: Arc<Log>,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// `http://localhost:OTHER_PORT`, if blob GETs are redirected.
    pub redirect_url: Option<String>,
}

/// Which of the two listeners a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Front,
    Objects,
}

/// Accepts connections until the runtime ends.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    door: Door,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), shared.clone());
        tokio::spawn(async move {
            // Small answers must not wait for the peer's delayed acknowledgement. Where it fails, tests are slower.
            stream.set_nodelay(true).ok();
            match tls {
                None => connection(stream, shared, door).await,
                Some(tls) => {
                    // A handshake fails when a client distrusts the certificate: that is for the client to tell.
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, shared, door).await;
                    }
                }
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>, door: Door) {
    let service = service_fn(move |request| answer(shared.clone(), door, request));
    // An error here is a connection that a client or a fault broke; the log has what matters of it.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn answer(
    shared: Arc<Shared>,
    door: Door,
    request: Request<Incoming>,
) -> io::Result<Response<impl hyper::body::Body<Data = Bytes, Error = io::Error>>> {
    let log = match door {
        Door::Front => shared.log.clone(),
        Door::Objects => shared.redirect_log.clone(),
    };
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let place = log.add(LoggedRequest::new(&parts));
    let mut asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: pairs(&query),
        headers: parts.headers,
        body: counted(log.clone(), place, incoming(body)),
    };
    let answer = scripted(&shared, door, &mut asked).await?;
    Ok(response(log, place, answer))
}

/// The answer on its way, with what is sent of it noted in the log.
pub(crate) fn response(
    log: Arc<Log>,
    place: usize,
    answer: Answer,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = io::Error>> {
    log.update(place, |logged| logged.status = Some(answer.status.as_u16()));
    let frames = sent(log, place, answer.body).map(|chunk| chunk.map(Frame::data));
    let mut response = Response::new(StreamBody::new(frames));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The registry's answer between what the fault script does before and after.
async fn scripted(shared: &Shared, door: Door, asked: &mut Asked) -> io::Result<Answer> {
    let actions = shared.faults.strike(asked.method.as_str(), &asked.path);
    let (method, path) = (asked.method.clone(), asked.path.clone());
    let mut replaced = None;
    for action in &actions {
        let challenge = || {
            shared.guard.challenge(
                &Route::parse(&path).unwrap_or(Route::Base),
                &method,
                &shared.url,
            )
        };
        replaced = replaced.or(action.before(asked, challenge).await);
    }
    let answer = match (replaced, door) {
        (Some(answer), _) => answer,
        (None, Door::Front) => front(shared, asked).await?,
        (None, Door::Objects) => object(shared, asked)?,
    };
    Ok(actions
        .iter()
        .fold(answer, |answer, action| action.after(answer)))
}

async fn front(shared: &Shared, asked: &mut Asked) -> io::Result<Answer> {
    let Shared {
        settings,
        store,
        url,
        ..
    } = shared;
    let route = match Route::parse(&asked.path) {
        Ok(route) => route,
        Err(NoRoute(code)) => {
            return Ok(Answer::error(
                StatusCode::NOT_FOUND,
                code,
                "no such endpoint",
            ));
        }
    };
    if route == Route::Token {
        return shared.guard.token(asked).await;
    }
    if let Some(refusal) = shared.guard.refuse(asked, &route, url) {
        return Ok(refusal);
    }
    let components = route
        .repository()
        .map_or(0, |repository| repository.components().count());
    if let Some(most) = settings.max_components.filter(|most| components > *most) {
        let message = format!("repository names have at most {most} path components here");
        return Ok(Answer::error(
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
            &message,
        ));
    }
    let length = asked
        .header(CONTENT_LENGTH)
        .and_then(|text| text.parse::<u64>().ok());
    if settings
        .max_body
        .is_some_and(|most| length.unwrap_or(0) > most)
    {
        return Ok(Answer::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "SIZE_INVALID",
            "the body is too large for this proxy",
        ));
    }
    // With absolute locations, clients that glue host and location together fail; without, those that do not.
    let base = if settings.absolute_locations {
        url.as_str()
    } else {
        ""
    };
    match route {
        Route::Base => Ok(Answer::bytes(StatusCode::OK, "{}")
            .with("docker-distribution-api-version", "registry/2.0")),
        Route::Blob(repository, digest) => match store.blob(&repository, &digest) {
            _ if !matches!(asked.method, Method::GET | Method::HEAD) => Ok(Answer::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "UNSUPPORTED",
                "blobs are not deleted here",
            )),
            None => Ok(Answer::unknown("BLOB_UNKNOWN")),
            Some(content) => match shared
                .redirect_url
                .as_ref()
                .filter(|_| asked.method == Method::GET)
            {
                Some(to) => Ok(Answer::empty(StatusCode::TEMPORARY_REDIRECT)
                    .with(LOCATION, format!("{to}/objects/{digest}?{SIGNATURE}"))),
                None => blobs::read(asked, &digest, &content),
            },
        },
        Route::Manifest(repository, selector) => {
            manifests::serve(store, settings, base, asked, &repository, &selector).await
        }
        Route::Referrers(repository, subject) => Ok(manifests::referrers(
            store,
            settings,
            asked,
            &repository,
            &subject,
        )),
        Route::Tags(repository) => Ok(manifests::tags(store, settings, asked, &repository)),
        Route::Token => Ok(Answer::empty(StatusCode::NOT_FOUND)),
        Route::Upload(repository, id) => {
            blobs::session(store, settings, base, asked, &repository, &id).await
        }
        Route::Uploads(repository) if asked.method == Method::POST => {
            blobs::begin(store, settings, base, asked, &repository).await
        }
        Route::Uploads(_) => Ok(Answer::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "uploads begin with POST",
        )),
    }
}

/// The second listener, an object store: no names, no login, only signed addresses.
fn object(shared: &Shared, asked: &Asked) -> io::Result<Answer> {
    let digest: Option<Digest> = asked
        .path
        .strip_prefix("/objects/")
        .and_then(|text| text.parse().ok());
    let signed = SIGNATURE
        .split_once('=')
        .is_some_and(|(key, value)| asked.parameter(key) == Some(value));
    if !signed {
        return Ok(Answer::error(
            StatusCode::FORBIDDEN,
            "DENIED",
            "the address is not signed",
        ));
    }
    match digest.and_then(|digest| Some((digest, shared.store.any_blob(&digest)?))) {
        Some((digest, content)) => blobs::read(asked, &digest, &content),
        None => Ok(Answer::empty(StatusCode::NOT_FOUND)),
    }
}

/// A query or a form as pairs.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
    url.iter()
        .flat_map(|url| url.query_pairs().into_owned())
        .collect()
}

fn incoming(body: Incoming) -> Chunks {
    let frames = body.into_data_stream();
    frames.map(|chunk| chunk.map_err(io::Error::other)).boxed()
}

fn counted(log: Arc<Log>, place: usize, body: Chunks) -> Chunks {
    let count = move |chunk: &io::Result<Bytes>| {
        let length = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        log.update(place, |logged| logged.received += length);
    };
    body.inspect(count).boxed()
}

fn sent(log: Arc<Log>, place: usize, body: Chunks) -> Chunks {
    let counter = log.clone();
    let count = move |chunk: &io::Result<Bytes>| {
        let length = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        counter.update(place, |logged| logged.sent += length);
    };
    let end = stream::once(async move { log.update(place, |logged| logged.complete = true) });
    body.inspect(count)
        .chain(end.filter_map(|()| async { None }))
        .boxed()
}
