/*!
Gathers Kubernetes manifests from files and directories.

Everything that no cluster would take is refused here, on the connected side, where somebody can still mend it. The
bytes are kept as they came; only their place below `config/` is decided, and that place must be safe to extract.
*/

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use manifests::{FILE_LIMIT, Object, ObjectsError, one_under_two_names};
use schema::bundle::ConfigPath;
use walkdir::WalkDir;

/// A file for `config/`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigFile {
    /// Its path below `config/`.
    pub path: ConfigPath,
    /// Its bytes as they came, at most 16 MiB.
    pub bytes: Vec<u8>,
    /// What is inside.
    pub objects: Vec<Object>,
}

/// Gathers what `--config` names, sorted by path: a file under its name, a directory's files under their path below it.
/// Hidden files are left out with a warning; `Secret` objects need `allow_secrets`.
pub fn gather(arguments: &[PathBuf], allow_secrets: bool) -> Result<Vec<ConfigFile>, ConfigError> {
    let mut sources: BTreeMap<ConfigPath, PathBuf> = BTreeMap::new();
    for argument in arguments {
        for source in sources_of(argument)? {
            let base = if source == *argument {
                argument.parent().unwrap_or(Path::new(""))
            } else {
                argument
            };
            let path = bundle_path(&source, base)?;
            match sources.entry(path) {
                Entry::Vacant(entry) => drop(entry.insert(source)),
                Entry::Occupied(entry) => {
                    let path = entry.key().clone();
                    return Err(ConfigError::SamePlace {
                        path,
                        first: entry.get().clone(),
                        second: source,
                    });
                }
            }
        }
    }
    sources
        .into_iter()
        .map(|(path, source)| load(path, &source, allow_secrets))
        .collect()
}

/// Files that were given and files that were made, sorted by path; no two may want one place.
pub fn together(
    given: &[ConfigFile],
    made: Vec<ConfigFile>,
) -> Result<Vec<ConfigFile>, ConfigError> {
    let mut all: BTreeMap<ConfigPath, ConfigFile> = BTreeMap::new();
    for file in made.into_iter().chain(given.iter().cloned()) {
        if let Some(other) = all.insert(file.path.clone(), file.clone())
            && other != file
        {
            return Err(ConfigError::Made(file.path));
        }
    }
    let all: Vec<_> = all.into_values().collect();
    let names = all.iter().flat_map(|file| {
        let objects = file.objects.iter();
        objects.map(|object| {
            let namespace = object.namespace.as_deref();
            let path = file.path.as_str();
            (
                path,
                &*object.api_version,
                &*object.kind,
                namespace,
                &*object.name,
            )
        })
    });
    match one_under_two_names(names) {
        Some(sentence) => Err(ConfigError::TwoNames(sentence)),
        None => Ok(all),
    }
}

/// The files an argument stands for.
fn sources_of(argument: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let metadata = argument
        .symlink_metadata()
        .map_err(|error| ConfigError::Unreadable(argument.into(), error))?;
    if metadata.is_symlink() {
        return Err(ConfigError::Symlink(argument.into()));
    }
    if metadata.is_file() {
        return Ok(vec![argument.into()]);
    }
    if !metadata.is_dir() {
        return Err(ConfigError::Special(argument.into()));
    }
    let mut files = Vec::new();
    let mut entries = WalkDir::new(argument).min_depth(1).into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(argument).to_owned();
            ConfigError::Unreadable(path, error.into())
        })?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let (kind, path) = (entry.file_type(), entry.path());
        if hidden {
            tracing::warn!("{} is hidden and stays out of the bundle", path.display());
            if kind.is_dir() {
                entries.skip_current_dir();
            }
        } else if kind.is_symlink() {
            return Err(ConfigError::Symlink(path.into()));
        } else if kind.is_file() {
            files.push(path.to_owned());
        } else if !kind.is_dir() {
            return Err(ConfigError::Special(path.into()));
        }
    }
    if files.is_empty() {
        return Err(ConfigError::Empty(argument.into()));
    }
    Ok(files)
}

/// The path below `config/`.
fn bundle_path(source: &Path, base: &Path) -> Result<ConfigPath, ConfigError> {
    let bad = || ConfigError::Name(source.into());
    let relative = source.strip_prefix(base).map_err(|_| bad())?;
    let segments: Vec<&str> = relative
        .iter()
        .map(|segment| segment.to_str().ok_or_else(bad))
        .collect::<Result<_, _>>()?;
    let name = segments.last().ok_or_else(bad)?;
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    match extension {
        _ if matches!(*name, "kustomization.yaml" | "kustomization.yml") => {
            Err(ConfigError::Kustomization(source.into()))
        }
        Some("yaml" | "yml" | "json") => segments.join("/").parse().map_err(|_| bad()),
        _ => Err(ConfigError::Extension(source.into())),
    }
}

