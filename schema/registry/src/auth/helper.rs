/*! Credential helpers: `docker-credential-NAME get`, the host on stdin, JSON on stdout (docker-credential-helpers). */

use std::{io, path::Path, time::Duration};

use net::process::{self, Bounds, ProcessError};
use serde::Deserialize;
use tokio::process::Command;

use crate::{
    Error,
    auth::credentials::{Credentials, basic},
    error::clean,
};

/// Helpers may ask a cloud service; they may not ask the user. What they answer fits a screen.
const BOUNDS: Bounds = Bounds {
    bytes: 64 << 10,
    time: Duration::from_secs(30),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperOutput {
    username: String,
    secret: String,
}

/// Asks a helper that `file` names for a server's credentials; `None` where it has none, or is not there itself: then what
/// is public can still be had, and whoever is refused finds the warning.
pub(crate) async fn ask(
    name: &str,
    server: &str,
    file: &Path,
) -> Result<Option<Credentials>, Error> {
    let program = format!("docker-credential-{}", clean(name));
    let failed = |why: String| Error::Auth {
        host: server.to_owned(),
        detail: format!(
            "the credential helper {program} named in {} {why}",
            file.display()
        ),
    };
    if name.contains('/') {
        return Err(failed("is a path, expected a bare name".to_owned()));
    }
    let output = process::run(
        Command::new(&program).arg("get"),
        server.as_bytes(),
        &BOUNDS,
    )
    .await;
    let output = match output {
        Err(ProcessError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(
                "{} names the credential helper {program}, which is not installed; {server} is asked without it. Install it, or take it out of the file",
                file.display()
            );
            return Ok(None);
        }
        output => output.map_err(|error| failed(error.to_string()))?,
    };
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.printed.stdout);
        if printed.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!(
            "failed ({}): {}",
            output.status,
            clean(printed.trim())
        )));
    }
    let found: HelperOutput = serde_json::from_slice(&output.printed.stdout)
        .map_err(|_| failed("did not answer with the expected JSON".to_owned()))?;
    Ok(Some(basic(&found.username, &found.secret)))
}
