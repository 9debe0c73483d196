/*! Credential helpers: `docker-credential-NAME get`, the host on stdin, JSON on stdout (docker-credential-helpers). */

use std::{process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use super::{
    Error,
    credentials::{Credentials, basic},
    error::clean,
};

/// Helpers may ask a cloud service; they may not ask the user.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for a server's credentials; `None` where it has none.
pub(super) async fn ask(name: &str, server: &str) -> Result<Option<Credentials>, Error> {
    let program = format!("docker-credential-{name}");
    let failed = |why: String| Error::Auth {
        host: server.to_owned(),
        detail: format!("the credential helper {program} named in the credentials file {why}"),
    };
    if name.contains('/') {
        return Err(failed("is a path, expected a bare name".to_owned()));
    }
    let run = async {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read its input still answers.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = timeout(LIMIT, run)
        .await
        .map_err(|_| failed(format!("gave no answer within {} seconds", LIMIT.as_secs())))?
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!(
            "failed ({}): {}",
            output.status,
            clean(said.trim())
        )));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("did not answer with the expected JSON".to_owned()))?;
    Ok(Some(basic(&answer.username, &answer.secret)))
}
