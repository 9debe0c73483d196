/*! Uploads as registries and the proxies before them spoil them: refused forms, wrong counts, slow ends, closed doors. */

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{
    Error, Mount,
    scripted::{Asked, Outcome, Say, Scripted, content, remote, say},
};

const PLACE: (&str, &str) = ("Location", "/up");

fn verb(asked: &Asked) -> &str {
    asked.line.split(' ').next().unwrap_or_default()
}

fn length(asked: &Asked) -> usize {
    let told = asked.header("content-length");
    told.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn verbs(server: &Scripted) -> String {
    let asked = server.asked();
    asked.iter().map(verb).collect::<Vec<_>>().join(" ")
}

/// What arrived in the last upload, whatever the form: an upload that is begun again starts at nothing.
fn arrived(server: &Scripted) -> Vec<u8> {
    let mut bytes = Vec::new();
    for asked in server.asked() {
        match verb(&asked) {
            "POST" => bytes.clear(),
            "PUT" | "PATCH" => bytes.extend(asked.body),
            _ => {}
        }
    }
    bytes
}

/// A registry that takes every upload, with 404 for what is asked of it.
fn takes(asked: &Asked) -> Say {
    match verb(asked) {
        "POST" | "PATCH" => say(202, &[PLACE], b""),
        "PUT" => say(201, &[], b""),
        _ => say(404, &[], b""),
    }
}

#[tokio::test]
async fn a_whole_put_that_is_refused_goes_as_patch_and_so_do_all_after_it() -> Outcome {
    for status in [400, 404, 405, 411, 413, 415] {
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            "PUT" if length(asked) > 0 => say(status, &[], b""),
            _ => takes(asked),
        })
        .await?;
        let (bytes, blob) = content(1000);
        let remote = remote(&server)?;
        remote.push_blob(&blob, &bytes, None).await?;
        assert_eq!(arrived(&server), bytes, "{status}");
        let all = verbs(&server);
        assert!(all.ends_with("DELETE POST PATCH PUT"), "{status}: {all}");
        let (more, other) = content(2000);
        let before = server.asked().len();
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
    let server = Scripted::serve(|asked, _| match verb(asked) {
        _ if length(asked) > 1 << 20 => Say::Hang(100_000),
        _ => takes(asked),
    })
    .await?;
    let (bytes, blob) = content((5 << 20) + 7);
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert!(arrived(&server) == bytes);
    let largest = server
        .asked()
        .iter()
        .rev()
        .take_while(|asked| verb(asked) != "POST")
        .map(length)
        .max();
    assert_eq!(largest, Some(1 << 20));
    // One that lets nothing through is given up.
    let server = Scripted::serve(|asked, _| match verb(asked) {
        _ if length(asked) > 0 => Say::Hang(1000),
        _ => takes(asked),
    })
    .await?;
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
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            "PUT" if length(asked) > 0 => say(413, &[], b""),
            "PATCH" => say(202, &[PLACE, ("Range", range)], b""),
            _ => takes(asked),
        })
        .await?;
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
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            "PUT" if !cut.swap(true, Ordering::Relaxed) => Say::Hang(100_000),
            "GET" => say(204, &[PLACE, ("Range", range)], b""),
            _ => takes(asked),
        })
        .await?;
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
    let server = Scripted::serve(move |asked, _| match verb(asked) {
        "PUT" => match puts.fetch_add(1, Ordering::Relaxed) {
            0 => Say::Hang(100_000),
            1 => say(400, &[], br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#),
            2 => Say::Hang(100_000),
            _ => say(201, &[], b""),
        },
        "GET" => say(204, &[PLACE, ("Range", "0-100000")], b""),
        _ => takes(asked),
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(arrived(&server), bytes);
    assert_eq!(server.lines("PATCH").len(), 1, "{}", verbs(&server));
    Ok(())
}

#[tokio::test]
async fn a_part_that_is_refused_for_now_is_sent_again_and_what_came_before_it_is_not() -> Outcome {
    let (bytes, blob) = content((9 << 20) + 5);
    let refused = AtomicBool::new(false);
    let server = Scripted::serve(move |asked, _| match verb(asked) {
        "PUT" if length(asked) > 0 => say(413, &[], b""),
        "PATCH"
            if asked.header("content-range") == Some("5242880-9437188")
                && !refused.swap(true, Ordering::Relaxed) =>
        {
            say(429, &[], b"")
        }
        // Its count lags behind.
        "GET" => say(204, &[PLACE, ("Range", "0-99")], b""),
        _ => takes(asked),
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    let asked = server.asked();
    let ranges: Vec<_> = asked
        .iter()
        .filter_map(|asked| asked.header("content-range"))
        .collect();
    assert_eq!(ranges, ["0-5242879", "5242880-9437188", "5242880-9437188"]);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_no_reason_to_send_the_bytes_again() -> Outcome {
    let (bytes, blob) = content(1000);
    // What the last PUT gets, and how many questions later the blob is there.
    let table: [(&str, Say, usize); 6] = [
        ("504", say(504, &[], b""), 5),
        ("502", say(502, &[], b""), 4),
        ("524", say(524, &[], b""), 4),
        ("cut", Say::Cut(Vec::new()), 0),
        ("202", say(202, &[], b""), 4),
        ("204", say(204, &[], b""), 0),
    ];
    for (what, said, questions) in table {
        let asked_for = AtomicUsize::new(0);
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            "PUT" => said.clone(),
            "HEAD" if asked_for.fetch_add(1, Ordering::Relaxed) >= questions => {
                Say::Raw(crate::scripted::head(200, &[], 1000))
            }
            _ => takes(asked),
        })
        .await?;
        remote(&server)?.push_blob(&blob, &bytes, None).await?;
        assert_eq!(server.lines("PUT").len(), 1, "{what}: {}", verbs(&server));
        assert_eq!(server.lines("HEAD").len(), questions + 1, "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for_once_the_blob_is_there() -> Outcome {
    let (bytes, blob) = content(1000);
    let asked_for = AtomicUsize::new(0);
    let server = Scripted::serve(move |asked, _| match verb(asked) {
        "PUT" => Say::Silence,
        "HEAD" if asked_for.fetch_add(1, Ordering::Relaxed) >= 2 => {
            Say::Raw(crate::scripted::head(200, &[], 1000))
        }
        _ => takes(asked),
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(verbs(&server), "POST PUT HEAD HEAD HEAD");
    Ok(())
}

#[tokio::test]
async fn an_upload_whose_last_answer_was_lost_and_that_is_still_whole_is_only_finished_again()
-> Outcome {
    let (bytes, blob) = content(1000);
    let puts = AtomicUsize::new(0);
    let server = Scripted::serve(move |asked, _| match verb(asked) {
        "PUT" if puts.fetch_add(1, Ordering::Relaxed) == 0 => say(502, &[], b""),
        "GET" => say(204, &[PLACE, ("Range", "0-999")], b""),
        _ => takes(asked),
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(arrived(&server), bytes, "sent once");
    assert_eq!(server.lines("POST").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_blob_that_is_there_when_it_is_announced_is_not_sent() -> Outcome {
    let (bytes, blob) = content(1000);
    let server = Scripted::serve(|asked, _| match verb(asked) {
        "POST" => say(201, &[("Location", "/v2/a/b/blobs/x")], b""),
        _ => Say::Raw(crate::scripted::head(200, &[], 1000)),
    })
    .await?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(verbs(&server), "POST HEAD");
    Ok(())
}

#[tokio::test]
async fn a_mount_that_is_refused_in_any_way_becomes_an_upload() -> Outcome {
    let (bytes, blob) = content(1000);
    for status in [200, 202, 400, 403, 404, 405, 409, 500] {
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            "POST" if asked.line.contains("mount=") => say(status, &[], b""),
            _ => takes(asked),
        })
        .await?;
        let remote = remote(&server)?;
        let Mount::Refused(session) = remote.mount(&blob, &"other".parse()?).await? else {
            return Err(format!("{status}: mounted").into());
        };
        remote.push_blob(&blob, &bytes, Some(session)).await?;
        assert_eq!(arrived(&server), bytes, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn what_holds_for_every_blob_is_asked_and_told_once() -> Outcome {
    let quota =
        br#"{"errors":[{"code":"DENIED","message":"adding 1 KiB will exceed the project quota"}]}"#;
    let table: [(&str, Say, &str); 4] = [
        ("POST", say(405, &[], b""), "read-only or maintenance mode"),
        (
            "POST",
            say(429, &[("Retry-After", "7200")], b""),
            "left alone for 2 h",
        ),
        ("PUT", say(403, &[], quota), "raise the quota"),
        ("POST", say(404, &[], b""), "may not exist there"),
    ];
    for (on, said, words) in table {
        let server = Scripted::serve(move |asked, _| match verb(asked) {
            verb if verb == on => said.clone(),
            _ => takes(asked),
        })
        .await?;
        let remote = remote(&server)?;
        let told = async |size| {
            let (bytes, blob) = content(size);
            match remote.push_blob(&blob, &bytes, None).await {
                Err(error @ Error::Closed { .. }) => Ok(error.to_string()),
                other => Err(format!("{words}: {other:?}")),
            }
        };
        let first = told(1000).await?;
        assert!(first.contains(words), "{first}");
        let asked = server.asked().len();
        assert_eq!(told(2000).await?, first);
        assert_eq!(server.asked().len(), asked, "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn tags_that_must_not_change_are_right_already_or_told_with_both_digests() -> Outcome {
    let digest = schema::Digest::of(crate::scripted::MANIFEST);
    let other = schema::Digest::of(b"other");
    // As at GitLab and zot, Harbor, ECR, Nexus, Artifactory.
    let refusals = [
        (409, ""),
        (412, "configured as immutable"),
        (400, "the tag already exists and is immutable"),
        (400, "Repository does not allow updating assets"),
        (403, "not enough permissions to overwrite"),
    ];
    for (status, message) in refusals {
        for there in [digest, other] {
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
            let server = Scripted::serve(move |asked, _| match verb(asked) {
                "PUT" => say(status, &[], body.as_bytes()),
                _ => say(200, &[("Docker-Content-Digest", &there.to_string())], b""),
            })
            .await?;
            let manifest = bytes::Bytes::from_static(crate::scripted::MANIFEST);
            let tag = crate::scripted::tag()?;
            let put = remote(&server)?
                .put_manifest(&tag, schema::MediaType::OciIndex, manifest)
                .await;
            match put {
                Ok(_) => assert_eq!(there, digest, "{status} {message}"),
                Err(error) => {
                    let told = error.to_string();
                    assert!(matches!(error, Error::Immutable { .. }), "{told}");
                    assert!(
                        told.contains(&other.to_string()) && told.contains(&digest.to_string())
                    );
                }
            }
        }
    }
    Ok(())
}
