/*! The files of a backup of one cluster: what they hold, and how they are read again. */

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use cluster::ClusterId;
use schema::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error,
    apply::{manifests::Manifest, render::directory_name},
};

/// Names the format and its version.
pub(super) const FORMAT: &str = "offline-bundle-backup/v1";

/// The name of the list of objects.
pub(super) const INDEX: &str = "backup.json";

/// The most that a file of a backup may hold; an API server takes objects of up to 1.5 MiB.
const LIMIT: u64 = 64 << 20;

/// What was saved of one cluster: `backup.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterBackup {
    /// Always `offline-bundle-backup/v1`.
    pub format: String,
    /// The bundle that was applied afterwards: the SHA-256 of its `bundle.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// The cluster's name in CLUSTERS.yaml, or its context.
    pub cluster: String,
    /// `spec.clusterID` of its ClusterVersion, if it has one.
    #[serde(default, rename = "clusterID", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<ClusterId>,
    /// The address of its API server.
    pub server: String,
    /// When it was saved (RFC 3339).
    pub time: String,
    /// What was to change, in the order in which it is applied.
    pub objects: Vec<SavedObject>,
}

/// One object before it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedObject {
    /// `apiVersion` that it was read in.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Its namespace. Also that of the context, where it is not known whether the kind has namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// The apply was to delete it and create it anew, since it cannot be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recreated: bool,
    /// What it was.
    #[serde(flatten)]
    pub state: Saved,
}

/// What an object was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Saved {
    /// It was there.
    Present {
        /// The file that holds it, below the cluster's directory.
        file: String,
        /// The SHA-256 of that file.
        digest: Digest,
    },
    /// It was not there.
    Absent,
    /// It was there, and is a Secret, which was not to be saved.
    LeftOut,
}

impl SavedObject {
    /// The same as something that can be looked up on a cluster.
    pub(crate) fn manifest(&self, value: Value) -> Manifest {
        let namespace = self.namespace.as_deref();
        Manifest::named(&self.api_version, &self.kind, namespace, &self.name, value)
    }
}

impl ClusterBackup {
    /// The directory of a cluster in a backup.
    pub fn place(directory: &Path, cluster: &str) -> PathBuf {
        directory.join(directory_name(cluster))
    }

    /// Reads what was saved of a cluster; none if nothing was, because it was not changed.
    pub fn read(directory: &Path, cluster: &str) -> Result<Option<Self>, Error> {
        let path = Self::place(directory, cluster).join(INDEX);
        let bytes = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|source| Error::Backup {
                path: path.clone(),
                source,
            })?,
        };
        let refused =
            |reason: String| Error::Usage(format!("{}: this is {reason}", path.display()));
        let backup: Self = serde_json::from_slice(&bytes)
            .map_err(|error| refused(format!("no list of a backup: {error}")))?;
        if backup.format != FORMAT {
            return Err(refused(format!("{:?}, not {FORMAT:?}", backup.format)));
        }
        if backup.cluster != cluster {
            let found = &backup.cluster;
            return Err(refused(format!(
                "the backup of cluster {found:?}, not of {cluster:?}"
            )));
        }
        Ok(Some(backup))
    }

    /// An object as it was saved; null if it was not. Why it cannot be had.
    pub fn object(&self, directory: &Path, object: &SavedObject) -> Result<Value, String> {
        let Saved::Present { file, digest } = &object.state else {
            return Ok(Value::Null);
        };
        let shown = format!("{file} of the backup");
        let plain = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain {
            return Err(format!("{shown} is no file of a backup"));
        }
        let path = Self::place(directory, &self.cluster).join(file);
        let bytes = read(&path).map_err(|error| format!("{shown}: {error}"))?;
        if Digest::of(&bytes) != *digest {
            return Err(format!(
                "{shown} is not what was saved: its SHA-256 differs"
            ));
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("{shown}: {error}"))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LIMIT {
        true => Err(io::Error::other("it is larger than 64 MiB")),
        false => Ok(bytes),
    }
}
