/*!
The contexts there are, so that an unknown name is found before anything else happens.

Only names are read here; keys and tokens in the same files are passed over, and never become part of an error.
*/

use std::{
    env, fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use schema::text::escape;
use serde::Deserialize;
use serde_saphyr::options;

use super::error::{FleetError, closest};

/// Largest kubeconfig that is read, in bytes: hundreds of clusters with their certificates are a tenth of it.
const LIMIT: u64 = 16 << 20;

/// Most contexts that an error lists.
const LISTED: usize = 20;

/// Files that are merged as `KUBECONFIG` lists are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kubeconfigs(Vec<PathBuf>);

impl Kubeconfigs {
    /// Files that somebody named; all of them must be there.
    pub(super) fn named(files: Vec<PathBuf>) -> Self {
        Self(files)
    }

    /// Where `kubectl` looks: `KUBECONFIG`, else `~/.kube/config`.
    pub(super) fn of_environment() -> Result<Self, FleetError> {
        let listed = env::var_os("KUBECONFIG").unwrap_or_default();
        Self::found(env::split_paths(&listed).collect(), env::home_dir())
    }

    /// Those that exist: `kubectl` passes over files of `KUBECONFIG` that do not.
    pub(super) fn found(listed: Vec<PathBuf>, home: Option<PathBuf>) -> Result<Self, FleetError> {
        let mut files: Vec<PathBuf> = listed
            .into_iter()
            .filter(|file| !file.as_os_str().is_empty())
            .collect();
        if files.is_empty() {
            files.extend(home.map(|home| home.join(".kube/config")));
        }
        let missing = files.clone();
        files.retain(|file| file.exists());
        if files.is_empty() {
            return Err(FleetError::NoKubeconfig(missing));
        }
        Ok(Self(files))
    }

    pub(super) fn files(&self) -> &[PathBuf] {
        &self.0
    }

    /// The names of all contexts in them.
    pub(super) fn contexts(&self) -> Result<Contexts, FleetError> {
        let mut names = Vec::new();
        for file in &self.0 {
            names.extend(names_in(file)?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(Contexts {
            names,
            files: self.0.clone(),
        })
    }
}

/// The contexts of some files, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contexts {
    names: Vec<String>,
    files: Vec<PathBuf>,
}

impl Contexts {
    /// Makes sure that there is such a context.
    pub(super) fn check(&self, context: &str) -> Result<(), FleetError> {
        if self.names.iter().any(|name| name == context) {
            return Ok(());
        }
        Err(FleetError::NoSuchContext {
            context: context.to_owned(),
            hint: closest(context, self.names.iter().map(String::as_str)),
            known: self.to_string(),
        })
    }
}

/// `a, b and 7 more in /home/u/.kube/config`.
impl fmt::Display for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<String> = self.files.iter().map(|file| shown(file)).collect();
        if self.names.is_empty() {
            return write!(f, "none in {}", files.join(", "));
        }
        let names = self.names.iter().take(LISTED).map(|name| escape(name));
        f.write_str(&names.collect::<Vec<_>>().join(", "))?;
        if self.names.len() > LISTED {
            write!(f, " and {} more", self.names.len() - LISTED)?;
        }
        write!(f, " in {}", files.join(", "))
    }
}

fn shown(file: &Path) -> String {
    escape(&file.display().to_string())
}

/// As much of a kubeconfig as is read here.
#[derive(Deserialize)]
struct Names {
    contexts: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn names_in(file: &Path) -> Result<Vec<String>, FleetError> {
    let unusable = |reason: String| FleetError::Kubeconfig {
        path: file.to_owned(),
        reason,
    };
    let text = bounded(file).map_err(|error| unusable(error.to_string()))?;
    let settings = options! { with_snippet: false };
    let documents: Vec<Option<Names>> = serde_saphyr::from_multiple_with_options(&text, settings)
        .map_err(|error| {
        let place = error.location().map_or(String::new(), |location| {
            format!(" (line {}, column {})", location.line(), location.column())
        });
        unusable(format!("it is not a kubeconfig{place}"))
    })?;
    let contexts = documents.into_iter().flatten();
    let contexts = contexts.flat_map(|names| names.contexts.unwrap_or_default());
    Ok(contexts.map(|context| context.name).collect())
}

/// A text file of a size that can be meant.
pub(crate) fn bounded(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(LIMIT + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text)
}
