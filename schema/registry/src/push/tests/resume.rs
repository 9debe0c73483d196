/*! Pushing to servers that cut, want chunks, refuse mounts; and from sources that fail. */

use std::io;

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use schema::MediaType;

use crate::{
    BlobSource, Error, Mount,
    scripted::{INDEX, MANIFEST, Outcome, Say, Scripted, content, remote, say, tag},
};

#[tokio::test]
async fn a_cut_upload_goes_on_where_the_registry_stands() -> Outcome {
    let (bytes, blob) = content(300_000);
    let server = Scripted::serve(move |asked, before| {
        let place = format!("/v2/a/b/blobs/uploads/1?state={before}");
        match asked.line.split(' ').next() {
            Some("HEAD") => say(404, &[], b""),
            Some("POST") => say(202, &[("Location", &place)], b""),
            Some("PUT") if asked.header("content-length") == Some("300000") => Say::Hang(200_000),
            Some("GET") => say(204, &[("Location", &place), ("Range", "0-199999")], b""),
            Some("PATCH") => say(202, &[("Location", &place), ("Range", "0-299999")], b""),
            _ => say(201, &[], b""),
        }
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    let asked = server.asked();
    let verbs: Vec<_> = asked
        .iter()
        .filter_map(|asked| asked.line.split(' ').next())
        .collect();
    // Whether it is there, whether the upload still is, and after the wait how much of it.
    let expected = ["POST", "PUT", "HEAD", "GET", "GET", "PATCH", "PUT"];
    assert_eq!(verbs, expected);
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
    let server = Scripted::serve(move |asked, _| {
        let place = ("Location", "up");
        match asked.line.split(' ').next() {
            Some("PUT") if asked.header("content-length") != Some("0") => say(413, &[], b""),
            Some("PUT") => say(201, &[], b""),
            _ => say(202, &[place, ("OCI-Chunk-Min-Length", "5242880")], b""),
        }
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    let asked = server.asked();
    let ranges: Vec<_> = asked
        .iter()
        .filter_map(|asked| asked.header("content-range"))
        .collect();
    assert_eq!(ranges, ["0-5242879", "5242880-9437188"]);
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
    let server = Scripted::serve(|asked, _| match asked.line.split(' ').next() {
        Some("POST") => say(202, &[("Location", "/up")], b""),
        _ => say(201, &[], b""),
    })
    .await?;
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
    let server = Scripted::serve(|asked, _| match asked.line.split(' ').next() {
        Some("POST") => say(202, &[("Location", "/session?x=1")], b""),
        _ => say(201, &[], b""),
    })
    .await?;
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
    let server = Scripted::serve(|asked, before| {
        if asked.line.starts_with("GET /token") {
            return say(200, &[], format!(r#"{{"token":"t{before}"}}"#).as_bytes());
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge =
            format!(r#"Bearer realm="http://{host}/token",scope="repository:a/b:pull,push""#);
        let refused = say(401, &[("WWW-Authenticate", &challenge)], b"");
        match (asked.header("authorization"), asked.line.split(' ').next()) {
            (None, _) => refused,
            // The first token is good for opening the session only.
            (Some("Bearer t1"), Some("PUT")) => refused,
            (_, Some("GET")) => say(404, &[], b""),
            (_, Some("POST")) => say(202, &[("Location", "/up")], b""),
            _ => say(201, &[], b""),
        }
    })
    .await?;
    let (bytes, blob) = content(1000);
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(server.lines("/token").len(), 2);
    let last = server.asked().pop();
    assert_eq!(last.map(|put| put.body), Some(bytes.to_vec()));
    Ok(())
}

/// What a POST can tell needs no HEAD; a registry that will not hear of it is not asked so again.
#[tokio::test]
async fn an_upload_of_what_is_there_is_over_when_it_begins() -> Outcome {
    let (_, blob) = content(1000);
    let session = [("Location", "/v2/a/b/blobs/uploads/1")];
    let server = Scripted::serve(|_, _| say(201, &[], b"")).await?;
    let begun = remote(&server)?.begin_blob(&blob).await?;
    assert!(matches!(begun, Mount::Done));
    let line = server.asked().first().map(|asked| asked.line.clone());
    assert!(line.is_some_and(|line| line.contains("mount=sha256") && line.contains("from=a%2Fb")));
    let server = Scripted::serve(move |asked, _| match asked.line.contains("mount=") {
        true => say(400, &[], b""),
        false => say(202, &session, b""),
    })
    .await?;
    let remote = remote(&server)?;
    for expected in [2, 3] {
        let begun = remote.begin_blob(&blob).await?;
        assert!(matches!(begun, Mount::Refused(_)));
        assert_eq!(server.asked().len(), expected);
    }
    Ok(())
}

/// Login pages and gateways answer 200 to anything: only what is there afterwards was stored.
#[tokio::test]
async fn a_manifest_that_nobody_stored_is_not_pushed() -> Outcome {
    let put = |status: u16, kind: &'static str, kept: bool| async move {
        let server = Scripted::serve(move |asked, _| {
            let verb = asked.line.split(' ').next();
            match (verb, kept) {
                (Some("PUT"), _) => say(status, &[("Content-Type", kind)], b"<html>log in"),
                (_, true) => say(200, &[INDEX], MANIFEST),
                _ if status == 200 => say(200, &[("Content-Type", kind)], b"<html>log in"),
                _ => say(404, &[], b""),
            }
        })
        .await?;
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
        let server = Scripted::serve(move |asked, _| {
            let place = match location {
                "" => String::new(),
                scheme => format!("{scheme}://{}/up", asked.header("host").unwrap_or_default()),
            };
            match asked.line.split(' ').next() {
                Some("POST") => say(202, &[("Location", &place)], b""),
                Some("HEAD") => say(404, &[], b""),
                _ => say(201, &[], b""),
            }
        })
        .await?;
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