fn load(path: ConfigPath, source: &Path, allow_secrets: bool) -> Result<ConfigFile, ConfigError> {
    let bytes =
        read_capped(source).map_err(|error| ConfigError::Unreadable(source.into(), error))?;
    let found = manifests::read(&bytes);
    let objects = found.map_err(|error| match error {
        // Neither has a name, so that is the error that users of both tools would see.
        ObjectsError::Missing { .. } => {
            special_file(source, &bytes).unwrap_or(ConfigError::Broken(source.into(), error.into()))
        }
        other => ConfigError::Broken(source.into(), other.into()),
    })?;
    for object in &objects {
        let group = object.api_version.split('/').next().unwrap_or_default();
        if group == "mirror.openshift.io" && object.kind == "ImageSetConfiguration" {
            return Err(ConfigError::ImageSet(source.into()));
        }
        if group == "kustomize.config.k8s.io" {
            return Err(ConfigError::Kustomization(source.into()));
        }
        if !allow_secrets && object.holds_secret() {
            let (document, name) = (object.document + 1, object.name.clone());
            return Err(ConfigError::Secret {
                file: source.into(),
                document,
                name,
            });
        }
    }
    Ok(ConfigFile {
        path,
        bytes,
        objects,
    })
}

/// Reads one byte more than allowed at most, so that the limit is noticed and memory is not filled.
fn read_capped(source: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(source)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 16 MiB; split it into several files",
        ));
    }
    Ok(bytes)
}

/// A file for another tool, which usually has no `metadata.name`.
fn special_file(source: &Path, bytes: &[u8]) -> Option<ConfigError> {
    let head: Head = serde_yaml::from_slice(bytes).ok()?;
    match (head.api_version.split('/').next()?, head.kind.as_str()) {
        ("mirror.openshift.io", "ImageSetConfiguration") => {
            Some(ConfigError::ImageSet(source.into()))
        }
        ("kustomize.config.k8s.io", _) => Some(ConfigError::Kustomization(source.into())),
        _ => None,
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

/// Why manifests cannot be bundled. The fault of the input; trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One object under two names.
    #[error("{0}")]
    TwoNames(String),
    /// Not what a cluster takes.
    #[error("{}: {reason}", .0.display(), reason = .1)]
    Broken(PathBuf, #[source] Box<ObjectsError>),
    /// A directory without manifests.
    #[error("{}: the directory holds no manifests; expected *.yaml, *.yml or *.json files", .0.display())]
    Empty(PathBuf),
    /// A file that is no manifest by its name.
    #[error("{}: only *.yaml, *.yml and *.json files can be applied; move it elsewhere or hide it with a leading dot", .0.display())]
    Extension(PathBuf),
    /// oc-mirror's own configuration.
    #[error(
        "{}: an ImageSetConfiguration is no manifest; give what it lists with --spec FILE.yaml \
         (mirror.additionalImages[].name goes to images, mirror.platform.graph to --graph-data, a release to --release)",
        .0.display()
    )]
    ImageSet(PathBuf),
    /// kustomize's own configuration.
    #[error("{}: a kustomization is no manifest; run `kustomize build DIR > manifests.yaml` and bundle that file", .0.display())]
    Kustomization(PathBuf),
    /// A file where one is made.
    #[error(
        "config/{0}: a file of that name is made for the release; rename the one that was given"
    )]
    Made(ConfigPath),
    /// A name that is not safe in every file system.
    #[error("{}: names may hold only letters, digits, '.', '_' and '-', and paths 1024 of them; rename it", .0.display())]
    Name(PathBuf),
    /// Two files for one place.
    #[error("{} and {} would both become config/{path}; rename one of them", first.display(), second.display())]
    SamePlace {
        /// Path below `config/`.
        path: ConfigPath,
        /// The file that came first.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Media are read by others.
    #[error("{}: document {document} is the Secret {name:?}, and others read the medium; leave it out, or say --allow-secrets", file.display())]
    Secret {
        /// The file.
        file: PathBuf,
        /// Which document, counted from 1.
        document: u32,
        /// Its name.
        name: String,
    },
    /// The signatures of a release, unfit for clusters.
    #[error(
        "config/{path} holds ConfigMap {name} without {lacks}; leave that file out, a right one is made"
    )]
    Signatures {
        /// Path below `config/`.
        path: ConfigPath,
        /// The ConfigMap.
        name: String,
        /// What it should have.
        lacks: &'static str,
    },
    /// A device, a pipe, a socket.
    #[error("{}: neither a file nor a directory", .0.display())]
    Special(PathBuf),
    /// Links may lead anywhere.
    #[error("{}: symbolic links are not followed; name the file it points to", .0.display())]
    Symlink(PathBuf),
    /// The system refused.
    #[error("cannot read {}: {reason}", .0.display(), reason = .1)]
    Unreadable(PathBuf, #[source] io::Error),
}

#[cfg(test)]
mod tests;
