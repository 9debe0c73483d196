/*!
The cluster as a service of HTTP requests: login, faults, a test's own script, then what the cluster says.
*/

use std::{
    future, io,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{StatusCode, header::CONTENT_TYPE};
use serde_json::json;

use crate::{
    message::{Body, Request, Response},
    pipeline::{self, Backend},
};

use super::{
    FakeCluster, ScriptFn, Scripted, api,
    response::ApiResponse,
    route::{ApiRequest, Route},
};

/// The largest body: an object of `etcd` at its largest.
const LARGEST: usize = 3 << 20;

impl FakeCluster {
    /// Answers a request, as the service does. An error is a broken connection.
    pub async fn call<B>(&self, request: http::Request<B>) -> io::Result<http::Response<Body>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (faults, log) = (&self.0.faults, &self.0.log);
        pipeline::handle(self, faults, log, self.0.number, request).await
    }

    fn current_script(&self) -> Option<Arc<ScriptFn>> {
        let script = self.0.script.lock();
        script.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Backend for FakeCluster {
    async fn respond(&self, request: &mut Request) -> io::Result<Response> {
        if let Some(token) = &self.0.token
            && request.header("authorization") != Some(&format!("Bearer {token}"))
        {
            return Ok(self.refusal(StatusCode::UNAUTHORIZED));
        }
        let Some(body) = request.collect(LARGEST).await? else {
            return Ok(self.refusal(StatusCode::PAYLOAD_TOO_LARGE));
        };
        if self.0.keeps_bodies {
            request.keep(&body);
        }
        let request = ApiRequest {
            content_type: request.header(CONTENT_TYPE).unwrap_or_default().to_owned(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            body,
        };
        let scripted = self.current_script();
        match scripted.and_then(|script| script(self, &request)) {
            None => Ok(api::answer(self, &request).into()),
            Some(Scripted::Break) => Err(io::ErrorKind::ConnectionReset.into()),
            Some(Scripted::Hang) => future::pending().await,
            Some(Scripted::Reply(status, body)) => {
                let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
                Ok(Response::json(status, &body))
            }
        }
    }

    fn refusal(&self, status: StatusCode) -> Response {
        let (reason, message) = match status.as_u16() {
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden: User \"fake\" cannot do that"),
            429 => (
                "TooManyRequests",
                "Too many requests, please try again later.",
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            _ => ("InternalError", "Internal error occurred: a fault"),
        };
        ApiResponse::refusal(status, reason, message, json!({})).into()
    }

    fn challenge(&self, _: &Request) -> Response {
        self.refusal(StatusCode::UNAUTHORIZED)
    }

    fn resource(&self, path: &str) -> String {
        let named = Route::parse(path, &self.state().resources);
        named.map_or_else(
            || path.rsplit('/').next().unwrap_or_default().to_owned(),
            |route| route.resource.plural,
        )
    }
}

impl<B> tower::Service<http::Request<B>> for FakeCluster
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<http::Response<Body>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let cluster = self.clone();
        Box::pin(async move { FakeCluster::call(&cluster, request).await })
    }
}
