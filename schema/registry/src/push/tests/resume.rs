/*! Pushing to servers that cut, want chunks, refuse mounts; and from sources that fail. */

use std::io;

use bytes::Bytes;
use fakes::{Reply, ScriptedServer};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use schema::MediaType;

use super::{ranges, verbs};
use crate::{
    BlobSource, Error, Mount,
    testing::{INDEX, MANIFEST, Outcome, content, remote, tag},
};

#[tokio::test]
async fn a_cut_upload_goes_on_where_the_registry_stands() -> Outcome {
    let (bytes, blob) = content(300_000);
    let server = ScriptedServer::start(move |asked, before| {
        let place = format!("/v2/a/b/blobs/uploads/1?state={before}");
        match asked.method() {
            "HEAD" => Reply::status(404, &[], b""),
            "POST" => Reply::status(202, &[("Location", &place)], b""),
            "PUT" if asked.header("content-length") == Some("300000") => Reply::CutUpload(200_000),
            "GET" => Reply::status(204, &[("Location", &place), ("Range", "0-199999")], b""),
            "PATCH" => Reply::status(202, &[("Location", &place), ("Range", "0-299999")], b""),
            _ => Reply::status(201, &[], b""),
        }
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    let asked = server.requests();
    // Whether it is there, whether the upload still is, and after the wait how much of it.
    assert_eq!(verbs(&server), "POST PUT HEAD GET GET PATCH PUT");
    let sent = asked
        .get(5)
        .map(|patch| (patch.header("content-range"), patch.body.as_slice()));
    assert_eq!(
        sent,
        Some((Some("200000-299999"), bytes.slice(200_000..).as_ref()))
    );
    let last = asked.last().map(|put| put.line.clone()).unwrap_or_default();
    assert!(
        last.ends_with(&format!("?state=5&digest={}", blob.digest)),
        "{last}"
    );
    Ok(())
}

#[tokio::test]
async fn a_registry_that_wants_chunks_gets_them() -> Outcome {
    let (bytes, blob) = content((9 << 20) + 5);
    let server = ScriptedServer::start(move |asked, _| {
        let place = ("Location", "up");
        match asked.method() {
            "PUT" if asked.header("content-length") != Some("0") => Reply::status(413, &[], b""),
            "PUT" => Reply::status(201, &[], b""),
            _ => Reply::status(202, &[place, ("OCI-Chunk-Min-Length", "5242880")], b""),
        }
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(ranges(&server), ["0-5242879", "5242880-9437188"]);
    Ok(())
}

/// Fails half-form, as a source does whose digest turns out wrong.
struct Broken;

impl BlobSource for Broken {
    fn open(&self, _: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, io::Error> {
        let wrong = Err(io::Error::other("entry 7 is altered"));
        Ok(stream::iter([Ok(Bytes::from_static(&[0; 500])), wrong]).boxed())
    }
}

#[tokio::test]
async fn the_sources_own_error_comes_back_and_is_not_retried() -> Outcome {
    let server = ScriptedServer::start(|asked, _| match asked.method() {
        "POST" => Reply::status(202, &[("Location", "/up")], b""),
        _ => Reply::status(201, &[], b""),
    })?;
    let (_, blob) = content(1000);
    let error = remote(&server)?.push_blob(&blob, &Broken, None).await;
    assert!(
        matches!(&error, Err(Error::Source(own)) if own.to_string() == "entry 7 is altered"),
        "{error:?}"
    );
    assert_eq!(server.lines("POST").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_refused_mount_leaves_a_session_to_use() -> Outcome {
    let server = ScriptedServer::start(|asked, _| match asked.method() {
        "POST" => Reply::status(202, &[("Location", "/session?x=1")], b""),
        _ => Reply::status(201, &[], b""),
    })?;
    let (bytes, blob) = content(10);
    let remote = remote(&server)?;
    let Mount::Refused(session) = remote.mount(&blob, &"other".parse()?).await? else {
        return Err("mounted".into());
    };
    remote.push_blob(&blob, &bytes, Some(session)).await?;
    assert_eq!(server.lines("POST").len(), 1);
    assert_eq!(
        server.lines("PUT"),
        [format!("PUT /session?x=1&digest={}", blob.digest)]
    );
    Ok(())
}

#[tokio::test]
async fn a_login_that_ends_in_the_middle_of_an_upload_is_renewed() -> Outcome {
    let server = ScriptedServer::start(|asked, before| {
        if asked.line.starts_with("GET /token") {
            return Reply::status(200, &[], format!(r#"{{"token":"t{before}"}}"#).as_bytes());
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge =
            format!(r#"Bearer realm="http://{host}/token",scope="repository:a/b:pull,push""#);
        let refused = Reply::status(401, &[("WWW-Authenticate", &challenge)], b"");
        match (asked.header("authorization"), asked.method()) {
            (None, _) => refused,
            // The first token is good for opening the session only.
            (Some("Bearer t1"), "PUT") => refused,
            (_, "GET") => Reply::status(404, &[], b""),
            (_, "POST") => Reply::status(202, &[("Location", "/up")], b""),
            _ => Reply::status(201, &[], b""),
        }
    })?;
    let (bytes, blob) = content(1000);
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(server.lines("/token").len(), 2);
    let last = server.requests().pop();
    assert_eq!(last.map(|put| put.body), Some(bytes.to_vec()));
    Ok(())
}

/// What a POST can tell needs no HEAD; a registry that will not hear of it is not asked so again.
#[tokio::test]
async fn an_upload_of_what_is_there_is_over_when_it_begins() -> Outcome {
    let (_, blob) = content(1000);
    let session = [("Location", "/v2/a/b/blobs/uploads/1")];
    let server = ScriptedServer::start(|_, _| Reply::status(201, &[], b""))?;
    let begun = remote(&server)?.begin_blob(&blob).await?;
    assert!(matches!(begun, Mount::Done));
    let line = server.requests().first().map(|asked| asked.line.clone());
    assert!(line.is_some_and(|line| line.contains("mount=sha256") && line.contains("from=a%2Fb")));
    let server = ScriptedServer::start(move |asked, _| match asked.line.contains("mount=") {
        true => Reply::status(400, &[], b""),
        false => Reply::status(202, &session, b""),
    })?;
    let remote = remote(&server)?;
    for expected in [2, 3] {
        let begun = remote.begin_blob(&blob).await?;
        assert!(matches!(begun, Mount::Refused(_)));
        assert_eq!(server.requests().len(), expected);
    }
    Ok(())
}

/// Login pages and gateways answer 200 to anything: only what is there afterwards was stored.
#[tokio::test]
async fn a_manifest_that_nobody_stored_is_not_pushed() -> Outcome {
    let put = |status: u16, kind: &'static str, kept: bool| async move {
        let server = ScriptedServer::start(move |asked, _| match (asked.method(), kept) {
            ("PUT", _) => Reply::status(status, &[("Content-Type", kind)], b"<html>log in"),
            (_, true) => Reply::status(200, &[INDEX], MANIFEST),
            _ if status == 200 => Reply::status(200, &[("Content-Type", kind)], b"<html>log in"),
            _ => Reply::status(404, &[], b""),
        })?;
        let body = Bytes::from_static(MANIFEST);
        let (remote, tag) = (remote(&server)?, tag()?);
        let told = remote.put_manifest(&tag, MediaType::OciIndex, body).await;
        Ok::<_, Box<dyn std::error::Error>>(told.map_err(|error| error.to_string()))
    };
    for (status, kind) in [
        (200, "text/html"),
        (200, ""),
        (202, ""),
        (204, ""),
        (201, ""),
    ] {
        assert!(put(status, kind, true).await?.is_ok(), "{status} {kind}");
        let told = put(status, kind, false).await?.err().unwrap_or_default();
        let answered = format!("answered with {status} and {kind:?} content");
        assert!(
            told.contains(&answered) && told.contains("is not there"),
            "{status} {kind}: {told}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_location_that_leads_nowhere_new_is_explained() -> Outcome {
    let told = |location: &'static str| async move {
        let (bytes, blob) = content(3000);
        let server = ScriptedServer::start(move |asked, _| {
            let place = match location {
                "" => String::new(),
                scheme => format!("{scheme}://{}/up", asked.header("host").unwrap_or_default()),
            };
            match asked.method() {
                "POST" => Reply::status(202, &[("Location", &place)], b""),
                "HEAD" => Reply::status(404, &[], b""),
                _ => Reply::status(201, &[], b""),
            }
        })?;
        let pushed = remote(&server)?.push_blob(&blob, &bytes, None).await;
        let told = pushed.err().map(|error| error.to_string());
        Ok::<_, Box<dyn std::error::Error>>(told.unwrap_or_default())
    };
    let other = told("https").await?;
    assert!(
        other.contains("from http to https on the same host") && !other.contains("--allow"),
        "{other}"
    );
    assert!(told("").await?.contains("without a usable Location"));
    Ok(())
}
