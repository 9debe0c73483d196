/*! The data from where the command line says it is: a path, or an address to ask once. */

use std::{path::PathBuf, time::Duration};

use registry::web::{self, Limits, Web};
use url::Url;

use super::GraphData;
use crate::Error;

/// Where the data of an update service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphInput {
    /// A tarball or a directory.
    Path(PathBuf),
    /// A tarball to fetch.
    Url(Url),
}

/// What is taken of a download. The real tarball has about 100 KB.
const LIMITS: Limits = Limits {
    bytes: 32 << 20,
    idle: Duration::from_secs(30),
    whole: Duration::from_secs(30 * 60),
};

/// Reads the data, or fetches it, without credentials.
pub async fn data(input: &GraphInput, web: &Web) -> Result<GraphData, Error> {
    let url = match input {
        GraphInput::Path(path) => return Ok(GraphData::read(path)?),
        GraphInput::Url(url) => url,
    };
    // A query may be what gives access.
    let shown = web::shown(url.as_str());
    let download = |reason: String| Error::Download {
        url: shown.clone(),
        reason,
    };
    let tarball = web
        .get(url, &LIMITS)
        .await
        .map_err(|error| download(error.to_string()))?
        .ok_or_else(|| download("is not there (404)".to_owned()))?;
    Ok(GraphData::from_tarball(&shown, tarball.as_slice())?)
}
