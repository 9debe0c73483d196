/*!
Who we are at a registry: the files that podman, skopeo, oc and docker write, in the order their users expect.

The format is containers-auth.json(5): keys are hosts or `HOST/PATH` prefixes, the longest match wins. A broken file is
an error that says where, never what it holds.
*/

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose};
use serde::Deserialize;

use super::{Error, helper};
use crate::Repository;

/// A text that neither `Debug` nor any error shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What to show a registry or its token service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// User name and password.
    Basic(String, Secret),
    /// An OAuth2 refresh token, which is exchanged for access tokens.
    Identity(Secret),
}

/// The credential files of this user, read once.
#[derive(Debug)]
pub(super) struct Store(Vec<AuthFile>);

impl Store {
    /// Reads `--authfile`, or else every file of the search order that exists.
    pub(super) fn read(authfile: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = authfile {
            let file = AuthFile::read(path)?
                .ok_or_else(|| Error::Config(format!("--authfile {}: no such file", path.display())))?;
            return Ok(Self(vec![file]));
        }
        let mut files = Vec::new();
        for path in places(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)) {
            files.extend(AuthFile::read(&path)?);
        }
        Ok(Self(files))
    }

    /// The credentials for a repository: of the first file that has any.
    pub(super) async fn find(&self, host: &str, repository: &Repository) -> Result<Option<Credentials>, Error> {
        for file in &self.0 {
            if let Some(found) = file.find(host, repository).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Where to look, first match first.
fn places(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let home = variable("HOME");
    let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let uid = rustix::process::getuid().as_raw();
    [
        variable("REGISTRY_AUTH_FILE"),
        variable("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
        Some(PathBuf::from(format!("/run/containers/{uid}/auth.json"))),
        variable("XDG_CONFIG_HOME").or_else(|| under_home(".config")).map(|directory| directory.join("containers/auth.json")),
        variable("DOCKER_CONFIG").map(|directory| directory.join("config.json")),
        under_home(".docker/config.json"),
        under_home(".dockercfg"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[derive(Debug)]
struct AuthFile {
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
    fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => {
                return Err(Error::Config(format!("credentials file {}: cannot be read: {error}", path.display())));
            }
        };
        Self::parse(path, &bytes).map(Some)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        // serde_json's own message may quote a value, so only the place is told.
        let broken = |error: serde_json::Error| {
            let (path, line, column) = (path.display(), error.line(), error.column());
            Error::Config(format!("credentials file {path}: not of the expected JSON shape at line {line} column {column}"))
        };
        let old = path.file_name().is_some_and(|name| name == ".dockercfg");
        let json = if old {
            let auths = serde_json::from_slice(bytes).map_err(broken)?;
            Json { auths, cred_helpers: BTreeMap::new(), creds_store: None }
        } else {
            serde_json::from_slice(bytes).map_err(broken)?
        };
        Ok(Self {
            path: path.to_owned(),
            auths: json.auths.into_iter().map(|(key, entry)| (normal(&key), entry)).collect(),
            helpers: json.cred_helpers.into_iter().map(|(key, name)| (normal(&key), name)).collect(),
            store: json.creds_store.filter(|name| !name.is_empty()),
        })
    }

    async fn find(&self, host: &str, repository: &Repository) -> Result<Option<Credentials>, Error> {
        let host = normal(host);
        let keys = keys(&host, repository);
        for key in &keys {
            if let Some(name) = self.helpers.get(key) {
                return helper::ask(name, key).await;
            }
        }
        for key in &keys {
            let Some(entry) = self.auths.get(key) else { continue };
            if let Some(found) = self.credentials(key, entry)? {
                return Ok(Some(found));
            }
        }
        match &self.store {
            // Docker's own tools store Docker Hub under this name.
            Some(name) if host == "docker.io" => helper::ask(name, "https://index.docker.io/v1/").await,
            Some(name) => helper::ask(name, &host).await,
            None => Ok(None),
        }
    }

    fn credentials(&self, key: &str, entry: &Entry) -> Result<Option<Credentials>, Error> {
        if let Some(SecretText(token)) = entry.identitytoken.as_ref().filter(|token| !token.0.is_empty()) {
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
            (Some(user), Some(SecretText(password))) if !user.is_empty() => Some(basic(user, password)),
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

/// `<token>` as a user name marks an identity token, in files as in helpers' answers.
pub(super) fn basic(user: &str, password: &str) -> Credentials {
    match user {
        "<token>" => Credentials::Identity(Secret(password.to_owned())),
        user => Credentials::Basic(user.to_owned(), Secret(password.to_owned())),
    }
}

/// A key without what docker adds to it: the scheme with any path, and Docker Hub's other names.
fn normal(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let bare = bare.map_or(key, |rest| rest.split('/').next().unwrap_or(rest)).trim_end_matches('/');
    let (host, path) = bare.split_once('/').map_or((bare, None), |(host, path)| (host, Some(path)));
    match (host, path) {
        ("index.docker.io" | "registry-1.docker.io" | "docker.io", None | Some("v1" | "v2")) => "docker.io".to_owned(),
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
            assert_eq!(user(&json, host, repository).await?, expected, "{host}/{repository}");
        }
        Ok(())
    }

    #[test]
    fn the_search_order_is_podmans_then_dockers() {
        let set = |name: &str| (name != "XDG_CONFIG_HOME").then(|| PathBuf::from(format!("/{name}")));
        let uid = rustix::process::getuid().as_raw();
        let expected = [
            "/REGISTRY_AUTH_FILE",
            "/XDG_RUNTIME_DIR/containers/auth.json",
            &format!("/run/containers/{uid}/auth.json"),
            "/HOME/.config/containers/auth.json",
            "/DOCKER_CONFIG/config.json",
            "/HOME/.docker/config.json",
            "/HOME/.dockercfg",
        ]
        .map(PathBuf::from);
        assert_eq!(places(set), expected);
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_not_quoted() -> Result<()> {
        let told = |json: &str| AuthFile::parse(Path::new("/x/auth.json"), json.as_bytes()).err().map(|e| e.to_string());
        let message = told(r#"{"auths":"hunter2"}"#).unwrap_or_default();
        assert!(message.contains("/x/auth.json") && message.contains("line 1") && !message.contains("hunter2"), "{message}");
        let bad = user(r#"{"auths":{"h":{"auth":"hunter2!"}}}"#, "h", "a").await.err().map(|e| e.to_string());
        assert!(bad.is_some_and(|text| text.contains("\"h\"") && !text.contains("hunter2")));
        let missing = Store::read(Some(Path::new("/nonexistent/auth.json")));
        assert!(matches!(missing, Err(Error::Config(text)) if text.contains("--authfile /nonexistent/auth.json")));
        let shown = format!("{:?}", AuthFile::parse(Path::new("f"), br#"{"auths":{"h":{"password":"hunter2"}}}"#)?);
        assert!(!shown.contains("hunter2"), "{shown}");
        Ok(())
    }
}
