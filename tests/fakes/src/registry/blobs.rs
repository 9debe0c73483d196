/*!
Blobs: reading them whole or in ranges, and taking them in (distribution-spec, "Pulling blobs", "Pushing Blobs").
*/

use std::{io, sync::Arc};

use futures_util::StreamExt;
use hyper::{
    Method, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE},
};
use schema::{Digest, Repository};

use crate::message::{Content, Request, Response};

use super::{
    settings::Settings,
    store::{Store, Writing},
};

/// GET and HEAD of a blob's bytes, whole or one range.
pub(crate) fn read(request: &Request, digest: &Digest, content: &Content) -> io::Result<Response> {
    let size = content.size();
    let answer = match request.header(RANGE).and_then(|text| range(text, size)) {
        None => Response::stream(StatusCode::OK, content.slice(0, size)?, size),
        Some(None) => Response::empty(StatusCode::RANGE_NOT_SATISFIABLE)
            .with(CONTENT_RANGE, format!("bytes */{size}")),
        Some(Some((start, end))) => {
            let body = content.slice(start, end - start + 1)?;
            Response::stream(StatusCode::PARTIAL_CONTENT, body, end - start + 1)
                .with(CONTENT_RANGE, format!("bytes {start}-{end}/{size}"))
        }
    };
    Ok(answer
        .with(CONTENT_TYPE, "application/octet-stream")
        .with("accept-ranges", "bytes")
        .with("etag", format!("\"{digest}\""))
        .with("docker-content-digest", digest.to_string()))
}

/// First and last byte of a `Range`. `None`: not one we serve, so it is ignored (RFC 9110, 14.2); `Some(None)`: outside.
fn range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some((length > 0 && size > 0).then(|| (size.saturating_sub(length), size - 1)));
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() {
        u64::MAX
    } else {
        last.parse().ok()?
    };
    Some((first < size && first <= last).then(|| (first, last.min(size - 1))))
}

/// `POST …/blobs/uploads/`: mount, blob in one request, or a new session.
pub(crate) async fn begin(
    store: &Arc<Store>,
    settings: &Settings,
    base: &str,
    request: &mut Request,
    to: &Repository,
) -> io::Result<Response> {
    if let Some(digest) = request
        .parameter("mount")
        .and_then(|text| text.parse().ok())
    {
        let from: Option<Repository> = request.parameter("from").and_then(|text| text.parse().ok());
        if settings.mounts && from.is_some_and(|from| store.mount(&from, to, &digest)) {
            return Ok(created(base, to, &digest));
        }
    }
    let id = store.begin(to)?;
    let digest = request.parameter("digest").map(str::to_owned);
    match digest.filter(|_| settings.monolithic_post) {
        Some(digest) => write(store, settings, base, request, to, &id, Some(&digest)).await,
        None => Ok(accepted(StatusCode::ACCEPTED, base, to, &id, 0)),
    }
}

/// Everything on `…/blobs/uploads/<id>`.
pub(crate) async fn session(
    store: &Arc<Store>,
    settings: &Settings,
    base: &str,
    request: &mut Request,
    to: &Repository,
    id: &str,
) -> io::Result<Response> {
    if request.parameter("_state").is_none() {
        let message = "the upload location's own query was not sent back";
        return Ok(Response::error(
            StatusCode::BAD_REQUEST,
            "BLOB_UPLOAD_INVALID",
            message,
        ));
    }
    match request.method {
        Method::PATCH => write(store, settings, base, request, to, id, None).await,
        Method::PUT => match request.parameter("digest").map(str::to_owned) {
            Some(digest) => write(store, settings, base, request, to, id, Some(&digest)).await,
            None => Ok(Response::error(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                "a PUT without ?digest=",
            )),
        },
        Method::GET => Ok(match store.take(to, id) {
            None => Response::unknown("BLOB_UPLOAD_UNKNOWN"),
            Some(upload) => {
                let size = upload.size();
                store.put_back(id, upload);
                accepted(StatusCode::NO_CONTENT, base, to, id, size)
            }
        }),
        Method::DELETE => Ok(match store.take(to, id) {
            None => Response::unknown("BLOB_UPLOAD_UNKNOWN"),
            Some(_) => Response::empty(StatusCode::NO_CONTENT),
        }),
        _ => Ok(Response::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "no such method on an upload",
        )),
    }
}

/// Appends the body to a session and, given a digest, closes it.
async fn write(
    store: &Arc<Store>,
    settings: &Settings,
    base: &str,
    request: &mut Request,
    to: &Repository,
    id: &str,
    digest: Option<&str>,
) -> io::Result<Response> {
    let promised = match digest.map(str::parse::<Digest>).transpose() {
        Ok(promised) => promised,
        Err(error) => {
            return Ok(Response::error(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                &error.to_string(),
            ));
        }
    };
    let Some(upload) = store.take(to, id) else {
        return Ok(Response::unknown("BLOB_UPLOAD_UNKNOWN"));
    };
    let mut writing = Writing::new(store.clone(), id, upload, settings.keep_cut_uploads);
    let claimed = request.header(CONTENT_RANGE).map(str::to_owned);
    let start = claimed.as_deref().map(|text| {
        text.split_once('-')
            .and_then(|(start, _)| start.parse::<u64>().ok())
    });
    if start.is_some_and(|start| start != Some(writing.size())) {
        let size = writing.size();
        writing.pause();
        return Ok(accepted(
            StatusCode::RANGE_NOT_SATISFIABLE,
            base,
            to,
            id,
            size,
        ));
    }
    while let Some(chunk) = request.body.next().await {
        writing.append(&chunk?)?;
    }
    let size = writing.size();
    let Some(promised) = promised else {
        writing.pause();
        return Ok(accepted(StatusCode::ACCEPTED, base, to, id, size));
    };
    Ok(if writing.finish(promised)? {
        created(base, to, &promised)
    } else {
        let message = format!("{size} bytes arrived and they are not {promised}");
        Response::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", &message)
    })
}

fn created(base: &str, repository: &Repository, digest: &Digest) -> Response {
    Response::empty(StatusCode::CREATED)
        .with(LOCATION, format!("{base}/v2/{repository}/blobs/{digest}"))
        .with("docker-content-digest", digest.to_string())
}

/// The state of a session; the `Range` of an empty one is `0-0`, as distribution has it.
fn accepted(
    status: StatusCode,
    base: &str,
    repository: &Repository,
    id: &str,
    size: u64,
) -> Response {
    Response::empty(status)
        .with(
            LOCATION,
            format!("{base}/v2/{repository}/blobs/uploads/{id}?_state=s{size}"),
        )
        .with(RANGE, format!("0-{}", size.saturating_sub(1)))
        .with("docker-upload-uuid", id)
}
