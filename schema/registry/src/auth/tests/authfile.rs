/*! Files as tools and hands write them. */

use std::path::Path;

use base64::Engine as _;

use crate::auth::{
    authfile::*,
    credentials::{Credentials, Secret},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn user(json: &str, host: &str, repository: &str) -> Result<String> {
    let file = AuthFile::parse(Path::new("auth.json"), json.as_bytes())?;
    Ok(match &file.find(host, &repository.parse()?).await? {
        Some(Credentials::Basic(user, Secret(password))) => format!("{user}/{password}"),
        Some(Credentials::Identity(Secret(token))) => format!("token {token}"),
        None => "nobody".to_owned(),
    })
}

#[tokio::test]
async fn the_longest_key_wins_and_docker_hub_has_many_names() -> Result<()> {
    let b64 = |text: &str| AUTH.encode(text);
    let json = format!(
        r#"{{"auths":{{"q.io":{{"auth":"{}"}},"q.io/org":{{"auth":"{}"}},"q.io/org/app":{{"username":"app","password":"3"}},
        "https://index.docker.io/v1/":{{"auth":"{}"}},"https://r:5000/v2/":{{"identitytoken":"t"}},"empty.io":{{}},
        "<odd":{{"auth":"{}"}}}}}}"#,
        b64("host:1:1"),
        b64("org:2"),
        b64("hub:4\0\0"),
        b64("<token>:x"),
    );
    let table = [
        ("q.io", "other/app", "host/1:1"),
        ("q.io", "org", "org/2"),
        ("q.io", "org/app", "app/3"),
        ("q.io", "org/app/deep", "app/3"),
        ("q.io", "org/apple", "org/2"),
        ("q.io", "organisation", "host/1:1"),
        ("docker.io", "library/nginx", "hub/4"),
        ("registry-1.docker.io", "library/nginx", "hub/4"),
        ("r:5000", "a", "token t"),
        ("r", "a", "nobody"),
        ("empty.io", "a", "nobody"),
        ("<odd", "a", "token x"),
    ];
    for (host, repository, expected) in table {
        assert_eq!(
            user(&json, host, repository).await?,
            expected,
            "{host}/{repository}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn files_that_say_nothing_are_no_error() -> Result<()> {
    for json in [
        "",
        " \n",
        "{}",
        "null",
        r#"{"auths":null,"credHelpers":null,"credsStore":null}"#,
        r#"{"auths":{"h":null}}"#,
        r#"{"credHelpers":{"h":""},"credsStore":""}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(user(json, "h", "a").await?, "nobody", "{json:?}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_and_secrets_are_taken_as_tools_and_hands_write_them() -> Result<()> {
    for key in [
        "h:5",
        "http://h:5",
        "https://h:5/v2/",
        "https://h:5/v1",
        "h:5/",
        "h:5/v2/",
        "H:5",
        "h:5/team",
        "h:5/team/",
        "h:5/team/app",
    ] {
        let json = format!(r#"{{"auths":{{"{key}":{{"auth":"dTpw"}}}}}}"#);
        assert_eq!(user(&json, "h:5", "team/app").await?, "u/p", "{key}");
        assert_eq!(user(&json, "h", "team/app").await?, "nobody", "{key}");
    }
    let secret = AUTH.encode("röbot:pä:ss wörd");
    let bare = secret.trim_end_matches('=');
    for auth in [
        secret.as_str(),
        bare,
        &format!("{}\\n{}", &bare[..8], &bare[8..]),
        &format!(" {secret}\\r\\n"),
    ] {
        let json = format!(r#"{{"auths":{{"[::1]:5":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(
            user(&json, "[::1]:5", "a").await?,
            "röbot/pä:ss wörd",
            "{auth}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_helper_that_is_gone_leaves_what_the_file_itself_holds() -> Result<()> {
    let json = r#"{"auths":{"h":{"auth":"dTpw"}},"credHelpers":{"h":"of-no-product"},"credsStore":"of-no-product"}"#;
    assert_eq!(user(json, "h", "a").await?, "u/p");
    assert_eq!(user(json, "other", "a").await?, "nobody");
    Ok(())
}

#[tokio::test]
async fn a_broken_file_is_named_and_not_quoted() -> Result<()> {
    let told = |json: &str| {
        AuthFile::parse(Path::new("/x/auth.json"), json.as_bytes())
            .err()
            .map(|e| e.to_string())
    };
    let message = told(r#"{"auths":"hunter2"}"#).unwrap_or_default();
    assert!(
        message.contains("/x/auth.json")
            && message.contains("line 1")
            && !message.contains("hunter2"),
        "{message}"
    );
    let bad = user(r#"{"auths":{"h":{"auth":"hunter2!"}}}"#, "h", "a")
        .await
        .err()
        .map(|e| e.to_string());
    assert!(bad.is_some_and(|text| text.contains("\"h\"") && !text.contains("hunter2")));
    let shown = format!(
        "{:?}",
        AuthFile::parse(Path::new("f"), br#"{"auths":{"h":{"password":"hunter2"}}}"#)?
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    Ok(())
}
