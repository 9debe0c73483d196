/*!
The files that hold credentials, as podman, skopeo, oc and docker write them, in the order their users expect.

A broken file is an error that says where, never what it holds.
*/

use std::path::{Path, PathBuf};

use schema::Repository;

use super::{authfile::AuthFile, credentials::Credentials};
use crate::Error;

/// The credential files of this user, read once.
#[derive(Debug)]
pub(crate) struct Store(Vec<AuthFile>);

impl Store {
    /// Reads `--authfile`, or else every file of the search order that exists.
    pub(crate) fn read(authfile: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = authfile {
            let file = AuthFile::read(path)?.ok_or_else(|| {
                Error::Config(format!("--authfile {}: no such file", path.display()))
            })?;
            return Ok(Self(vec![file]));
        }
        let mut files = Vec::new();
        for path in places(|name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        }) {
            files.extend(AuthFile::read(&path)?);
        }
        Ok(Self(files))
    }

    /// The credentials for a repository: of the first file that has any.
    pub(crate) async fn find(
        &self,
        host: &str,
        repository: &Repository,
    ) -> Result<Option<Credentials>, Error> {
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
        variable("XDG_CONFIG_HOME")
            .or_else(|| under_home(".config"))
            .map(|directory| directory.join("containers/auth.json")),
        variable("DOCKER_CONFIG").map(|directory| directory.join("config.json")),
        under_home(".docker/config.json"),
        under_home(".dockercfg"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_order_is_podmans_then_dockers() {
        let set =
            |name: &str| (name != "XDG_CONFIG_HOME").then(|| PathBuf::from(format!("/{name}")));
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

    #[test]
    fn a_file_that_was_named_has_to_exist() {
        let missing = Store::read(Some(Path::new("/nonexistent/auth.json")));
        assert!(
            matches!(missing, Err(Error::Config(text)) if text.contains("--authfile /nonexistent/auth.json"))
        );
    }
}
