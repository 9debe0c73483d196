/*! The client against servers that misbehave in every way it promises to cope with. */

use std::{io, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt, future,
    stream::{self, BoxStream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    BlobSource, Error, Mount, Options, Registry, Remote, Slice,
    scripted::{Asked, Say, Scripted, head, say},
};
use crate::{Digest, MediaType, Selector, manifest::Blob};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
const INDEX: (&str, &str) = ("Content-Type", "application/vnd.oci.image.index.v1+json");

fn remote_with(host: &str, authfile: Option<&std::path::Path>) -> Result<Remote, Box<dyn std::error::Error>> {
    let empty = tempfile::NamedTempFile::new()?;
    std::fs::write(empty.path(), "{}")?;
    let authfile = authfile.unwrap_or(empty.path()).to_owned();
    let options = Options { plain_http: true, authfile: Some(authfile), retries: 3, ..Options::default() };
    Ok(Registry::new(host, &options)?.repository(&"a/b".parse()?))
}

fn remote(server: &Scripted) -> Result<Remote, Box<dyn std::error::Error>> {
    remote_with(&server.host, None)
}

fn content(size: usize) -> (Bytes, Blob) {
    let bytes: Bytes = (0..size).map(|n| (n * 7 % 251) as u8).collect();
    let blob = Blob { digest: Digest::of(&bytes), size: size as u64 };
    (bytes, blob)
}

/// First and last byte of the request's `Range`.
fn range(asked: &Asked) -> Option<(usize, usize)> {
    let (first, last) = asked.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn part(bytes: &[u8], first: usize, last: usize) -> (String, Vec<u8>) {
    (format!("bytes {first}-{last}/{}", bytes.len()), bytes.get(first..=last).unwrap_or_default().to_vec())
}

fn tag() -> Result<Selector, crate::name::NameError> {
    Ok(Selector::Tag("v1".parse()?))
}

/// A registry with a token service on the same host; `valid` says which tokens it takes.
async fn token_server(valid: impl Fn(&Asked, &str) -> bool + Send + Sync + 'static) -> io::Result<Scripted> {
    Scripted::serve(move |asked, before| {
        if asked.line.starts_with("GET /token") {
            return say(200, &[], format!(r#"{{"token":"t{before}","expires_in":300}}"#).as_bytes());
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge = format!(r#"Bearer realm="http://{host}/token",service="s",scope="repository:a/b:pull""#);
        match asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if valid(asked, token) => say(200, &[INDEX], MANIFEST),
            _ => say(401, &[("WWW-Authenticate", &challenge)], b""),
        }
    })
    .await
}

#[tokio::test]
async fn many_requests_share_one_token() -> Outcome {
    let server = token_server(|_, _| true).await?;
    let (remote, tag) = (remote(&server)?, tag()?);
    let all = future::try_join_all((0..16).map(|_| remote.manifest(&tag))).await?;
    assert!(all.iter().all(|manifest| manifest.bytes == MANIFEST && manifest.media_type == MediaType::OciIndex));
    assert_eq!(server.lines("/token"), ["GET /token?service=s&scope=repository%3Aa%2Fb%3Apull"]);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_withdrawn_is_renewed() -> Outcome {
    let first = Arc::new(std::sync::Mutex::new(None::<String>));
    let server = token_server(move |asked, token| {
        let mut first = first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = first.get_or_insert_with(|| token.to_owned());
        asked.line.ends_with("/v1") || first != token
    })
    .await?;
    let remote = remote(&server)?;
    remote.manifest(&tag()?).await?;
    remote.manifest(&Selector::Digest(Digest::of(MANIFEST))).await?;
    assert_eq!(server.lines("/token").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_login_that_never_works_ends_with_a_sentence() -> Outcome {
    let server = token_server(|_, _| false).await?;
    let told = remote(&server)?.manifest(&tag()?).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("/a/b:v1: access denied (401)") && told.contains("may pull"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_token_service_elsewhere_gets_no_secret_over_http() -> Outcome {
    let challenge = ("WWW-Authenticate", r#"Bearer realm="http://192.0.2.1/token""#);
    let server = Scripted::serve(move |_, _| say(401, &[challenge], b"")).await?;
    let refused = remote(&server)?.manifest(&tag()?).await;
    assert!(matches!(&refused, Err(Error::Auth { detail, .. }) if detail.contains("no secret is sent")), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn redirects_to_another_host_carry_no_credentials() -> Outcome {
    let (bytes, blob) = content(5000);
    let body = bytes.clone();
    let store = Scripted::serve(move |_, _| say(200, &[], &body)).await?;
    let place = format!("http://{}/object?signed=1", store.host);
    let registry = Scripted::serve(move |asked, _| match asked.header("authorization") {
        Some("Basic dTpw") => say(307, &[("Location", &place)], b""),
        _ => say(401, &[("WWW-Authenticate", "Basic realm=x")], b""),
    })
    .await?;
    let authfile = tempfile::NamedTempFile::new()?;
    std::fs::write(authfile.path(), format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, registry.host))?;
    let got = remote_with(&registry.host, Some(authfile.path()))?.blob_range(&blob, 0, 5000).await?;
    assert_eq!(got, Slice::Bytes(bytes));
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_none()));
    assert_eq!(store.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() -> Outcome {
    let (bytes, blob) = content(10_000);
    let body = bytes.clone();
    // Each answer breaks off after 1500 bytes: more cuts than retries, but each makes progress.
    let server = Scripted::serve(move |asked, _| {
        let (first, last) = range(asked).unwrap_or((0, body.len() - 1));
        let (told, part) = part(&body, first, last);
        let status = if first > 0 { 206 } else { 200 };
        let mut answer = head(status, &[("Content-Range", &told)], part.len());
        answer.extend_from_slice(part.get(..1500).unwrap_or(&part));
        if part.len() > 1500 { Say::Cut(answer) } else { Say::Raw(answer) }
    })
    .await?;
    let remote = remote(&server)?;
    assert_eq!(remote.blob_range(&blob, 0, 10_000).await?, Slice::Bytes(bytes.clone()));
    assert_eq!(server.asked().len(), 7);
    assert_eq!(server.asked().get(1).and_then(|asked| asked.header("range").map(str::to_owned)), Some("bytes=1500-9999".into()));
    let streamed: Vec<Bytes> = remote.blob_stream(&blob).try_collect().await?;
    assert_eq!(streamed.concat(), bytes);
    Ok(())
}

#[tokio::test]
async fn without_ranges_a_slice_is_unsupported_and_a_stream_skips() -> Outcome {
    let (bytes, blob) = content(10_000);
    let body = bytes.clone();
    let server = Scripted::serve(move |_, before| {
        let mut answer = head(200, &[], body.len());
        answer.extend_from_slice(&body);
        answer.truncate(if before == 1 { answer.len() - 4000 } else { answer.len() });
        if before == 1 { Say::Cut(answer) } else { Say::Raw(answer) }
    })
    .await?;
    let remote = remote(&server)?;
    assert_eq!(remote.blob_range(&blob, 10, 20).await?, Slice::Unsupported);
    let streamed: Vec<Bytes> = remote.blob_stream(&blob).try_collect().await?;
    assert_eq!(streamed.concat(), bytes);
    assert_eq!(server.asked().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_registry_that_always_cuts_at_one_place_is_given_up() -> Outcome {
    let (bytes, blob) = content(10_000);
    let server = Scripted::serve(move |_, _| {
        let mut answer = head(200, &[], bytes.len());
        answer.extend_from_slice(bytes.get(..100).unwrap_or_default());
        Say::Cut(answer)
    })
    .await?;
    let remote = remote(&server)?;
    assert!(matches!(remote.blob_range(&blob, 0, 10_000).await, Err(Error::Cut { .. })));
    assert!(matches!(remote.blob_stream(&blob).try_collect::<Vec<_>>().await, Err(Error::Cut { .. })));
    assert!(server.asked().len() < 20, "{}", server.asked().len());
    Ok(())
}

#[tokio::test]
async fn lies_about_sizes_and_ranges_are_refused() -> Outcome {
    let (_, blob) = content(1000);
    let chunked = "HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n";
    let partial = "HTTP/1.1 206 Said\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 10-29/1000\r\n\r\n";
    let wrong = |told: &'static str| say(206, &[("Content-Range", told)], &[0; 20]);
    let table = [
        ("endless", Say::Endless(chunked), 0, 1000),
        ("endless part", Say::Endless(partial), 10, 20),
        ("longer", say(200, &[], &[0; 1001]), 0, 1000),
        ("shorter", say(200, &[], &[0; 999]), 0, 1000),
        ("another start", wrong("bytes 0-19/1000"), 10, 20),
        ("another size", wrong("bytes 10-29/1001"), 10, 20),
        ("beyond the end", wrong("bytes 10-39/1000"), 10, 20),
        ("no range", say(206, &[], &[0; 20]), 10, 20),
        ("a page", say(200, &[("Content-Type", "text/html")], b"<html>"), 0, 1000),
    ];
    for (what, said, offset, len) in table {
        let server = Scripted::serve(move |_, _| said.clone()).await?;
        let got = remote(&server)?.blob_range(&blob, offset, len).await;
        assert!(matches!(got, Err(Error::Protocol { .. })), "{what}: {got:?}");
        assert_eq!(server.asked().len(), 1, "{what}");
    }
    let server = Scripted::serve(move |_, _| Say::Endless(chunked)).await?;
    let got = remote(&server)?.blob_stream(&blob).try_collect::<Vec<_>>().await;
    assert!(matches!(got, Err(Error::Protocol { .. })), "{got:?}");
    let server = Scripted::serve(move |_, _| Say::Raw(head(200, &[], 1001))).await?;
    assert!(matches!(remote(&server)?.has_blob(&blob).await, Err(Error::Protocol { .. })));
    Ok(())
}

#[tokio::test]
async fn manifests_are_capped_checked_and_no_web_pages() -> Outcome {
    let endless = "HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = Scripted::serve(move |asked, _| match asked.line.rsplit('/').next() {
        Some("endless") => Say::Endless(endless),
        Some("page") => say(200, &[("Content-Type", "text/html; charset=utf-8")], b"<html>"),
        Some("altered") => say(200, &[INDEX, ("Docker-Content-Digest", &Digest::of(b"x").to_string())], MANIFEST),
        Some("untyped") => say(200, &[("Content-Type", "application/json")], MANIFEST),
        Some("gone") => say(404, &[], br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"nope"}]}"#),
        _ => say(200, &[INDEX], MANIFEST),
    })
    .await?;
    let remote = remote(&server)?;
    let get = async |name: &str| remote.manifest(&Selector::Tag(name.parse()?)).await.map_err(Box::<dyn std::error::Error>::from);
    let told = async |name: &str| get(name).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told("endless").await.contains("more than 4194304 bytes"));
    assert!(told("page").await.contains("is it a registry?"));
    assert!(told("altered").await.contains("altered it"));
    assert!(told("gone").await.contains("a/b:gone: not found: MANIFEST_UNKNOWN nope"));
    assert_eq!(get("untyped").await?.media_type, MediaType::OciIndex);
    let other = remote.manifest(&Selector::Digest(Digest::of(b"x"))).await;
    assert!(matches!(other, Err(Error::Digest { .. })), "{other:?}");
    assert_eq!(remote.find_manifest(&Selector::Tag("gone".parse()?)).await?, None);
    Ok(())
}

#[tokio::test]
async fn being_told_to_wait_is_heeded() -> Outcome {
    let server = Scripted::serve(|_, before| match before {
        0 => say(429, &[("Retry-After", "1")], b""),
        1 => say(503, &[], b""),
        _ => say(200, &[INDEX], MANIFEST),
    })
    .await?;
    let begun = Instant::now();
    remote(&server)?.manifest(&tag()?).await?;
    assert!(begun.elapsed().as_millis() >= 1000, "{:?}", begun.elapsed());
    assert_eq!(server.asked().len(), 3);
    Ok(())
}

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
    let verbs: Vec<_> = asked.iter().filter_map(|asked| asked.line.split(' ').next()).collect();
    assert_eq!(verbs, ["POST", "PUT", "HEAD", "GET", "PATCH", "PUT"]);
    let sent = asked.get(4).map(|patch| (patch.header("content-range"), patch.body.as_slice()));
    assert_eq!(sent, Some((Some("200000-299999"), bytes.slice(200_000..).as_ref())));
    let last = asked.last().map(|put| put.line.clone()).unwrap_or_default();
    assert!(last.ends_with(&format!("?state=4&digest={}", blob.digest)), "{last}");
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
    let ranges: Vec<_> = asked.iter().filter_map(|asked| asked.header("content-range")).collect();
    assert_eq!(ranges, ["0-5242879", "5242880-9437188"]);
    Ok(())
}

/// Fails half-way, as a source does whose digest turns out wrong.
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
    assert!(matches!(&error, Err(Error::Source(own)) if own.to_string() == "entry 7 is altered"), "{error:?}");
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
    let Mount::Refused(session) = remote.mount(&blob, &"other".parse()?).await? else { return Err("mounted".into()) };
    remote.push_blob(&blob, &bytes, Some(session)).await?;
    assert_eq!(server.lines("POST").len(), 1);
    assert_eq!(server.lines("PUT"), [format!("PUT /session?x=1&digest={}", blob.digest)]);
    Ok(())
}

#[tokio::test]
async fn plain_http_where_tls_was_expected_is_said() -> Outcome {
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b""] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.read_u8().await?;
            stream.write_all(answer).await
        });
        let registry = Registry::new(&host, &Options { retries: 0, ..Options::default() })?;
        let told = registry.repository(&"a".parse()?).manifest(&tag()?).await.err().map(|error| error.to_string());
        assert!(told.as_deref().is_some_and(|text| text.contains(&host) && text.contains("--plain-http")), "{told:?}");
        serving.await??;
    }
    Ok(())
}
