/*!
Manifests, tags and referrers (distribution-spec, "Pulling manifests", "Pushing Manifests", "Listing Tags", "Listing Referrers").

As strict as the strictest registry in use: what a manifest refers to must be there, its digest must be the one it is
put under, and its type must be among those the client accepts.
*/

use std::io;

use hyper::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, LINK, LOCATION},
};
use schema::{
    Digest, Manifest, MediaType, Repository, Selector,
    manifest::{Blob, MANIFEST_LIMIT},
};
use serde_json::json;

use crate::message::{Request, Response};

use super::{
    settings::Settings,
    store::{Store, Stored},
};

/// GET, HEAD and PUT of a manifest.
pub(crate) async fn serve(
    store: &Store,
    settings: &Settings,
    base: &str,
    request: &mut Request,
    repository: &Repository,
    selector: &Selector,
) -> io::Result<Response> {
    match request.method {
        Method::GET | Method::HEAD => Ok(read(store, settings, request, repository, selector)),
        Method::PUT => {
            let Some(bytes) = request.collect(MANIFEST_LIMIT as usize).await? else {
                return Ok(Response::error(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "MANIFEST_INVALID",
                    "more than 4 MiB",
                ));
            };
            let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
            let Some(media_type) = MediaType::from_header(content_type) else {
                return Ok(invalid(
                    "MANIFEST_INVALID",
                    &format!("unknown Content-Type {content_type:?}"),
                ));
            };
            let stored = Stored {
                digest: Digest::of(&bytes),
                media_type,
                bytes,
            };
            Ok(write(store, settings, base, repository, selector, stored))
        }
        _ => Ok(Response::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "no such method on a manifest",
        )),
    }
}

fn read(
    store: &Store,
    settings: &Settings,
    request: &Request,
    repository: &Repository,
    selector: &Selector,
) -> Response {
    let named = list_of(selector).filter(|_| settings.digest_tags);
    let found = store
        .manifest(repository, selector)
        .or_else(|| store.manifest(repository, &named?.into()));
    let Some(stored) = found else {
        return Response::unknown("MANIFEST_UNKNOWN");
    };
    let accepted: Vec<&str> = request
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let accepted = accepted.join(",");
    // `*/*` is not enough: distribution 2.8 matches names only.
    let fits = |one: &str| MediaType::from_header(one) == Some(stored.media_type);
    if stored.media_type != MediaType::DockerManifest && !accepted.split(',').any(fits) {
        let message = format!(
            "the manifest is a {}, which Accept does not list",
            stored.media_type
        );
        return Response::error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", &message);
    }
    Response::bytes(StatusCode::OK, stored.bytes)
        .with(CONTENT_TYPE, stored.media_type.as_str())
        .with("docker-content-digest", stored.digest.to_string())
}

fn write(
    store: &Store,
    settings: &Settings,
    base: &str,
    repository: &Repository,
    selector: &Selector,
    stored: Stored,
) -> Response {
    let digest = stored.digest;
    let manifest = match Manifest::parse(&stored.bytes, stored.media_type) {
        Ok(manifest) => manifest,
        Err(error) => return invalid("MANIFEST_INVALID", &error.to_string()),
    };
    let tag = match selector {
        Selector::Digest(promised) if *promised != digest => {
            return invalid(
                "DIGEST_INVALID",
                &format!("the manifest put as {promised} is {digest}"),
            );
        }
        Selector::Digest(_) => None,
        Selector::Tag(tag) => Some(tag.clone()),
    };
    if manifest.subject.is_some() && !settings.subjects {
        return invalid("MANIFEST_INVALID", "unknown field \"subject\"");
    }
    if list_of(selector).is_some() && !settings.lists {
        return invalid("TAG_INVALID", "no such tags here");
    }
    let exists = |tag| {
        store
            .tags(repository)
            .is_some_and(|tags| tags.contains_key(tag))
    };
    if settings.immutable_tags && tag.as_ref().is_some_and(exists) {
        return invalid("TAG_INVALID", "the tag exists and tags are immutable here");
    }
    if !settings.foreign_layers && !manifest.foreign.is_empty() {
        // As docker-registry says it, with its 500.
        return Response::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "MANIFEST_BLOB_UNKNOWN",
            "blob unknown to registry",
        );
    }
    let foreign = |blob: &&Blob| manifest.foreign.iter().any(|layer| layer.blob == **blob);
    let mut own = manifest.blobs.iter().filter(|blob| !foreign(blob));
    if let Some(blob) = own.find(|blob| store.blob(repository, &blob.digest).is_none()) {
        return invalid(
            "MANIFEST_BLOB_UNKNOWN",
            &format!("{} is not in {repository}", blob.digest),
        );
    }
    let absent = |digest: &Digest| store.manifest(repository, &(*digest).into()).is_none();
    if let Some(child) = manifest
        .children
        .iter()
        .find(|child| !settings.sparse && absent(&child.digest))
    {
        return invalid(
            "MANIFEST_BLOB_UNKNOWN",
            &format!("the child {} is not in {repository}", child.digest),
        );
    }
    store.put_manifest(repository, tag, stored);
    let answer = Response::empty(StatusCode::CREATED)
        .with(
            LOCATION,
            format!("{base}/v2/{repository}/manifests/{digest}"),
        )
        .with("docker-content-digest", digest.to_string());
    match manifest.subject.filter(|_| settings.referrers) {
        Some(subject) => answer.with("oci-subject", subject.to_string()),
        None => answer,
    }
}

