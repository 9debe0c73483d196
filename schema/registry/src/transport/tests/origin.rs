/*! Where a registry leads, and where it says how to log in: what goes there, and what does not. */

use fakes::{Reply, ScriptedServer};
use schema::Selector;

use crate::{
    Options, Registry, Slice,
    auth::tests::login::authfile,
    testing::{INDEX, MANIFEST, Outcome, content, remote, remote_with, tag},
};

/// Nexus and Artifactory behind some proxies, and registries that hide what is private.
#[tokio::test]
async fn a_challenge_that_stands_at_the_base_only_is_found() -> Outcome {
    for (status, challenge) in [
        (401, "Basic realm=x"),
        (403, "Basic realm=x"),
        (404, "bearer"),
        (401, "bearer"),
    ] {
        let server = ScriptedServer::start(move |asked, _| {
            let host = asked.header("host").unwrap_or_default();
            let bearer = format!(r#"Bearer realm="http://{host}/token",service="s""#);
            let challenge = if challenge == "bearer" {
                bearer.as_str()
            } else {
                challenge
            };
            match (asked.line.as_str(), asked.header("authorization")) {
                (line, _) if line.starts_with("GET /token") => {
                    Reply::status(200, &[], br#"{"access_token":"t"}"#)
                }
                (_, Some("Basic dTpw" | "Bearer t")) => Reply::status(200, &[INDEX], MANIFEST),
                ("GET /v2/", _) => Reply::status(401, &[("WWW-Authenticate", challenge)], b""),
                _ => Reply::status(status, &[], b""),
            }
        })?;
        let authfile = authfile(&server)?;
        let remote = remote_with(&server.host, Some(authfile.path()))?;
        remote.manifest(&tag()?).await?;
        remote.manifest(&tag()?).await?;
        assert_eq!(
            server.lines("GET /v2/").len(),
            4,
            "{status} {challenge}: {:?}",
            server.lines("")
        );
        assert_eq!(
            server
                .requests()
                .iter()
                .filter(|asked| asked.line == "GET /v2/")
                .count(),
            1
        );
    }
    Ok(())
}

/// What is public stays so, though `/v2/` asks for a login that nobody has.
#[tokio::test]
async fn what_is_missing_in_public_is_just_missing() -> Outcome {
    let server = ScriptedServer::start(|asked, _| match asked.line.as_str() {
        "GET /v2/" => Reply::status(401, &[("WWW-Authenticate", "Basic realm=x")], b""),
        line if line.ends_with("/v1") => Reply::status(200, &[INDEX], MANIFEST),
        _ => Reply::status(404, &[], b""),
    })?;
    let remote = remote(&server)?;
    let missing = remote
        .find_manifest(&Selector::Tag("other".parse()?))
        .await?;
    assert_eq!(missing, None);
    remote.manifest(&tag()?).await?;
    Ok(())
}

#[tokio::test]
async fn an_upload_goes_to_no_other_host_that_was_not_allowed() -> Outcome {
    let (bytes, blob) = content(100);
    let elsewhere = ScriptedServer::start(|_, _| Reply::status(201, &[], b""))?;
    let place = format!("http://{}/upload", elsewhere.host);
    let registry = ScriptedServer::start(move |asked, _| match asked.header("authorization") {
        Some(_) => Reply::status(202, &[("Location", &place)], b""),
        None => Reply::status(401, &[("WWW-Authenticate", "Basic realm=x")], b""),
    })?;
    let authfile = authfile(&registry)?;
    let options = |allowed: crate::Hosts, plain_http| Options {
        plain_http,
        allow_upload_host: allowed,
        authfile: Some(authfile.path().to_owned()),
        retries: 0,
        ..Options::default()
    };
    let push = async |options| -> Result<(), Box<dyn std::error::Error>> {
        let remote = Registry::new(&registry.host, &options)?.repository(&"a/b".parse()?);
        Ok(remote.push_blob(&blob, &bytes, None).await?)
    };
    let all = crate::Hosts::all;
    let told = push(options(crate::Hosts::default(), all()))
        .await
        .err()
        .map(|error| error.to_string());
    let flag = format!("--allow-upload-host {}", elsewhere.host);
    assert!(
        told.as_ref().is_some_and(|told| told.contains(&flag)),
        "{told:?}"
    );
    // Plain HTTP for the registry is none for the other host.
    let only = crate::Hosts::default().and(&registry.host);
    let told = push(options(all(), only))
        .await
        .err()
        .map(|error| error.to_string());
    assert!(
        told.as_ref()
            .is_some_and(|told| told.contains("without TLS")),
        "{told:?}"
    );
    assert!(elsewhere.requests().is_empty());
    push(options(crate::Hosts::default().and(&elsewhere.host), all())).await?;
    assert_eq!(elsewhere.requests().len(), 1);
    assert!(
        elsewhere
            .requests()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
    Ok(())
}

#[tokio::test]
async fn redirects_to_another_host_carry_no_credentials() -> Outcome {
    let (bytes, blob) = content(5000);
    let body = bytes.clone();
    let store = ScriptedServer::start(move |_, _| Reply::status(200, &[], &body))?;
    let place = format!("http://{}/object?signed=1", store.host);
    let registry = ScriptedServer::start(move |asked, _| match asked.header("authorization") {
        Some("Basic dTpw") => Reply::status(307, &[("Location", &place)], b""),
        _ => Reply::status(401, &[("WWW-Authenticate", "Basic realm=x")], b""),
    })?;
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
            .requests()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
    assert_eq!(store.requests().len(), 1);
    Ok(())
}
