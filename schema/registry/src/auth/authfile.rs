/*!
One credentials file, in the format of containers-auth.json(5) and docker's config.json: keys are hosts or `HOST/PATH`
prefixes, and the longest match wins.
*/

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use schema::Repository;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    Error,
    auth::{
        credentials::{Credentials, Secret, basic},
        helper,
    },
};

/// One file of credentials.
#[derive(Debug)]
pub(crate) struct AuthFile {
    path: PathBuf,
    auths: BTreeMap<String, Entry>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// Go's programs take `null` wherever something may be left out.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

/// `auth` as tools and hands leave it: with or without padding.
pub(super) const AUTH: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl AuthFile {
    /// Reads a file; `None` where there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
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

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        // serde_json's own message may quote a value, so only the position is shown.
        let broken = |error: serde_json::Error| {
            let (path, line, column) = (path.display(), error.line(), error.column());
            Error::Config(format!(
                "credentials file {path}: not of the expected JSON shape at line {line} column {column}"
            ))
        };
        let old = path.file_name().is_some_and(|name| name == ".dockercfg");
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let json = if bytes.trim_ascii().is_empty() {
            // A file that `mktemp` made, or `/dev/null`: nobody is known.
            Json::default()
        } else if old {
            Json {
                auths: serde_json::from_slice(bytes).map_err(broken)?,
                ..Json::default()
            }
        } else {
            let json: Option<Json> = serde_json::from_slice(bytes).map_err(broken)?;
            json.unwrap_or_default()
        };
        let auths = json.auths.unwrap_or_default().into_iter();
        let helpers = json.cred_helpers.unwrap_or_default().into_iter();
        Ok(Self {
            path: path.to_owned(),
            auths: auths
                .filter_map(|(key, entry)| Some((normal(&key), entry?)))
                .collect(),
            helpers: helpers
                .filter_map(|(key, name)| {
                    Some((normal(&key), name.filter(|name| !name.is_empty())?))
                })
                .collect(),
            store: json.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// What the file, or a helper it names, holds for a repository.
    pub(crate) async fn find(
        &self,
        host: &str,
        repository: &Repository,
    ) -> Result<Option<Credentials>, Error> {
        let host = normal(host);
        let keys = keys(&host, repository);
        for key in &keys {
            if let Some(name) = self.helpers.get(key) {
                let found = helper::ask(name, key, &self.path).await?;
                if found.is_some() {
                    return Ok(found);
                }
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
                helper::ask(name, "https://index.docker.io/v1/", &self.path).await
            }
            Some(name) => helper::ask(name, &host, &self.path).await,
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
    let one_line: Zeroizing<String> = Zeroizing::new(auth.split_ascii_whitespace().collect());
    let bytes = Zeroizing::new(AUTH.decode(one_line.as_bytes()).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(basic(user, password.trim_end_matches('\0')))
}

/// A key without what docker and hands add to it: the scheme with any path, `/v1/` or `/v2/`, a slash at the end, capitals in
/// the host, and Docker Hub's other names.
fn normal(key: &str) -> String {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let bare = match bare {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None => ["/v1/", "/v2/"]
            .iter()
            .find_map(|end| key.strip_suffix(end))
            .unwrap_or(key),
    };
    let bare = bare.trim_end_matches('/');
    let (host, path) = bare
        .split_once('/')
        .map_or((bare, None), |(host, path)| (host, Some(path)));
    let host = host.to_ascii_lowercase();
    match (host.as_str(), path) {
        ("index.docker.io" | "registry-1.docker.io" | "docker.io", None | Some("v1" | "v2")) => {
            "docker.io".to_owned()
        }
        (_, Some(path)) => format!("{host}/{path}"),
        (_, None) => host,
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
