/*!
`--only` and `--exclude`: which objects of a bundle are meant.

Terms of the same kind are alternatives, terms of different kinds must all hold: `--only kind=ConfigMap --only kind=Secret
--only namespace=web` is the ConfigMaps and Secrets of `web`. What any `--exclude` matches is out.
*/

use globset::{GlobBuilder, GlobMatcher};

use super::manifest::Manifest;

/// What `--only` and `--exclude` say.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    only: Vec<Term>,
    exclude: Vec<Term>,
}

impl Selection {
    /// Reads the terms of both flags.
    pub fn parse(only: &[String], exclude: &[String]) -> Result<Self, SelectError> {
        let terms = |terms: &[String]| -> Result<Vec<Term>, SelectError> {
            terms.iter().map(|term| Term::parse(term)).collect()
        };
        Ok(Self {
            only: terms(only)?,
            exclude: terms(exclude)?,
        })
    }

    /// Whether an object is meant.
    pub fn keeps(&self, manifest: &Manifest) -> bool {
        let mentioned = |dimension| {
            let mut terms = self.only.iter();
            terms.any(|term| term.dimension() == dimension)
        };
        let wanted = |dimension| {
            let mut terms = self.only.iter();
            !mentioned(dimension)
                || terms.any(|term| term.dimension() == dimension && term.matches(manifest))
        };
        [Dimension::Path, Dimension::Kind, Dimension::Namespace]
            .into_iter()
            .all(wanted)
            && !self.exclude.iter().any(|term| term.matches(manifest))
    }

    /// Whether it says anything at all.
    pub fn is_everything(&self) -> bool {
        self.only.is_empty() && self.exclude.is_empty()
    }
}

#[derive(Debug, Clone)]
enum Term {
    Path(PathGlob),
    Kind(KindName),
    Namespace(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Path,
    Kind,
    Namespace,
}

impl Term {
    fn parse(term: &str) -> Result<Self, SelectError> {
        let bad = |reason: String| SelectError {
            term: term.to_owned(),
            reason,
        };
        match term.split_once('=') {
            Some(("path", glob)) => PathGlob::parse(glob).map(Self::Path).map_err(bad),
            Some(("kind", kind)) => KindName::parse(kind).map(Self::Kind).map_err(bad),
            Some(("namespace", namespace)) if is_namespace(namespace) => {
                Ok(Self::Namespace(namespace.to_owned()))
            }
            Some(("namespace", _)) => Err(bad(
                "a namespace is lower-case letters, digits and '-'".to_owned()
            )),
            _ if term.contains(['/', '*']) => PathGlob::parse(term).map(Self::Path).map_err(bad),
            _ => Err(bad(
                "expected path=GLOB, kind=KIND[.GROUP] or namespace=NAMESPACE".to_owned(),
            )),
        }
    }

    fn dimension(&self) -> Dimension {
        match self {
            Self::Path(_) => Dimension::Path,
            Self::Kind(_) => Dimension::Kind,
            Self::Namespace(_) => Dimension::Namespace,
        }
    }

    fn matches(&self, manifest: &Manifest) -> bool {
        match self {
            Self::Path(glob) => glob.matches(&manifest.path),
            Self::Kind(kind) => kind.matches(manifest),
            // What is in a namespace cannot be had without it.
            Self::Namespace(namespace) => {
                let is_it = manifest.group().is_empty()
                    && manifest.kind == "Namespace"
                    && manifest.name == *namespace;
                is_it || manifest.namespace.as_ref() == Some(namespace)
            }
        }
    }
}

/// RFC 1123 label.
fn is_namespace(text: &str) -> bool {
    let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A pattern for paths: `*` and `?` inside a segment, `**` across, `[…]` and `{…,…}` as shells have them. A `/` at the end
/// means everything below.
#[derive(Debug, Clone)]
pub struct PathGlob(GlobMatcher);

impl PathGlob {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(glob: &str) -> Result<Self, String> {
        if glob.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        if glob.starts_with('/') || glob.starts_with("./") {
            return Err(
                "paths in a bundle begin with config/, mirror/ or update-service/".to_owned(),
            );
        }
        let below = if glob.ends_with('/') { "**" } else { "" };
        GlobBuilder::new(&format!("{glob}{below}"))
            .literal_separator(true)
            .build()
            .map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| format!("not a pattern: {}", error.kind()))
    }

    /// Whether a path is one of them.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// `KIND[.GROUP]`, as `kubectl` takes it, in any case of letters; without a group those of all groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindName {
    kind: String,
    group: Option<String>,
}

impl KindName {
    /// Reads it; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, group) = match text.split_once('.') {
            Some((kind, group)) => (kind, Some(group)),
            None => (text, None),
        };
        let word = |text: &str, more: &str| {
            let mut bytes = text.chars();
            !text.is_empty() && bytes.all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !word(kind, "") || group.is_some_and(|group| !word(group, ".-")) {
            return Err(
                "a kind is letters, as in kind=ConfigMap or kind=Deployment.apps".to_owned(),
            );
        }
        Ok(Self {
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
        })
    }

