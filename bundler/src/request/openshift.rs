/*! What the command line says about OpenShift: releases, whom to believe about them, and the data of an update service. */

use std::path::PathBuf;

use url::Url;

use super::{
    GraphRequest,
    locator::Locator,
    spec::{Spec, SpecImage},
};
use crate::{
    Error,
    args::ReleaseArgs,
    graph::GraphInput,
    release::{ReleaseRules, store::Store, trust::OperatorTrust},
};

fn graph_input(text: &str) -> Result<GraphInput, Error> {
    if !text.contains("://") {
        return Ok(GraphInput::Path(text.into()));
    }
    let shown = registry::web::shown(text);
    let usage = |reason: &str| Error::Usage(format!("--graph-data {shown}: {reason}"));
    let url: Url = text.parse().map_err(|error| usage(&format!("{error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(usage(
            "it is fetched without credentials; leave out user and password",
        ));
    }
    match url.scheme() {
        "http" | "https" => Ok(GraphInput::Url(url)),
        "file" => Ok(GraphInput::Path(
            url.to_file_path()
                .map_err(|()| usage("expected file:///PATH"))?,
        )),
        _ => Err(usage("expected a path, or a URL with https, http or file")),
    }
}

/// What the flags demand of releases.
pub(super) fn rules(args: &ReleaseArgs, spec: &Spec) -> Result<ReleaseRules, Error> {
    let keys = args.release_keys.iter().chain(&spec.release_keys);
    let keys: Vec<PathBuf> = keys.cloned().collect();
    let stores = args.signature_stores.iter().chain(&spec.signature_stores);
    let stores = stores.map(|text| store(text)).collect::<Result<_, _>>()?;
    let repository = args
        .release_repository
        .as_ref()
        .or(spec.release_repository.as_ref());
    let repository = repository.map_or("openshift/release", String::as_str);
    let usage = |error| Error::Usage(format!("--release-repository: {error}"));
    Ok(ReleaseRules {
        repository: repository.parse().map_err(usage)?,
        trust: OperatorTrust::read(&keys, stores, args.no_payload_stores)?,
        keys_given: !keys.is_empty(),
        allow_unverified: args.allow_unverified_release,
        allow_incomplete: args.allow_incomplete_release,
    })
}

/// A URL, or a directory relative to this one.
fn store(text: &str) -> Result<Store, Error> {
    // Never the text itself: somebody may have put a password into it.
    let usage = |error: &dyn std::fmt::Display| Error::Usage(format!("--signature-store: {error}"));
    if text.contains("://") {
        return text.parse().map_err(|error| usage(&error));
    }
    let absolute = std::path::absolute(text).map_err(|error| usage(&error))?;
    absolute
        .to_string_lossy()
        .parse()
        .map_err(|error| usage(&error))
}

/// `--graph-data` and the image to put it on.
pub(super) fn graph(
    args: &ReleaseArgs,
    spec: &Spec,
    locator: &Locator<'_>,
) -> Result<Option<GraphRequest>, Error> {
    let data = args.graph_data.as_ref().or(spec.graph_data.as_ref());
    let base = args
        .graph_base_image
        .as_ref()
        .or(spec.graph_base_image.as_ref());
    let usage = |text: &str| Error::Usage(text.to_owned());
    match (data, base) {
        (Some(data), Some(base)) => {
            let name = SpecImage {
                name: base.clone(),
                rename: None,
            };
            let base = locator.image("--graph-base-image", &name)?;
            let repository = "openshift/graph-data".parse();
            Ok(Some(GraphRequest {
                data: graph_input(data)?,
                base,
                repository: repository.map_err(|error| usage(&format!("{error}")))?,
            }))
        }
        (Some(_), None) => Err(usage(
            "--graph-data needs --graph-base-image: a small image with bash and cp, such as registry.access.redhat.com/ubi9/ubi-minimal:latest",
        )),
        (None, Some(_)) => Err(usage("--graph-base-image needs --graph-data")),
        (None, None) => Ok(None),
    }
}
