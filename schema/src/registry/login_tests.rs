/*! Logging in, and not being logged in: against servers that hand out tokens, refuse them, and lead elsewhere. */

use std::{io, sync::Arc, time::Instant};

use futures_util::future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Error, Options, Registry, Slice,
    scripted::{Asked, INDEX, MANIFEST, Outcome, Scripted, content, remote, remote_with, say, tag},
};
use crate::{Digest, MediaType, Selector};

/// A registry with a token service on the same host; `valid` says which tokens it takes.
async fn token_server(
    valid: impl Fn(&Asked, &str) -> bool + Send + Sync + 'static,
) -> io::Result<Scripted> {
    Scripted::serve(move |asked, before| {
        if asked.line.starts_with("GET /token") {
            return say(
                200,
                &[],
                format!(r#"{{"token":"t{before}","expires_in":300}}"#).as_bytes(),
            );
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge = format!(
            r#"Bearer realm="http://{host}/token",service="s",scope="repository:a/b:pull""#
        );
        match asked
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
        {
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
    assert!(
        all.iter().all(
            |manifest| manifest.bytes == MANIFEST && manifest.media_type == MediaType::OciIndex
        )
    );
    assert_eq!(
        server.lines("/token"),
        ["GET /token?service=s&scope=repository%3Aa%2Fb%3Apull"]
    );
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_withdrawn_is_renewed() -> Outcome {
    let first = Arc::new(std::sync::Mutex::new(None::<String>));
    let server = token_server(move |asked, token| {
        let mut first = first
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = first.get_or_insert_with(|| token.to_owned());
        asked.line.ends_with("/v1") || first != token
    })
    .await?;
    let remote = remote(&server)?;
    remote.manifest(&tag()?).await?;
    remote
        .manifest(&Selector::Digest(Digest::of(MANIFEST)))
        .await?;
    assert_eq!(server.lines("/token").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_login_that_never_works_ends_with_a_sentence() -> Outcome {
    let server = token_server(|_, _| false).await?;
    let told = remote(&server)?
        .manifest(&tag()?)
        .await
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        told.contains("/a/b:v1: access denied (401)") && told.contains("may pull"),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_token_service_elsewhere_gets_no_secret_over_http() -> Outcome {
    let challenge = (
        "WWW-Authenticate",
        r#"Bearer realm="http://192.0.2.1/token""#,
    );
    let server = Scripted::serve(move |_, _| say(401, &[challenge], b"")).await?;
    let refused = remote(&server)?.manifest(&tag()?).await;
    assert!(
        matches!(&refused, Err(Error::Auth { detail, .. }) if detail.contains("no secret is sent")),
        "{refused:?}"
    );
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
    std::fs::write(
        authfile.path(),
        format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, registry.host),
    )?;
    let got = remote_with(&registry.host, Some(authfile.path()))?
        .blob_range(&blob, 0, 5000)
        .await?;
    assert_eq!(got, Slice::Bytes(bytes));
    assert!(
        store
            .asked()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
    assert_eq!(store.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn plain_http_where_tls_was_expected_is_said() -> Outcome {
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b""] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let _whole_hello = stream.read(&mut [0; 8192]).await?;
            stream.write_all(answer).await
        });
        let registry = Registry::new(
            &host,
            &Options {
                retries: 0,
                ..Options::default()
            },
        )?;
        let told = registry
            .repository(&"a".parse()?)
            .manifest(&tag()?)
            .await
            .err()
            .map(|error| error.to_string());
        assert!(
            told.as_deref()
                .is_some_and(|text| text.contains(&host) && text.contains("--plain-http")),
            "{told:?}"
        );
        serving.await??;
    }
    Ok(())
}

#[tokio::test]
async fn identity_tokens_are_exchanged_and_short_lives_renewed() -> Outcome {
    let server = Scripted::serve(|asked, before| {
        if asked.line == "POST /token" {
            // A lifetime of one second is over, margin included, before the next second is.
            let answer = format!(r#"{{"access_token":"t{before}","expires_in":1}}"#);
            return say(200, &[], answer.as_bytes());
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge = format!(r#"Bearer realm="http://{host}/token",service="s""#);
        match asked.header("authorization") {
            Some(_) => say(200, &[INDEX], MANIFEST),
            None => say(401, &[("WWW-Authenticate", &challenge)], b""),
        }
    })
    .await?;
    let authfile = tempfile::NamedTempFile::new()?;
    let auths = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"id&1"}}}}}}"#,
        server.host
    );
    std::fs::write(authfile.path(), auths)?;
    let remote = remote_with(&server.host, Some(authfile.path()))?;
    let begun = Instant::now();
    while server.lines("POST /token").len() < 2 && begun.elapsed().as_secs() < 10 {
        remote.manifest(&tag()?).await?;
    }
    assert!(begun.elapsed().as_millis() >= 750);
    let asked = server.asked();
    let form = asked
        .iter()
        .find(|asked| asked.line == "POST /token")
        .map(|asked| asked.body.clone());
    let form = String::from_utf8(form.unwrap_or_default())?;
    let expected = "grant_type=refresh_token&service=s&client_id=airgap-bundle&scope=repository%3Aa%2Fb%3Apull&refresh_token=id%261";
    assert_eq!(form, expected);
    assert_eq!(asked.iter().filter(|asked| asked.line.starts_with("GET") && asked.header("authorization").is_none()).count(), 1);
    Ok(())
}
