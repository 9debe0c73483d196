/*! What a build prints about OpenShift releases besides their table: the ConfigMaps made, and what to type next. */

use cli::{next_commands, shell};
use schema::{bundle::Index, text::Page};

use crate::{Plan, Request, write::Output};

/// A line for each ConfigMap of signatures, in the words of `oc`.
pub(super) fn created(plan: &Plan, request: &Request) -> Page {
    let place = match (&request.config_to_dir, &request.output) {
        (Some(directory), _) => format!("{}/", directory.display()),
        (
            None,
            Output::Directory(path)
            | Output::File(path)
            | Output::Zstd(path)
            | Output::Volumes { path, .. },
        ) => {
            format!("{}/config/", path.display())
        }
        (None, Output::Stream { .. }) => "config/".to_owned(),
    };
    let mut page = Page::new();
    for path in &plan.signatures {
        page.line(format_args!("Configmap {place}{path} created"));
    }
    page
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
        Output::File(path) | Output::Zstd(path) | Output::Volumes { path, .. }
            if !index.releases.is_empty() =>
        {
            let bundle = shell::path(path);
            let mut next = Page::new();
            next.line(format_args!(
                "  importer import {bundle} --key KEY.pub.pem --to REGISTRY --config-to-dir DIR"
            ));
            next
        }
        Output::File(_) | Output::Zstd(_) | Output::Volumes { .. } | Output::Stream { .. } => {
            Page::new()
        }
    };
    if commands.is_empty() {
        return commands;
    }
    let mut page = Page::new();
    page.gap();
    page.line("Next, inside:");
    page.gap();
    page.append(&commands);
    page
}
