/*! Platforms: which children of an index are wanted, and what an image is for. */

use schema::{Manifest, Platform, manifest::Child};

use crate::Error;

/// The children that are for this platform.
pub(super) fn matching<'m>(
    manifest: &'m Manifest,
    wanted: &Platform,
) -> impl Iterator<Item = &'m Child> {
    let wanted = wanted.clone();
    manifest.children.iter().filter(move |child| {
        let offered = child.platform.as_ref();
        offered.is_some_and(|offered| wanted.accepts(offered))
    })
}

/// The children that are for any of these platforms, in their order; all children if none is named.
pub(super) fn children<'m>(manifest: &'m Manifest, wanted: &[Platform]) -> Vec<&'m Child> {
    match wanted {
        [] => manifest.children.iter().collect(),
        some => some
            .iter()
            .flat_map(|platform| matching(manifest, platform))
            .collect(),
    }
}

/// The error for an index that offers none of these platforms.
pub(super) fn none_of(wanted: &[Platform], image: &str, index: &Manifest) -> Error {
    let text = |platforms: &mut dyn Iterator<Item = &Platform>| {
        let names: Vec<_> = platforms.map(ToString::to_string).collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let children = index.children.iter();
    Error::Platform {
        image: image.to_owned(),
        wanted: text(&mut wanted.iter()),
        offered: text(&mut children.filter_map(|child| child.platform.as_ref())),
    }
}

/// There is nothing to choose in an image of one platform, so it is taken, as docker does; but it may be a mistake.
pub(super) fn warn_of_another(wanted: &[Platform], image: &str, found: &[Platform]) {
    let accepted = |found: &Platform| wanted.iter().any(|wanted| wanted.accepts(found));
    if wanted.is_empty() {
        return;
    }
    if let Some(other) = found.iter().find(|found| !accepted(found)) {
        let asked: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        tracing::warn!(
            "{image} is an image of {other} alone, and {} was asked for; it is taken as it is",
            asked.join(", ")
        );
    }
}

/// The platform that an image config names (image-spec, "Image Configuration").
pub(super) fn of_config(config: &[u8]) -> Option<Platform> {
    #[derive(serde::Deserialize)]
    struct Config {
        os: String,
        architecture: String,
        variant: Option<String>,
    }
    let Config {
        os,
        architecture,
        variant,
    } = serde_json::from_slice(config).ok()?;
    let text = match variant.filter(|variant| !variant.is_empty()) {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    };
    text.parse().ok()
}