/// `GET …/tags/list` with `n` and `last`.
pub(crate) fn tags(
    store: &Store,
    settings: &Settings,
    request: &Request,
    repository: &Repository,
) -> Response {
    let tags = store.tags(repository);
    let Some(tags) = tags.filter(|tags| !(settings.untagged_is_unknown && tags.is_empty())) else {
        return Response::unknown("NAME_UNKNOWN");
    };
    let unlisted = settings.unlisted.as_deref();
    let listed = |tag: &&str| unlisted.is_none_or(|end| !tag.ends_with(end));
    let wanted = request
        .parameter("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    let size = wanted.min(settings.tags_page);
    let last = request.parameter("last").unwrap_or_default();
    let mut rest = tags
        .keys()
        .map(|tag| tag.as_str())
        .filter(listed)
        .filter(|tag| last.is_empty() || *tag > last);
    let page: Vec<&str> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let body = json!({"name": repository.as_str(), "tags": page});
    let answer = Response::bytes(StatusCode::OK, body.to_string())
        .with(CONTENT_TYPE, "application/json; charset=utf-8");
    match page.last().filter(|_| more) {
        Some(last) => answer.with(
            LINK,
            format!("</v2/{repository}/tags/list?n={size}&last={last}>; rel=\"next\""),
        ),
        None => answer,
    }
}

/// `GET …/referrers/<digest>`, with the `artifactType` filter.
pub(crate) fn referrers(
    store: &Store,
    settings: &Settings,
    request: &Request,
    repository: &Repository,
    subject: &Digest,
) -> Response {
    if !settings.referrers {
        return Response::error(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "no referrers API here",
        );
    }
    let filter = request.parameter("artifactType");
    let mut listed = Vec::new();
    for stored in store.manifests(repository) {
        let Ok(manifest) = Manifest::parse(&stored.bytes, stored.media_type) else {
            continue;
        };
        let kind = manifest.artifact_type.unwrap_or_default();
        if manifest.subject == Some(*subject) && filter.is_none_or(|filter| filter == kind) {
            listed.push(json!({
                "mediaType": stored.media_type.as_str(),
                "digest": stored.digest.to_string(),
                "size": stored.bytes.len(),
                "artifactType": kind,
                "annotations": manifest.annotations,
            }));
        }
    }
    let body =
        json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": listed});
    let answer = Response::bytes(StatusCode::OK, body.to_string())
        .with(CONTENT_TYPE, MediaType::OciIndex.as_str());
    match filter {
        Some(_) => answer.with("oci-filters-applied", "artifactType"),
        None => answer,
    }
}

/// The digest in a tag `sha256-<hex>`.
fn list_of(selector: &Selector) -> Option<Digest> {
    let Selector::Tag(tag) = selector else {
        return None;
    };
    let hex = tag.as_str().strip_prefix("sha256-")?;
    format!("sha256:{hex}").parse().ok()
}

fn invalid(code: &str, message: &str) -> Response {
    Response::error(StatusCode::BAD_REQUEST, code, message)
}
