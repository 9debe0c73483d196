/*! Whether a blob is there, asked of registries and proxies that answer HEAD in their own ways. */

use crate::{
    Error,
    scripted::{Asked, Outcome, Say, Scripted, content, head, remote, say},
};

/// The first byte of a blob of 1000, as a good registry gives it.
fn first_byte() -> Say {
    say(206, &[("Content-Range", "bytes 0-0/1000")], b"x")
}

fn is_head(asked: &Asked) -> bool {
    asked.line.starts_with("HEAD")
}

#[tokio::test]
async fn a_head_without_a_usable_length_is_asked_again_by_the_first_byte() -> Outcome {
    let (_, blob) = content(1000);
    let digest = blob.digest.to_string();
    let told = vec![("Docker-Content-Digest", digest.as_str())];
    // What HEAD gets, and how many requests it takes to know.
    let table = [
        ("length 0 with the digest", Say::Raw(head(200, &told, 0)), 1),
        ("length 0", Say::Raw(head(200, &[], 0)), 2),
        (
            "no length",
            Say::Raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            2,
        ),
        ("another length", Say::Raw(head(200, &[], 20)), 2),
        ("no HEAD", say(405, &[], b""), 2),
        ("no HEAD for us", say(403, &[], b""), 2),
        ("the right length", Say::Raw(head(200, &[], 1000)), 1),
    ];
    for (what, said, requests) in table {
        let server = Scripted::serve(move |asked, _| match is_head(asked) {
            true => said.clone(),
            false => first_byte(),
        })
        .await?;
        assert!(remote(&server)?.has_blob(&blob).await?, "{what}");
        assert_eq!(server.lines("/blobs/").len(), requests, "{what}");
    }
    let server = Scripted::serve(|asked, _| match is_head(asked) {
        true => Say::Raw(head(200, &[], 0)),
        false => say(404, &[], b""),
    })
    .await?;
    assert!(!remote(&server)?.has_blob(&blob).await?);
    Ok(())
}

#[tokio::test]
async fn storage_that_refuses_head_or_everything_does_not_hide_a_blob() -> Outcome {
    let (_, blob) = content(1000);
    // Signed for GET; closed to us; or telling that the registry is wrong.
    type Case = (&'static str, fn(&Asked) -> Say, Option<bool>);
    let table: [Case; 4] = [
        (
            "GET only",
            |asked| {
                if is_head(asked) {
                    say(403, &[], b"")
                } else {
                    first_byte()
                }
            },
            Some(true),
        ),
        ("closed", |_| say(403, &[], b""), Some(true)),
        ("gone", |_| say(404, &[], b""), Some(false)),
        ("damaged", |_| say(200, &[], b"short"), None),
    ];
    for (what, answer, expected) in table {
        let storage = Scripted::serve(move |asked, _| answer(asked)).await?;
        let place = format!("http://{}/signed?for=get", storage.host);
        let server = Scripted::serve(move |_, _| say(307, &[("Location", &place)], b"")).await?;
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
    let server = Scripted::serve(move |_, _| say(307, &[("Location", place)], b"")).await?;
    assert!(remote(&server)?.has_blob(&blob).await?);
    Ok(())
}
