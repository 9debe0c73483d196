/*! Pulling from servers that cut, lie, never end, and ask for patience. */

use std::time::Instant;

use bytes::Bytes;
use fakes::{
    Reply, ScriptedServer,
    scripted::{ReceivedRequest, head},
};
use futures_util::TryStreamExt;
use schema::{Digest, MediaType, Selector};

use crate::{
    Error, Slice,
    testing::{INDEX, MANIFEST, Outcome, content, endless, remote, tag},
};

/// First and last byte of the request's `Range`.
fn range(asked: &ReceivedRequest) -> Option<(usize, usize)> {
    let (first, last) = asked
        .header("range")?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn part(bytes: &[u8], first: usize, last: usize) -> (String, Vec<u8>) {
    (
        format!("bytes {first}-{last}/{}", bytes.len()),
        bytes.get(first..=last).unwrap_or_default().to_vec(),
    )
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() -> Outcome {
    let (bytes, blob) = content(10_000);
    let body = bytes.clone();
    // Each answer breaks off after 1500 bytes: more cuts than retries, but each makes progress.
    let server = ScriptedServer::start(move |asked, _| {
        let (first, last) = range(asked).unwrap_or((0, body.len() - 1));
        let (told, part) = part(&body, first, last);
        let status = if first > 0 { 206 } else { 200 };
        let mut answer = head(status, &[("Content-Range", &told)], part.len());
        answer.extend_from_slice(part.get(..1500).unwrap_or(&part));
        if part.len() > 1500 {
            Reply::Cut(answer)
        } else {
            Reply::Raw(answer)
        }
    })?;
    let remote = remote(&server)?;
    assert_eq!(
        remote.blob_range(&blob, 0, 10_000).await?,
        Slice::Bytes(bytes.clone())
    );
    assert_eq!(server.requests().len(), 7);
    assert_eq!(
        server
            .requests()
            .get(1)
            .and_then(|asked| asked.header("range").map(str::to_owned)),
        Some("bytes=1500-9999".into())
    );
    let streamed: Vec<Bytes> = remote.blob_stream(&blob).try_collect().await?;
    assert_eq!(streamed.concat(), bytes);
    Ok(())
}

#[tokio::test]
async fn without_ranges_a_slice_is_unsupported_and_a_stream_skips() -> Outcome {
    let (bytes, blob) = content(10_000);
    let body = bytes.clone();
    let server = ScriptedServer::start(move |_, before| {
        let mut answer = head(200, &[], body.len());
        answer.extend_from_slice(&body);
        answer.truncate(if before == 1 {
            answer.len() - 4000
        } else {
            answer.len()
        });
        if before == 1 {
            Reply::Cut(answer)
        } else {
            Reply::Raw(answer)
        }
    })?;
    let remote = remote(&server)?;
    assert_eq!(remote.blob_range(&blob, 10, 20).await?, Slice::Unsupported);
    let streamed: Vec<Bytes> = remote.blob_stream(&blob).try_collect().await?;
    assert_eq!(streamed.concat(), bytes);
    assert_eq!(server.requests().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_registry_that_always_cuts_at_one_place_is_given_up() -> Outcome {
    let (bytes, blob) = content(10_000);
    let server = ScriptedServer::start(move |_, _| {
        let mut answer = head(200, &[], bytes.len());
        answer.extend_from_slice(bytes.get(..100).unwrap_or_default());
        Reply::Cut(answer)
    })?;
    let remote = remote(&server)?;
    assert!(matches!(
        remote.blob_range(&blob, 0, 10_000).await,
        Err(Error::Cut { .. })
    ));
    assert!(matches!(
        remote.blob_stream(&blob).try_collect::<Vec<_>>().await,
        Err(Error::Cut { .. })
    ));
    assert!(server.requests().len() < 20, "{}", server.requests().len());
    Ok(())
}

#[tokio::test]
async fn lies_about_sizes_and_ranges_are_refused() -> Outcome {
    let (_, blob) = content(1000);
    let chunked = "HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n";
    let partial = "HTTP/1.1 206 Said\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 10-29/1000\r\n\r\n";
    let wrong = |told: &'static str| Reply::status(206, &[("Content-Range", told)], &[0; 20]);
    let table = [
        ("endless", endless(chunked), 0, 1000),
        ("endless part", endless(partial), 10, 20),
        ("longer", Reply::status(200, &[], &[0; 1001]), 0, 1000),
        ("shorter", Reply::status(200, &[], &[0; 999]), 0, 1000),
        ("another start", wrong("bytes 0-19/1000"), 10, 20),
        ("another size", wrong("bytes 10-29/1001"), 10, 20),
        ("beyond the end", wrong("bytes 10-39/1000"), 10, 20),
        ("no range", Reply::status(206, &[], &[0; 20]), 10, 20),
        (
            "a page",
            Reply::status(200, &[("Content-Type", "text/html")], b"<html>"),
            0,
            1000,
        ),
    ];
    for (what, said, offset, len) in table {
        let server = ScriptedServer::start(move |_, _| said.clone())?;
        let got = remote(&server)?.blob_range(&blob, offset, len).await;
        assert!(
            matches!(got, Err(Error::Protocol { .. })),
            "{what}: {got:?}"
        );
        assert_eq!(server.requests().len(), 1, "{what}");
    }
    let server = ScriptedServer::start(move |_, _| endless(chunked))?;
    let got = remote(&server)?
        .blob_stream(&blob)
        .try_collect::<Vec<_>>()
        .await;
    assert!(matches!(got, Err(Error::Protocol { .. })), "{got:?}");
    let server = ScriptedServer::start(move |_, _| Reply::Raw(head(200, &[], 1001)))?;
    assert!(matches!(
        remote(&server)?.has_blob(&blob).await,
        Err(Error::Protocol { .. })
    ));
    Ok(())
}

#[tokio::test]
async fn manifests_are_capped_checked_and_no_web_pages() -> Outcome {
    let chunked = "HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = ScriptedServer::start(move |asked, _| match asked.line.rsplit('/').next() {
        Some("endless") => endless(chunked),
        Some("page") => Reply::status(
            200,
            &[("Content-Type", "text/html; charset=utf-8")],
            b"<html>",
        ),
        Some("altered") => Reply::status(
            200,
            &[
                INDEX,
                ("Docker-Content-Digest", &Digest::of(b"x").to_string()),
            ],
            MANIFEST,
        ),
        Some("untyped") => Reply::status(200, &[("Content-Type", "application/json")], MANIFEST),
        Some("gone") => Reply::status(
            404,
            &[],
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"nope"}]}"#,
        ),
        _ => Reply::status(200, &[INDEX], MANIFEST),
    })?;
    let remote = remote(&server)?;
    let get = async |name: &str| {
        remote
            .manifest(&Selector::Tag(name.parse()?))
            .await
            .map_err(Box::<dyn std::error::Error>::from)
    };
    let told = async |name: &str| {
        get(name)
            .await
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(told("endless").await.contains("more than 4194304 bytes"));
    assert!(told("page").await.contains("is it a registry?"));
    assert!(told("altered").await.contains("altered it"));
    assert!(
        told("gone")
            .await
            .contains("a/b:gone: not found: MANIFEST_UNKNOWN nope")
    );
    assert_eq!(get("untyped").await?.media_type, MediaType::OciIndex);
    let other = remote.manifest(&Selector::Digest(Digest::of(b"x"))).await;
    assert!(matches!(other, Err(Error::Digest { .. })), "{other:?}");
    assert_eq!(
        remote
            .find_manifest(&Selector::Tag("gone".parse()?))
            .await?,
        None
    );
    Ok(())
}

