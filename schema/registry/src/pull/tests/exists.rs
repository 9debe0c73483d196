/*! Whether a blob is there, asked of registries and proxies that answer HEAD in their own ways. */

use fakes::{
    Reply, ScriptedServer,
    scripted::{ReceivedRequest, head},
};

use crate::{
    Error,
    testing::{Outcome, content, remote},
};

/// The first byte of a blob of 1000, as a good registry gives it.
fn first_byte() -> Reply {
    Reply::status(206, &[("Content-Range", "bytes 0-0/1000")], b"x")
}

fn is_head(asked: &ReceivedRequest) -> bool {
    asked.line.starts_with("HEAD")
}

#[tokio::test]
async fn a_head_without_a_usable_length_is_asked_again_by_the_first_byte() -> Outcome {
    let (_, blob) = content(1000);
    let digest = blob.digest.to_string();
    let told = vec![("Docker-Content-Digest", digest.as_str())];
    // What HEAD gets, and how many requests it takes to know.
    let table = [
        (
            "length 0 with the digest",
            Reply::Raw(head(200, &told, 0)),
            1,
        ),
        ("length 0", Reply::Raw(head(200, &[], 0)), 2),
        (
            "no length",
            Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            2,
        ),
        ("another length", Reply::Raw(head(200, &[], 20)), 2),
        ("no HEAD", Reply::status(405, &[], b""), 2),
        ("no HEAD for us", Reply::status(403, &[], b""), 2),
        ("the right length", Reply::Raw(head(200, &[], 1000)), 1),
    ];
    for (what, said, requests) in table {
        let server = ScriptedServer::start(move |asked, _| match is_head(asked) {
            true => said.clone(),
            false => first_byte(),
        })?;
        assert!(remote(&server)?.has_blob(&blob).await?, "{what}");
        assert_eq!(server.lines("/blobs/").len(), requests, "{what}");
    }
    let server = ScriptedServer::start(|asked, _| match is_head(asked) {
        true => Reply::Raw(head(200, &[], 0)),
        false => Reply::status(404, &[], b""),
    })?;
    assert!(!remote(&server)?.has_blob(&blob).await?);
    Ok(())
}

#[tokio::test]
async fn storage_that_refuses_head_or_everything_does_not_hide_a_blob() -> Outcome {
    let (_, blob) = content(1000);
    // Signed for GET; closed to us; or telling that the registry is wrong.
    type Case = (&'static str, fn(&ReceivedRequest) -> Reply, Option<bool>);
    let table: [Case; 4] = [
        (
            "GET only",
            |asked| {
                if is_head(asked) {
                    Reply::status(403, &[], b"")
                } else {
                    first_byte()
                }
            },
            Some(true),
        ),
        ("closed", |_| Reply::status(403, &[], b""), Some(true)),
        ("gone", |_| Reply::status(404, &[], b""), Some(false)),
        ("damaged", |_| Reply::status(200, &[], b"short"), None),
    ];
    for (what, answer, expected) in table {
        let storage = ScriptedServer::start(move |asked, _| answer(asked))?;
        let place = format!("http://{}/signed?for=get", storage.host);
        let server =
            ScriptedServer::start(move |_, _| Reply::status(307, &[("Location", &place)], b""))?;
        let found = remote(&server)?.has_blob(&blob).await;
        match expected {
            Some(expected) => assert_eq!(found?, expected, "{what}"),
            None => assert!(
                matches!(found, Err(Error::Protocol { .. })),
                "{what}: {found:?}"
            ),
        }
    }
    // Nobody listens there, as where storage is on a network of its own.
    let place = "http://127.0.0.1:1/signed";
    let server =
        ScriptedServer::start(move |_, _| Reply::status(307, &[("Location", place)], b""))?;
    assert!(remote(&server)?.has_blob(&blob).await?);
    Ok(())
}
