/*! What is there already, what is refused for good, and tags that must not change. */

use fakes::{Reply, ScriptedServer, scripted::head};

use super::{arrived, takes, verbs};
use crate::{
    Error, Mount,
    testing::{Outcome, content, remote},
};

#[tokio::test]
async fn a_blob_that_is_there_when_it_is_announced_is_not_sent() -> Outcome {
    let (bytes, blob) = content(1000);
    let server = ScriptedServer::start(|asked, _| match asked.method() {
        "POST" => Reply::status(201, &[("Location", "/v2/a/b/blobs/x")], b""),
        _ => Reply::Raw(head(200, &[], 1000)),
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(verbs(&server), "POST HEAD");
    Ok(())
}

#[tokio::test]
async fn a_mount_that_is_refused_in_any_way_becomes_an_upload() -> Outcome {
    let (bytes, blob) = content(1000);
    for status in [200, 202, 400, 403, 404, 405, 409, 500] {
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            "POST" if asked.line.contains("mount=") => Reply::status(status, &[], b""),
            _ => takes(asked),
        })?;
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
    let table: [(&str, Reply, &str); 4] = [
        (
            "POST",
            Reply::status(405, &[], b""),
            "read-only or maintenance mode",
        ),
        (
            "POST",
            Reply::status(429, &[("Retry-After", "7200")], b""),
            "left alone for 2 h",
        ),
        ("PUT", Reply::status(403, &[], quota), "raise the quota"),
        ("POST", Reply::status(404, &[], b""), "may not exist there"),
    ];
    for (on, said, words) in table {
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            verb if verb == on => said.clone(),
            _ => takes(asked),
        })?;
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
        let asked = server.requests().len();
        assert_eq!(told(2000).await?, first);
        assert_eq!(server.requests().len(), asked, "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn tags_that_must_not_change_are_right_already_or_told_with_both_digests() -> Outcome {
    let digest = schema::Digest::of(crate::testing::MANIFEST);
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
            let server = ScriptedServer::start(move |asked, _| match asked.method() {
                "PUT" => Reply::status(status, &[], body.as_bytes()),
                _ => Reply::status(200, &[("Docker-Content-Digest", &there.to_string())], b""),
            })?;
            let manifest = bytes::Bytes::from_static(crate::testing::MANIFEST);
            let tag = crate::testing::tag()?;
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