    /// Whether an object is of this kind.
    pub fn matches(&self, manifest: &Manifest) -> bool {
        let group = self.group.as_deref();
        self.kind.eq_ignore_ascii_case(&manifest.kind)
            && group.is_none_or(|group| group.eq_ignore_ascii_case(manifest.group()))
    }
}

/// A term that says nothing. The user's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--only and --exclude: {term:?}: {reason}")]
pub struct SelectError {
    /// As typed.
    pub term: String,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn manifest(path: &str, api_version: &str, kind: &str, namespace: Option<&str>) -> Manifest {
        Manifest {
            path: path.into(),
            document: 0,
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: "web".into(),
            value: Arc::default(),
            share: Default::default(),
        }
    }

    fn kept(only: &[&str], exclude: &[&str]) -> Result<Vec<usize>, SelectError> {
        let all = [
            manifest("config/a.yaml", "v1", "ConfigMap", Some("web")),
            manifest("config/us/b.yaml", "v1", "ConfigMap", Some("api")),
            manifest(
                "config/us/deep/c.yaml",
                "apps/v1",
                "Deployment",
                Some("web"),
            ),
            manifest("config/ns.yaml", "v1", "Namespace", None),
            manifest(
                "mirror/m.yaml",
                "config.openshift.io/v1",
                "ImageDigestMirrorSet",
                None,
            ),
        ];
        let terms = |terms: &[&str]| {
            terms
                .iter()
                .map(|&term| term.to_owned())
                .collect::<Vec<_>>()
        };
        let selection = Selection::parse(&terms(only), &terms(exclude))?;
        let kept = all
            .iter()
            .enumerate()
            .filter(|(_, manifest)| selection.keeps(manifest));
        Ok(kept.map(|(number, _)| number).collect())
    }

    #[test]
    fn terms_choose() -> Result<(), SelectError> {
        let cases: [(&[&str], &[&str], &[usize]); 19] = [
            (&[], &[], &[0, 1, 2, 3, 4]),
            (&["config/*"], &[], &[0, 3]),
            (&["config/**"], &[], &[0, 1, 2, 3]),
            (&["config/us/"], &[], &[1, 2]),
            (&["config/**/c.yaml"], &[], &[2]),
            (&["**/[ab].yaml"], &[], &[0, 1]),
            (&["path=config/?.yaml"], &[], &[0]),
            (&["path=mirror/m.yaml"], &[], &[4]),
            (&["kind=ConfigMap"], &[], &[0, 1]),
            (&["kind=deployment.apps"], &[], &[2]),
            (&["kind=Deployment.batch"], &[], &[]),
            (
                &["kind=ImageDigestMirrorSet.config.openshift.io"],
                &[],
                &[4],
            ),
            (&["kind=ConfigMap", "kind=Deployment"], &[], &[0, 1, 2]),
            (&["kind=ConfigMap", "namespace=web"], &[], &[0]),
            (&["namespace=web"], &[], &[0, 2, 3]),
            (&[], &["namespace=web"], &[1, 4]),
            (&[], &["kind=ConfigMap", "mirror/**"], &[2, 3]),
            (&["config/us/**"], &["kind=ConfigMap"], &[2]),
            (&["kind=Secret"], &[], &[]),
        ];
        for (only, exclude, expected) in cases {
            assert_eq!(kept(only, exclude)?, expected, "{only:?} {exclude:?}");
        }
        Ok(())
    }

    #[test]
    fn terms_that_say_nothing_are_refused() {
        for (term, expected) in [
            (
                "ConfigMap",
                "expected path=GLOB, kind=KIND[.GROUP] or namespace=NAMESPACE",
            ),
            ("", "expected path=GLOB"),
            ("name=x", "expected path=GLOB"),
            ("path=", "the pattern is empty"),
            ("config/[", "not a pattern: unclosed character class"),
            ("/config/*", "paths in a bundle begin with config/"),
            ("kind=", "a kind is letters"),
            ("kind=a/b", "a kind is letters"),
            ("namespace=Web", "a namespace is lower-case"),
        ] {
            let refused = kept(&[], &[term]).err().map(|error| error.to_string());
            let refused = refused.unwrap_or_default();
            let begins = format!("--only and --exclude: {term:?}: ");
            assert!(
                refused.starts_with(&begins) && refused.contains(expected),
                "{refused}"
            );
        }
    }
}
