/*!
From a request to an answer, the same way for every fake: log, faults, then what the fake itself says.

Faults act on the request before the fake sees it, in place of the fake, or on the answer after it: so the fakes stay
honest and simple, and a fault can strike anything.
*/

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{StatusCode, body::Frame};

use crate::{
    faults::Script,
    log::{Entry, Log, LoggedRequest},
    message::{Body, Chunks, Request, Response},
};

/// What a fake is behind its faults.
pub(crate) trait Backend: Sync {
    /// Answers a request. An error breaks the connection.
    fn respond(&self, request: &mut Request) -> impl Future<Output = io::Result<Response>> + Send;

    /// A refusal in the words of this server.
    fn refusal(&self, status: StatusCode) -> Response;

    /// A refusal that says how to log in.
    fn challenge(&self, request: &Request) -> Response;

    /// What faults call the thing that a path names.
    fn resource(&self, path: &str) -> String;
}

/// Takes a request through all of it. An error breaks the connection, after what of the answer was sent already.
pub(crate) async fn handle<B>(
    backend: &impl Backend,
    script: &Script,
    log: &Arc<Log>,
    cluster: usize,
    request: http::Request<B>,
) -> io::Result<http::Response<Body>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let logged = LoggedRequest::new(&parts, cluster);
    let ticket = log.begin(logged.clone());
    let entry = ticket.entry();
    let mut request = Request::new(parts, received(entry.clone(), body), entry.clone());
    script.delay().await;
    let actions = script.strike(&logged, &backend.resource(&request.path));
    let mut answer = None;
    for action in &actions {
        if answer.is_none() {
            answer = action.before(&mut request, backend).await?;
        }
    }
    let answer = match answer {
        Some(answer) => answer,
        None => backend.respond(&mut request).await?,
    };
    let answer = actions
        .iter()
        .try_fold(answer, |answer, action| action.after(answer))?;
    ticket.answer(answer.status.as_u16());
    let frames = sent(entry, answer.body).map(|chunk| chunk.map(Frame::data));
    let mut response = http::Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

fn received<B>(entry: Entry, body: B) -> Chunks
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let count = move |chunk: &io::Result<Bytes>| {
        let length = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        entry.update(|logged| logged.received += length);
    };
    let chunks = body.into_data_stream();
    let chunks = chunks.map(|chunk| chunk.map_err(io::Error::other));
    chunks.inspect(count).boxed()
}

fn sent(entry: Entry, body: Chunks) -> Chunks {
    let counter = entry.clone();
    let count = move |chunk: &io::Result<Bytes>| {
        let length = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        counter.update(|logged| logged.sent += length);
    };
    let end = stream::once(async move { entry.update(|logged| logged.complete = true) });
    body.inspect(count)
        .chain(end.filter_map(|()| async { None }))
        .boxed()
}
