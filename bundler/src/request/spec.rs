/*!
`--spec FILE.yaml`: what a bundle is made of, kept in version control instead of in a shell history.

It says the same as the flags and no more. What lowers safety cannot stand in it: that must be asked for by name, by
the person who runs the build.
*/

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// What a spec file lists. Paths are already relative to the working directory, not to the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    /// Images, as for `--image`.
    pub images: Vec<SpecImage>,
    /// Files and directories, as for `--config`.
    pub config: Vec<PathBuf>,
    /// As for `--platform`.
    pub platforms: Vec<String>,
    /// As for `--from-dir`.
    pub from_dir: Option<PathBuf>,
    /// As for `--release`.
    pub releases: Vec<String>,
    /// As for `--release-repository`.
    pub release_repository: Option<String>,
    /// As for `--release-key`.
    pub release_keys: Vec<PathBuf>,
    /// As for `--signature-store`.
    pub signature_stores: Vec<String>,
    /// As for `--graph-data`.
    pub graph_data: Option<String>,
    /// As for `--graph-base-image`.
    pub graph_base_image: Option<String>,
}

/// An image of a spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecImage {
    /// The reference, as typed.
    pub name: String,
    /// `REPO[:TAG]` it becomes in the bundle.
    pub rename: Option<String>,
}

impl Spec {
    /// Reads a spec file.
    pub fn load(file: &Path) -> Result<Self, SpecError> {
        let text =
            fs::read_to_string(file).map_err(|error| SpecError::Unreadable(file.into(), error))?;
        let base = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).map_err(|reason| SpecError::Malformed(file.into(), reason))
    }

    /// Reads the text of a spec file that stands in `base`; the error says what is wrong and where.
    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if let Some(foreign) = serde_yaml::from_str::<Foreign>(text)
            .ok()
            .and_then(Foreign::advice)
        {
            return Err(foreign);
        }
        let typed: Option<Typed> =
            serde_yaml::from_str(text).map_err(|error| explain(&error.to_string()))?;
        let typed = typed.ok_or(
            "the file is empty; expected images, releases, config, platforms, graphData or fromDir",
        )?;
        let beside = |paths: Vec<PathBuf>| paths.into_iter().map(|path| base.join(path)).collect();
        // A URL stays one.
        let place = |text: String| match text.contains("://") {
            true => text,
            false => base.join(text).to_string_lossy().into_owned(),
        };
        Ok(Self {
            images: typed.images.into_iter().map(SpecImage::from).collect(),
            config: beside(typed.config),
            platforms: typed.platforms,
            from_dir: typed.from_dir.map(|path| base.join(path)),
            releases: typed.releases,
            release_repository: typed.release_repository,
            release_keys: beside(typed.release_keys),
            signature_stores: typed.signature_stores.into_iter().map(place).collect(),
            graph_data: typed.graph_data.map(place),
            graph_base_image: typed.graph_base_image,
        })
    }
}

/// The file, key by key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Typed {
    #[serde(default)]
    images: Vec<TypedImage>,
    #[serde(default)]
    config: Vec<PathBuf>,
    #[serde(default)]
    platforms: Vec<String>,
    from_dir: Option<PathBuf>,
    #[serde(default)]
    releases: Vec<String>,
    release_repository: Option<String>,
    #[serde(default)]
    release_keys: Vec<PathBuf>,
    #[serde(default)]
    signature_stores: Vec<String>,
    graph_data: Option<String>,
    graph_base_image: Option<String>,
}

