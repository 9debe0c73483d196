/*!
Where clusters find images that they know by their source: mirror configuration.

One object for each source repository and place at the target. Creating an ImageDigestMirrorSet or an
ImageContentSourcePolicy drains no node, changing one does (and so does anything about an ImageTagMirrorSet): an object
with a single pair in it, under a name made of that pair, is created once and never changed.
*/

use std::collections::{BTreeMap, BTreeSet};

use manifests::write;
use schema::{
    Digest, Reference,
    bundle::{Image, Index},
};
use serde_json::{Value, json};

use super::Rendered;
use crate::{Error, options::MirrorConfig, target::Target};

/// Characters of a source that a name keeps; a name has at most 253 (RFC 1123).
const READABLE: usize = 200;

/// A repository outside and where its images are inside, both `HOST[:PORT]/REPOSITORY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mirrored {
    /// Outside.
    pub source: String,
    /// Inside.
    pub mirror: String,
}

/// A kind of mirror object: how it is called and what its fields are called.
#[derive(Debug, Clone, Copy)]
struct Kind {
    short: &'static str,
    api_version: &'static str,
    kind: &'static str,
    field: &'static str,
    install: Option<&'static str>,
}

const IDMS: Kind = Kind {
    short: "idms",
    api_version: "config.openshift.io/v1",
    kind: "ImageDigestMirrorSet",
    field: "imageDigestMirrors",
    install: Some("imageDigestSources"),
};

const ICSP: Kind = Kind {
    short: "icsp",
    api_version: "operator.openshift.io/v1alpha1",
    kind: "ImageContentSourcePolicy",
    field: "repositoryDigestMirrors",
    install: Some("imageContentSources"),
};

const ITMS: Kind = Kind {
    short: "itms",
    api_version: "config.openshift.io/v1",
    kind: "ImageTagMirrorSet",
    field: "imageTagMirrors",
    install: None,
};

/// The repositories that images of the bundle come from, and where they are now; what came from a directory, or is
/// where it was, needs no mirror. Sorted.
pub fn by_digest(index: &Index, target: &Target) -> Result<Vec<Mirrored>, Error> {
    mirrored(index, target, |_, _| true)
}

/// Those of them that hold a tag of the source under the same name.
pub fn by_tag(index: &Index, target: &Target) -> Result<Vec<Mirrored>, Error> {
    mirrored(index, target, |image, source| {
        let tag = source.tag.as_ref();
        tag.is_some_and(|tag| image.tags.contains(tag))
    })
}

fn mirrored(
    index: &Index,
    target: &Target,
    wanted: impl Fn(&Image, &Reference) -> bool,
) -> Result<Vec<Mirrored>, Error> {
    let mut pairs = BTreeSet::new();
    for image in &index.images {
        let Some(source) = at_registry(&image.source).filter(|source| wanted(image, source)) else {
            continue;
        };
        pairs.insert(Mirrored {
            source: format!("{}/{}", source.host, source.repository),
            mirror: target.named(&target.map_repository(&image.repository)?),
        });
    }
    pairs.retain(|pair| pair.source != pair.mirror);
    Ok(pairs.into_iter().collect())
}

/// A source that clusters could pull from; none for a directory.
fn at_registry(source: &str) -> Option<Reference> {
    let directory = ["file:", "oci:", "dir:"].iter();
    if directory.clone().any(|scheme| source.starts_with(scheme)) {
        return None;
    }
    source.parse().ok()
}

/// The objects for pulls by digest: none, or one for each pair.
pub fn digest_objects(pairs: &[Mirrored], choice: MirrorConfig) -> Vec<Rendered> {
    let kind = kind(choice).into_iter();
    kind.flat_map(|kind| pairs.iter().map(move |pair| object(kind, pair, "")))
        .collect()
}

/// The objects for pulls by tag.
pub fn tag_objects(pairs: &[Mirrored]) -> Vec<Rendered> {
    let warning = "# Applying, changing or deleting this drains nodes.\n";
    let pairs = pairs.iter();
    pairs.map(|pair| object(ITMS, pair, warning)).collect()
}

fn kind(choice: MirrorConfig) -> Option<Kind> {
    match choice {
        MirrorConfig::Idms => Some(IDMS),
        MirrorConfig::Icsp => Some(ICSP),
        MirrorConfig::None => None,
    }
}

/// What `install-config.yaml` of a new cluster says; none where there is nothing to say.
pub fn install_config(pairs: &[Mirrored], choice: MirrorConfig) -> Option<String> {
    let field = kind(choice)?.install?;
    let mut sources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in pairs {
        let mirrors = sources.entry(&pair.source).or_default();
        mirrors.push(&pair.mirror);
    }
    if sources.is_empty() {
        return None;
    }
    let entries = sources.into_iter();
    let entries = entries.map(|(source, mirrors)| json!({"mirrors": mirrors, "source": source}));
    let entries: Vec<Value> = entries.collect();
    Some(write::document(&json!({field: entries})))
}

fn object(kind: Kind, pair: &Mirrored, comment: &str) -> Rendered {
    let Mirrored { source, mirror } = pair;
    let (name, field) = (name(kind, pair), kind.field);
    let object = json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name},
        "spec": {field: [{"mirrors": [mirror], "source": source}]},
    });
    Rendered::new(format!("mirror/{name}.yaml"), comment, object)
}

/// A DNS-1123 subdomain in which people recognise the source, and which no other pair of source and mirror gets.
fn name(kind: Kind, pair: &Mirrored) -> String {
    let lower = pair.source.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let mut readable = parts.join("-");
    readable.truncate(READABLE);
    let hash = Digest::of(format!("{}\n{}", pair.source, pair.mirror).as_bytes()).hex();
    let readable = readable.trim_end_matches('-');
    format!("{}-{readable}-{}", kind.short, &hash[..10])
}
