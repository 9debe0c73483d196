/*! Uploads that a registry or a proxy takes in one form and not in another, or miscounts. */

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fakes::{Reply, ScriptedServer};

use super::{PLACE, arrived, length, ranges, takes, verbs};
use crate::{
    Error,
    testing::{Outcome, content, remote},
};

#[tokio::test]
async fn a_whole_put_that_is_refused_goes_as_patch_and_so_do_all_after_it() -> Outcome {
    for status in [400, 404, 405, 411, 413, 415] {
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            "PUT" if length(asked) > 0 => Reply::status(status, &[], b""),
            _ => takes(asked),
        })?;
        let (bytes, blob) = content(1000);
        let remote = remote(&server)?;
        remote.push_blob(&blob, &bytes, None).await?;
        assert_eq!(arrived(&server), bytes, "{status}");
        let all = verbs(&server);
        assert!(all.ends_with("DELETE POST PATCH PUT"), "{status}: {all}");
        let (more, other) = content(2000);
        let before = server.requests().len();
        remote.push_blob(&other, &more, None).await?;
        let after = verbs(&server);
        let later: Vec<_> = after.split(' ').skip(before).collect();
        assert_eq!(later, ["POST", "PATCH", "PUT"], "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_hangs_up_on_large_bodies_gets_small_ones() -> Outcome {
    // It lets a mebibyte through, and says nothing.
    let server = ScriptedServer::start(|asked, _| match asked.method() {
        _ if length(asked) > 1 << 20 => Reply::CutUpload(100_000),
        _ => takes(asked),
    })?;
    let (bytes, blob) = content((5 << 20) + 7);
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert!(arrived(&server) == bytes);
    let largest = server
        .requests()
        .iter()
        .rev()
        .take_while(|asked| asked.method() != "POST")
        .map(length)
        .max();
    assert_eq!(largest, Some(1 << 20));
    // One that lets nothing through is given up.
    let server = ScriptedServer::start(|asked, _| match asked.method() {
        _ if length(asked) > 0 => Reply::CutUpload(1000),
        _ => takes(asked),
    })?;
    let given_up = remote(&server)?.push_blob(&blob, &bytes, None).await;
    assert!(matches!(given_up, Err(Error::Cut { .. })), "{given_up:?}");
    assert!(server.lines("POST").len() < 10);
    Ok(())
}

#[tokio::test]
async fn the_registrys_count_of_bytes_is_not_needed_while_nothing_fails() -> Outcome {
    let (bytes, blob) = content((9 << 20) + 5);
    // Stale (as at ECR), off by one, of an empty upload, nonsense, none.
    for range in [
        "0-4194303",
        "0-9437189",
        "bytes=0-99",
        "0--1",
        "0-0",
        "5-1",
        "x",
        "",
    ] {
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            "PUT" if length(asked) > 0 => Reply::status(413, &[], b""),
            "PATCH" => Reply::status(202, &[PLACE, ("Range", range)], b""),
            _ => takes(asked),
        })?;
        remote(&server)?.push_blob(&blob, &bytes, None).await?;
        assert!(arrived(&server) == bytes, "{range:?}");
        let again = verbs(&server);
        // On a busy machine the last answer may take so long that the blob is asked for meanwhile.
        let again = again.trim_end_matches(" HEAD");
        assert_eq!(again, "POST PUT DELETE POST PATCH PATCH PUT", "{range:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_count_that_cannot_be_begins_the_blob_again() -> Outcome {
    let (bytes, blob) = content(300_000);
    // The first PUT is cut; then the registry claims to have nothing, more than there is, or nothing sensible.
    for range in ["0--1", "0-0", "0-300000", "bytes=7-9", ""] {
        let cut = AtomicBool::new(false);
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            "PUT" if !cut.swap(true, Ordering::Relaxed) => Reply::CutUpload(100_000),
            "GET" => Reply::status(204, &[PLACE, ("Range", range)], b""),
            _ => takes(asked),
        })?;
        remote(&server)?.push_blob(&blob, &bytes, None).await?;
        assert_eq!(arrived(&server), bytes, "{range:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_count_that_was_wrong_is_believed_once() -> Outcome {
    let (bytes, blob) = content(300_000);
    // 100,000 bytes arrive, and it claims one more: what is put together then has another digest.
    let puts = AtomicUsize::new(0);
    let server = ScriptedServer::start(move |asked, _| match asked.method() {
        "PUT" => match puts.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::CutUpload(100_000),
            1 => Reply::status(400, &[], br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#),
            2 => Reply::CutUpload(100_000),
            _ => Reply::status(201, &[], b""),
        },
        "GET" => Reply::status(204, &[PLACE, ("Range", "0-100000")], b""),
        _ => takes(asked),
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(arrived(&server), bytes);
    assert_eq!(server.lines("PATCH").len(), 1, "{}", verbs(&server));
    Ok(())
}

#[tokio::test]
async fn a_part_that_is_refused_for_now_is_sent_again_and_what_came_before_it_is_not() -> Outcome {
    let (bytes, blob) = content((9 << 20) + 5);
    let refused = AtomicBool::new(false);
    let server = ScriptedServer::start(move |asked, _| match asked.method() {
        "PUT" if length(asked) > 0 => Reply::status(413, &[], b""),
        "PATCH"
            if asked.header("content-range") == Some("5242880-9437188")
                && !refused.swap(true, Ordering::Relaxed) =>
        {
            Reply::status(429, &[], b"")
        }
        // Its count lags behind.
        "GET" => Reply::status(204, &[PLACE, ("Range", "0-99")], b""),
        _ => takes(asked),
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(
        ranges(&server),
        ["0-5242879", "5242880-9437188", "5242880-9437188"]
    );
    Ok(())
}