/// A string or a map, distinguished by hand so that errors keep their place.
enum TypedImage {
    Text(String),
    Map(TypedMap),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedMap {
    name: String,
    #[serde(rename = "as")]
    rename: Option<String>,
}

impl<'de> Deserialize<'de> for TypedImage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = TypedImage;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an image: REFERENCE, REFERENCE=REPO[:TAG], or a map with name and as")
            }

            fn visit_str<E>(self, text: &str) -> Result<TypedImage, E> {
                Ok(TypedImage::Text(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<TypedImage, A::Error> {
                TypedMap::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(TypedImage::Map)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl From<TypedImage> for SpecImage {
    fn from(typed: TypedImage) -> Self {
        match typed {
            TypedImage::Map(map) => Self {
                name: map.name,
                rename: map.rename,
            },
            TypedImage::Text(text) => match text.split_once('=') {
                Some((name, rename)) => Self {
                    name: name.to_owned(),
                    rename: Some(rename.to_owned()),
                },
                None => Self {
                    name: text,
                    rename: None,
                },
            },
        }
    }
}

/// Files of other tools, which people try first.
#[derive(Deserialize)]
struct Foreign {
    kind: String,
}

impl Foreign {
    fn advice(self) -> Option<String> {
        Some(match self.kind.as_str() {
            "ImageSetConfiguration" => "an ImageSetConfiguration of oc-mirror; write instead `images:` with each \
                 mirror.additionalImages[].name, and `platforms:` with each mirror.platform.architectures as \
                 linux/ARCHITECTURE, and `releases:` with the release images"
                .to_owned(),
            other => format!("a Kubernetes object ({other:?}), not a spec; list the file under `config:` or give it with --config"),
        })
    }
}

/// Adds what to do about keys that are missing from the spec on purpose.
fn explain(error: &str) -> String {
    let unknown = error
        .split("unknown field `")
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let safety = unknown.filter(|key| {
        let key = key.to_ascii_lowercase().replace(['-', '_'], "");
        [
            "allow",
            "insecure",
            "sparse",
            "plainhttp",
            "overwrite",
            "unverified",
            "skip",
        ]
        .iter()
        .any(|word| key.contains(word))
    });
    match safety {
        Some(_) => {
            format!("{error}; what lowers safety is asked for on the command line, never in a file")
        }
        None => error.to_owned(),
    }
}

/// Why a spec file is of no use. The fault of the input.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Not a spec.
    #[error("{}: {reason}", .0.display(), reason = .1)]
    Malformed(PathBuf, String),
    /// The system refused.
    #[error("cannot read {}: {reason}", .0.display(), reason = .1)]
    Unreadable(PathBuf, #[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Spec::parse(text, Path::new("dir"))
            .map_or_else(|error| error, |spec| format!("read: {spec:?}"))
    }

    #[test]
    fn everything_a_spec_may_hold() {
        let text = "images:\n- a/b:v1\n- a/b=c:v2\n- name: q.io/a\n  as: b:v1\nconfig: [m/, /abs.yaml]\n\
                    platforms: [linux/amd64]\nfromDir: layout\nreleases: [q.io/r:4]\nreleaseRepository: r\n\
                    releaseKeys: [k.asc]\nsignatureStores: [sigs, \"https://s.io/x\"]\ngraphData: g.tar.gz\n\
                    graphBaseImage: q.io/ubi:9\n";
        let image = |name: &str, rename: Option<&str>| SpecImage {
            name: name.into(),
            rename: rename.map(Into::into),
        };
        let expected = Spec {
            images: vec![
                image("a/b:v1", None),
                image("a/b", Some("c:v2")),
                image("q.io/a", Some("b:v1")),
            ],
            config: vec!["dir/m/".into(), "/abs.yaml".into()],
            platforms: vec!["linux/amd64".into()],
            from_dir: Some("dir/layout".into()),
            releases: vec!["q.io/r:4".into()],
            release_repository: Some("r".into()),
            release_keys: vec!["dir/k.asc".into()],
            signature_stores: vec!["dir/sigs".into(), "https://s.io/x".into()],
            graph_data: Some("dir/g.tar.gz".into()),
            graph_base_image: Some("q.io/ubi:9".into()),
        };
        assert_eq!(Spec::parse(text, Path::new("dir")), Ok(expected));
    }

    #[test]
    fn mistakes_are_reported_with_their_place() {
        for (text, expected) in [
            ("", "the file is empty"),
            ("images:\n- a\nimage: b\n", "at line 3 column 1"),
            ("images:\n- name: a\n  to: b\n", "line 3 column 3"),
            ("images:\n- 3\n", "expected an image"),
            ("images: [\n", "line "),
            (
                "allowSecrets: true\n",
                "what lowers safety is asked for on the command line",
            ),
            ("sparseIndex: true\n", "on the command line"),
            (
                "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n",
                "write instead `images:`",
            ),
            (
                "apiVersion: v1\nkind: ConfigMap\n",
                "list the file under `config:`",
            ),
        ] {
            assert!(
                message(text).contains(expected),
                "{text:?}: {}",
                message(text)
            );
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let refused = Spec::load(Path::new("/nowhere/spec.yaml"));
        assert!(refused.is_err_and(|error| {
            error
                .to_string()
                .starts_with("cannot read /nowhere/spec.yaml: ")
        }));
    }
}