#[tokio::test]
async fn being_told_to_wait_is_heeded() -> Outcome {
    let server = ScriptedServer::start(|_, before| match before {
        0 => Reply::status(429, &[("Retry-After", "1")], b""),
        1 => Reply::status(503, &[], b""),
        _ => Reply::status(200, &[INDEX], MANIFEST),
    })?;
    let begun = Instant::now();
    remote(&server)?.manifest(&tag()?).await?;
    assert!(begun.elapsed().as_millis() >= 1000, "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 3);
    Ok(())
}

/// A list is believed in what it lacks only if it is whole; nothing that is wrong with one is worse than no list.
#[tokio::test]
async fn a_list_of_tags_counts_only_when_it_is_whole() -> Outcome {
    let json = ("Content-Type", "application/json");
    let next = ("Link", r#"</v2/a/b/tags/list?n=1&last=v1>; rel="next""#);
    let round: Vec<String> = (0..100).map(|n| format!("{n:?}")).collect();
    let huge = format!(r#"{{"tags":["{}"]}}"#, "x".repeat(300 << 10));
    let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#;
    let denied = r#"{"errors":[{"code":"DENIED"}]}"#;
    let chunked = "HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n";
    let list = br#"{"name":"a/b","tags":["v1"]}"#;
    let rounded = format!(r#"{{"tags":[{}]}}"#, round.join(","));
    // What is said, and whether the list then lacks a tag that is in it, and one that is not.
    let table = [
        ("whole", Reply::status(200, &[json], list), false, true),
        (
            "a page",
            Reply::status(200, &[json, next], list),
            false,
            false,
        ),
        (
            "a round number",
            Reply::status(200, &[json], rounded.as_bytes()),
            false,
            false,
        ),
        (
            "too large",
            Reply::status(200, &[json], huge.as_bytes()),
            false,
            false,
        ),
        ("endless", endless(chunked), false, false),
        (
            "empty",
            Reply::status(200, &[json], br#"{"tags":null}"#),
            false,
            false,
        ),
        (
            "a web page",
            Reply::status(200, &[], b"<html>"),
            false,
            false,
        ),
        (
            "refused",
            Reply::status(403, &[json], denied.as_bytes()),
            false,
            false,
        ),
        (
            "another 404",
            Reply::status(404, &[], b"404 page not found"),
            false,
            false,
        ),
        (
            "no repository",
            Reply::status(404, &[json], unknown.as_bytes()),
            true,
            true,
        ),
    ];
    for (what, said, listed, unlisted) in table {
        let server = ScriptedServer::start(move |_, _| said.clone())?;
        let remote = remote(&server)?;
        for _ in 0..2 {
            let tags = remote.tags().await;
            assert_eq!(tags.lacks(&"v1".parse()?), listed, "{what}");
            assert_eq!(tags.lacks(&"v2".parse()?), unlisted, "{what}");
        }
        let asked = server.requests();
        let lists = asked.iter().filter(|one| one.line.contains("/tags/list"));
        assert_eq!(lists.count(), 1, "{what}: asked once");
        remote.distrust_tags();
        assert!(!remote.tags().await.lacks(&"v2".parse()?), "{what}");
    }
    Ok(())
}

/// A part is handed on as it comes, in blocks, and goes on after a cut in the middle of one.
#[tokio::test]
async fn a_part_comes_in_blocks_across_a_cut() -> Outcome {
    let (bytes, blob) = content(2_000_000);
    let body = bytes.clone();
    let server = ScriptedServer::start(move |asked, before| {
        let (first, last) = range(asked).unwrap_or((0, body.len() - 1));
        let (told, part) = part(&body, first, last);
        let mut answer = head(206, &[("Content-Range", &told)], part.len());
        answer.extend_from_slice(&part);
        if before == 0 {
            answer.truncate(700_000);
            return Reply::Cut(answer);
        }
        Reply::Raw(answer)
    })?;
    let blocks: Vec<Slice> = remote(&server)?
        .blob_part(&blob, 1000, 1_500_000)
        .try_collect()
        .await?;
    let blocks: Vec<Bytes> = blocks
        .into_iter()
        .map(|block| match block {
            Slice::Bytes(bytes) => bytes,
            Slice::Unsupported => Bytes::new(),
        })
        .collect();
    let (last, full) = blocks.split_last().ok_or("no blocks")?;
    assert!(full.len() == 5 && full.iter().all(|block| block.len() == 256 << 10));
    assert_eq!(last.len(), 1_500_000 - 5 * (256 << 10));
    assert_eq!(blocks.concat(), bytes.slice(1000..1_501_000));
    assert_eq!(server.requests().len(), 2);
    Ok(())
}
