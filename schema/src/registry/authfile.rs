/*!
One credentials file, in the format of containers-auth.json(5) and docker's config.json: keys are hosts or `HOST/PATH`
prefixes, and the longest match wins.
*/

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose};
use serde::Deserialize;

use super::{
    Error,
    credentials::{Credentials, Secret, basic},
    helper,
};
use crate::Repository;

/// One file of credentials.
#[derive(Debug)]
pub(super) struct AuthFile {
    path: PathBuf,
    auths: BTreeMap<String, Entry>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Entry {
    auth: Option<SecretText>,
    username: Option<String>,
    password: Option<SecretText>,
    identitytoken: Option<SecretText>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl AuthFile {
    /// Reads a file; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(Error::Config(format!(
                    "credentials file {}: cannot be read: {error}",
                    path.display()
                )));
            }
        };
        Self::parse(path, &bytes).map(Some)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        // serde_json's own message may quote a value, so only the place is told.
        let broken = |error: serde_json::Error| {
            let (path, line, column) = (path.display(), error.line(), error.column());
            Error::Config(format!(
                "credentials file {path}: not of the expected JSON shape at line {line} column {column}"
            ))
        };
        let old = path.file_name().is_some_and(|name| name == ".dockercfg");
        let json = if old {
            let auths = serde_json::from_slice(bytes).map_err(broken)?;
            Json {
                auths,
                cred_helpers: BTreeMap::new(),
                creds_store: None,
            }
        } else {
            serde_json::from_slice(bytes).map_err(broken)?
        };
        Ok(Self {
            path: path.to_owned(),
            auths: json
                .auths
                .into_iter()
                .map(|(key, entry)| (normal(&key), entry))
                .collect(),
            helpers: json
                .cred_helpers
                .into_iter()
                .map(|(key, name)| (normal(&key), name))
                .collect(),
            store: json.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// What the file, or a helper it names, holds for a repository.
    pub(super) async fn find(
        &self,
        host: &str,
        repository: &Repository,
    ) -> Result<Option<Credentials>, Error> {
        let host = normal(host);
        let keys = keys(&host, repository);
        for key in &keys {
            if let Some(name) = self.helpers.get(key) {
                return helper::ask(name, key).await;
            }
        }
        for key in &keys {
            let Some(entry) = self.auths.get(key) else {
                continue;
            };
            if let Some(found) = self.credentials(key, entry)? {
                return Ok(Some(found));
            }
        }
        match &self.store {
            // Docker's own tools store Docker Hub under this name.
            Some(name) if host == "docker.io" => {
                helper::ask(name, "https://index.docker.io/v1/").await
            }
            Some(name) => helper::ask(name, &host).await,
            None => Ok(None),
        }
    }

    fn credentials(&self, key: &str, entry: &Entry) -> Result<Option<Credentials>, Error> {
        if let Some(SecretText(token)) = entry
            .identitytoken
            .as_ref()
            .filter(|token| !token.0.is_empty())
        {
            return Ok(Some(Credentials::Identity(Secret(token.clone()))));
        }
        if let Some(SecretText(auth)) = entry.auth.as_ref().filter(|auth| !auth.0.is_empty()) {
            let decoded = decode(auth).ok_or_else(|| {
                let path = self.path.display();
                Error::Config(format!("credentials file {path}: the \"auth\" of {key:?} is not base64 of USER:PASSWORD"))
            })?;
            return Ok(Some(decoded));
        }
        Ok(match (&entry.username, &entry.password) {
            (Some(user), Some(SecretText(password))) if !user.is_empty() => {
                Some(basic(user, password))
            }
            _ => None,
        })
    }
}

fn decode(auth: &str) -> Option<Credentials> {
    let bytes = general_purpose::STANDARD.decode(auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(basic(user, password.trim_end_matches('\0')))
}

/// A key without what docker adds to it: the scheme with any path, and Docker Hub's other names.
fn normal(key: &str) -> String {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let bare = bare
        .map_or(key, |rest| rest.split('/').next().unwrap_or(rest))
        .trim_end_matches('/');
    let (host, path) = bare
        .split_once('/')
        .map_or((bare, None), |(host, path)| (host, Some(path)));
    match (host, path) {
        ("index.docker.io" | "registry-1.docker.io" | "docker.io", None | Some("v1" | "v2")) => {
            "docker.io".to_owned()
        }
        _ => bare.to_owned(),
    }
}

/// `HOST/a/b`, `HOST/a`, `HOST`: the longest first.
fn keys(host: &str, repository: &Repository) -> Vec<String> {
    let mut key = format!("{host}/{repository}");
    let mut keys = vec![key.clone()];
    while let Some(at) = key.rfind('/') {
        key.truncate(at);
        keys.push(key.clone());
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

    async fn user(json: &str, host: &str, repository: &str) -> Result<String> {
        let file = AuthFile::parse(Path::new("auth.json"), json.as_bytes())?;
        Ok(match file.find(host, &repository.parse()?).await? {
            Some(Credentials::Basic(user, Secret(password))) => format!("{user}/{password}"),
            Some(Credentials::Identity(Secret(token))) => format!("token {token}"),
            None => "nobody".to_owned(),
        })
    }

    #[tokio::test]
    async fn the_longest_key_wins_and_docker_hub_has_many_names() -> Result<()> {
        let b64 = |text: &str| general_purpose::STANDARD.encode(text);
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
}
