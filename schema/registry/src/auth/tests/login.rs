/*! Logging in, and not being logged in: against servers that hand out tokens, refuse them, and lead elsewhere. */

use std::{io, sync::Arc, time::Instant};

use fakes::{Reply, ScriptedServer, scripted::ReceivedRequest};
use futures_util::future;
use schema::{Digest, MediaType, Selector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    Error, Options, Registry,
    testing::{INDEX, MANIFEST, Outcome, remote, remote_with, tag},
};

/// `u` with the password `p`, for that server.
pub(crate) fn authfile(server: &ScriptedServer) -> io::Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    let auths = format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host);
    std::fs::write(file.path(), auths)?;
    Ok(file)
}

/// A registry with a token service on the same host; `valid` says which tokens it takes.
fn token_server(
    valid: impl Fn(&ReceivedRequest, &str) -> bool + Send + Sync + 'static,
) -> Result<ScriptedServer, Box<dyn std::error::Error>> {
    Ok(ScriptedServer::start(move |asked, before| {
        if asked.line.starts_with("GET /token") {
            return Reply::status(
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
            Some(token) if valid(asked, token) => Reply::status(200, &[INDEX], MANIFEST),
            _ => Reply::status(401, &[("WWW-Authenticate", &challenge)], b""),
        }
    })?)
}

#[tokio::test]
async fn many_requests_share_one_token() -> Outcome {
    let server = token_server(|_, _| true)?;
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
    })?;
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
    let server = token_server(|_, _| false)?;
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
    let server = ScriptedServer::start(move |_, _| Reply::status(401, &[challenge], b""))?;
    let authfile = authfile(&server)?;
    let remote = remote_with(&server.host, Some(authfile.path()))?;
    let refused = remote.manifest(&tag()?).await;
    assert!(
        matches!(&refused, Err(Error::Auth { detail, .. }) if detail.contains("no secret is sent")),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn who_has_no_secret_may_ask_for_a_token_over_http() -> Outcome {
    let service = ScriptedServer::start(|asked, _| match asked.line.as_str() {
        line if line.starts_with("GET /moved") => Reply::status(
            200,
            &[],
            br#"{"token":"","access_token":"t","expires_in":"300"}"#,
        ),
        _ => Reply::status(301, &[("Location", "/moved")], b""),
    })?;
    let challenge = format!(r#"Bearer realm="http://{}/token""#, service.host);
    let registry = ScriptedServer::start(move |asked, _| match asked.header("authorization") {
        Some("Bearer t") => Reply::status(200, &[INDEX], MANIFEST),
        _ => Reply::status(401, &[("WWW-Authenticate", &challenge)], b""),
    })?;
    // Over another name than the registry's: not the same host.
    let host = registry.host.replace("127.0.0.1", "localhost");
    remote_with(&host, None)?.manifest(&tag()?).await?;
    assert_eq!(service.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn answers_of_token_services_are_read_as_they_come() -> Outcome {
    let table = [
        (r#"{"access_token":"t"}"#, true),
        (r#"{"token":"t","expires_in":"300"}"#, true),
        (r#"{"token":"t","expires_in":null}"#, true),
        (r#"{"token":"t","expires_in":0}"#, true),
        (r#"{"token":"t","expires_in":-1,"issued_at":5}"#, true),
        (r#"{"token":null,"access_token":"t"}"#, true),
        (r#"{"token":""}"#, false),
        (r#"{"token":"","access_token":""}"#, false),
        ("{}", false),
        ("<html>", false),
    ];
    for (answer, usable) in table {
        let server = ScriptedServer::start(move |asked, _| {
            let host = asked.header("host").unwrap_or_default();
            let challenge = format!(r#"Bearer realm="http://{host}/token""#);
            match asked.header("authorization") {
                _ if asked.line.starts_with("GET /token") => {
                    Reply::status(200, &[], answer.as_bytes())
                }
                Some("Bearer t") => Reply::status(200, &[INDEX], MANIFEST),
                _ => Reply::status(401, &[("WWW-Authenticate", &challenge)], b""),
            }
        })?;
        let got = remote(&server)?.manifest(&tag()?).await;
        assert_eq!(got.is_ok(), usable, "{answer}: {got:?}");
    }
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
    let server = ScriptedServer::start(|asked, before| {
        if asked.line == "POST /token" {
            // A lifetime of one second is over, margin included, before the next second is.
            let answer = format!(r#"{{"access_token":"t{before}","expires_in":1}}"#);
            return Reply::status(200, &[], answer.as_bytes());
        }
        let host = asked.header("host").unwrap_or_default();
        let challenge = format!(r#"Bearer realm="http://{host}/token",service="s""#);
        match asked.header("authorization") {
            Some(_) => Reply::status(200, &[INDEX], MANIFEST),
            None => Reply::status(401, &[("WWW-Authenticate", &challenge)], b""),
        }
    })?;
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
    let asked = server.requests();
    let form = asked
        .iter()
        .find(|asked| asked.line == "POST /token")
        .map(|asked| asked.body.clone());
    let form = String::from_utf8(form.unwrap_or_default())?;
    let expected = "grant_type=refresh_token&service=s&client_id=offline-bundle&scope=repository%3Aa%2Fb%3Apull&refresh_token=id%261";
    assert_eq!(form, expected);
    assert_eq!(asked.iter().filter(|asked| asked.line.starts_with("GET") && asked.header("authorization").is_none()).count(), 1);
    Ok(())
}
