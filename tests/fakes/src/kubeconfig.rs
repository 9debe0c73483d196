/*!
Kubeconfig files: which clusters there are and who speaks to them, in as many contexts as a test likes.
*/

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::certificates::Identity;

/// How a user proves who it is.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A bearer token.
    Token(String),
    /// A client certificate.
    Certificate(Identity),
    /// The `user` of a kubeconfig as it stands there, for example `{"exec": …}`.
    Other(Value),
}

/// One context: a cluster as one user reaches it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The name of the context, and of its cluster and user.
    pub context: String,
    /// `https://127.0.0.1:PORT`.
    pub server: String,
    /// The authority that the server's certificate must come from, as PEM.
    pub authority: String,
    /// Who speaks.
    pub credential: Credential,
    /// What else its `cluster` says: `tls-server-name`, `proxy-url`, …
    pub more: Map<String, Value>,
}

/// A kubeconfig file to be.
#[derive(Debug, Clone, Default)]
pub struct Kubeconfig {
    /// Its contexts, in order.
    pub contexts: Vec<Access>,
    /// Its `current-context`, if any.
    pub current: Option<String>,
}

impl Access {
    /// The same cluster under another context name.
    pub fn named(self, context: &str) -> Self {
        let context = context.to_owned();
        Self { context, ..self }
    }

    /// The same cluster, trusted by another authority (PEM).
    pub fn trusting(self, authority: &str) -> Self {
        let authority = authority.to_owned();
        Self { authority, ..self }
    }

    /// The same with one more word about the cluster, such as `tls-server-name`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    fn cluster(&self) -> Value {
        let mut cluster = self.more.clone();
        cluster.insert("server".to_owned(), self.server.as_str().into());
        let authority = STANDARD.encode(&self.authority);
        cluster.insert("certificate-authority-data".to_owned(), authority.into());
        cluster.into()
    }
}

impl Kubeconfig {
    /// The same contexts with a `current-context`.
    pub fn current(self, context: &str) -> Self {
        let current = Some(context.to_owned());
        Self { current, ..self }
    }

    /// The text of the file: JSON, which is YAML.
    pub fn text(&self) -> String {
        let named = |key: &str, value: fn(&Access) -> Value| -> Value {
            let entries = self.contexts.iter();
            let entries = entries.map(|access| json!({"name": access.context, key: value(access)}));
            entries.collect()
        };
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": named("cluster", Access::cluster),
            "users": named("user", |access| access.credential.user()),
            "contexts": named("context", |access| json!({"cluster": access.context, "user": access.context})),
            "current-context": self.current.as_deref().unwrap_or_default(),
        });
        format!("{text:#}\n")
    }

    /// Writes the file, for its owner alone, and returns its path.
    pub fn write(&self, path: &Path) -> Result<PathBuf> {
        fs::write(path, self.text())?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(path.to_owned())
    }
}

impl FromIterator<Access> for Kubeconfig {
    fn from_iter<I: IntoIterator<Item = Access>>(contexts: I) -> Self {
        Self {
            contexts: contexts.into_iter().collect(),
            current: None,
        }
    }
}

impl Credential {
    fn user(&self) -> Value {
        match self {
            Self::Token(token) => json!({"token": token}),
            Self::Certificate(identity) => json!({
                "client-certificate-data": STANDARD.encode(&identity.certificate),
                "client-key-data": STANDARD.encode(&identity.key),
            }),
            Self::Other(user) => user.clone(),
        }
    }
}
