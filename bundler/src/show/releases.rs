/*! What a build says about OpenShift releases: one line each instead of two hundred images, and what to type next. */

use cli::{next_commands, shell};
use schema::{
    bundle::{Image, Index, Release},
    text::{Align, Page, Table},
};

use crate::{Plan, Request, write::Output};

/// The release that an image is part of: itself, or a component, which has the release's tag before its name.
pub(super) fn of<'i>(index: &'i Index, image: &Image) -> Option<&'i Release> {
    index.releases.iter().find(|release| {
        let tag = release.tag.as_str();
        let is_part = |own: &str| {
            own == tag
                || own
                    .strip_prefix(tag)
                    .is_some_and(|rest| rest.starts_with('-'))
        };
        image.repository == release.repository && image.tags.iter().any(|own| is_part(own.as_str()))
    })
}

pub(super) fn table(index: &Index, parts: &[&Image]) -> Table {
    let mut table = Table::new([
        ("RELEASE", Align::Left),
        ("IMAGE", Align::Left),
        ("DIGEST", Align::Left),
        ("COMPONENTS", Align::Right),
        ("ATTACHED", Align::Right),
        ("SIGNED BY", Align::Left),
    ]);
    for release in &index.releases {
        let own = parts
            .iter()
            .filter(|image| of(index, image) == Some(release));
        let attached: usize = own.clone().map(|image| image.attached.len()).sum();
        let signed = match release.verified_by.as_slice() {
            [] => "UNVERIFIED".to_owned(),
            keys => keys.join(", "),
        };
        table.row([
            release.version.clone(),
            format!("{}:{}", release.repository, release.tag),
            release.digest.to_string()[..19].to_owned(),
            match (
                own.filter(|image| image.digest != release.digest).count(),
                index.missing_of(release).count(),
            ) {
                (there, 0) => there.to_string(),
                (there, gone) => format!("{there}, {gone} MISSING"),
            },
            attached.to_string(),
            signed,
        ]);
    }
    table
}

/// A line for each ConfigMap of signatures, in the words of `oc`.
pub(super) fn created(plan: &Plan, request: &Request) -> Page {
    let place = match (&request.config_to_dir, &request.output) {
        (Some(directory), _) => format!("{}/", directory.display()),
        (None, Output::Directory(path) | Output::File(path) | Output::Zstd(path)) => {
            format!("{}/config/", path.display())
        }
        (None, Output::Stream { .. }) => "config/".to_owned(),
    };
    let mut said = Page::new();
    for path in &plan.signatures {
        said.line(format_args!("Configmap {place}{path} created"));
    }
    said
}

/// The commands that come next, where there is a release or the images lie in a directory.
pub(super) fn next(index: &Index, request: &Request) -> Page {
    let commands = match &request.output {
        Output::Directory(path) => {
            let own = path.join("config");
            let config = request
                .config_to_dir
                .as_deref()
                .or((!index.objects.is_empty()).then_some(own.as_path()));
            next_commands(index, path, config)
        }
        Output::File(path) | Output::Zstd(path) if !index.releases.is_empty() => {
            let bundle = shell::path(path);
            let mut next = Page::new();
            next.line(format_args!(
                "  importer import {bundle} --key KEY.pub.pem --to REGISTRY --config-to-dir DIR"
            ));
            next
        }
        Output::File(_) | Output::Zstd(_) | Output::Stream { .. } => Page::new(),
    };
    if commands.is_empty() {
        return commands;
    }
    let mut said = Page::new();
    said.gap();
    said.line("Next, inside:");
    said.gap();
    said.append(&commands);
    said
}
