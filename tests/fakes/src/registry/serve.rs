/*!
From a request to an answer: access, limits, endpoint.

A registry listens twice if it redirects blobs: itself, and an object store that knows no names and no logins.
*/

use std::{io, sync::Arc};

use hyper::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, LOCATION},
};
use schema::Digest;

use crate::{
    faults::Script,
    log::Log,
    message::{Request, Response},
    pipeline::Backend,
};

use super::{
    auth::Guard,
    blobs, manifests,
    route::{NoRoute, Route},
    settings::Settings,
    store::Store,
};

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

/// The registry itself.
pub(crate) struct Front<'a>(pub &'a Shared);

/// The object store that blob GETs are redirected to.
pub(crate) struct Objects<'a>(pub &'a Shared);

impl Shared {
    fn refusal(&self, status: StatusCode) -> Response {
        Response::error(status, "UNKNOWN", "told to fail by the fault script")
    }

    fn challenge(&self, request: &Request) -> Response {
        let route = Route::parse(&request.path).unwrap_or(Route::Base);
        self.guard.challenge(&route, &request.method, &self.url)
    }
}

impl Backend for Front<'_> {
    async fn respond(&self, request: &mut Request) -> io::Result<Response> {
        front(self.0, request).await
    }

    fn refusal(&self, status: StatusCode) -> Response {
        self.0.refusal(status)
    }

    fn challenge(&self, request: &Request) -> Response {
        self.0.challenge(request)
    }

    fn resource(&self, path: &str) -> String {
        path.to_owned()
    }
}

impl Backend for Objects<'_> {
    async fn respond(&self, request: &mut Request) -> io::Result<Response> {
        object(self.0, request)
    }

    fn refusal(&self, status: StatusCode) -> Response {
        self.0.refusal(status)
    }

    fn challenge(&self, request: &Request) -> Response {
        self.0.challenge(request)
    }

    fn resource(&self, path: &str) -> String {
        path.to_owned()
    }
}

async fn front(shared: &Shared, request: &mut Request) -> io::Result<Response> {
    let Shared {
        settings,
        store,
        url,
        ..
    } = shared;
    let route = match Route::parse(&request.path) {
        Ok(route) => route,
        Err(NoRoute(code)) => {
            return Ok(Response::error(
                StatusCode::NOT_FOUND,
                code,
                "no such endpoint",
            ));
        }
    };
    if route == Route::Token {
        return shared.guard.token(request).await;
    }
    if let Some(refusal) = shared.guard.refuse(request, &route, url) {
        return Ok(refusal);
    }
    let components = route
        .repository()
        .map_or(0, |repository| repository.components().count());
    if let Some(most) = settings.max_components.filter(|most| components > *most) {
        let message = format!("repository names have at most {most} path components here");
        return Ok(Response::error(
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
            &message,
        ));
    }
    let length = request
        .header(CONTENT_LENGTH)
        .and_then(|text| text.parse::<u64>().ok());
    if settings
        .max_body
        .is_some_and(|most| length.unwrap_or(0) > most)
    {
        return Ok(Response::error(
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
        Route::Base => Ok(Response::bytes(StatusCode::OK, "{}")
            .with("docker-distribution-api-version", "registry/2.0")),
        Route::Blob(repository, digest) => match store.blob(&repository, &digest) {
            _ if !matches!(request.method, Method::GET | Method::HEAD) => Ok(Response::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "UNSUPPORTED",
                "blobs are not deleted here",
            )),
            None => Ok(Response::unknown("BLOB_UNKNOWN")),
            Some(content) => match shared
                .redirect_url
                .as_ref()
                .filter(|_| request.method == Method::GET)
            {
                Some(to) => Ok(Response::empty(StatusCode::TEMPORARY_REDIRECT)
                    .with(LOCATION, format!("{to}/objects/{digest}?{SIGNATURE}"))),
                None => blobs::read(request, &digest, &content),
            },
        },
        Route::Manifest(repository, selector) => {
            manifests::serve(store, settings, base, request, &repository, &selector).await
        }
        Route::Referrers(repository, subject) => Ok(manifests::referrers(
            store,
            settings,
            request,
            &repository,
            &subject,
        )),
        Route::Tags(repository) => Ok(manifests::tags(store, settings, request, &repository)),
        Route::Token => Ok(Response::empty(StatusCode::NOT_FOUND)),
        Route::Upload(repository, id) => {
            blobs::session(store, settings, base, request, &repository, &id).await
        }
        Route::Uploads(repository) if request.method == Method::POST => {
            blobs::begin(store, settings, base, request, &repository).await
        }
        Route::Uploads(_) => Ok(Response::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "uploads begin with POST",
        )),
    }
}

/// The second listener, an object store: no names, no login, only signed addresses.
fn object(shared: &Shared, request: &Request) -> io::Result<Response> {
    let digest: Option<Digest> = request
        .path
        .strip_prefix("/objects/")
        .and_then(|text| text.parse().ok());
    let signed = SIGNATURE
        .split_once('=')
        .is_some_and(|(key, value)| request.parameter(key) == Some(value));
    if !signed {
        return Ok(Response::error(
            StatusCode::FORBIDDEN,
            "DENIED",
            "the address is not signed",
        ));
    }
    match digest.and_then(|digest| Some((digest, shared.store.any_blob(&digest)?))) {
        Some((digest, content)) => blobs::read(request, &digest, &content),
        None => Ok(Response::empty(StatusCode::NOT_FOUND)),
    }
}
