/*!
Credentials from an exec plugin (Kubernetes, "Authentication", client-go credential plugins), run unattended.

It is run here and not by kube, which runs it several times, on a thread that cannot be stopped when the plugin hangs, and
shows what it printed. What a plugin prints is a secret, and never shown; what it says on standard error is shown as far as it holds none.
*/

use std::{io, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use net::process::{self, Bounds, ProcessError};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::said::said;
use crate::{ClusterError, classify::clean};

/// The most a plugin may print.
const OUTPUT_LIMIT: usize = 1 << 20;

/// Puts the credentials of the user's plugin in its place. A user with other credentials keeps those.
pub(super) async fn log_in(
    user: &mut AuthInfo,
    cluster: Option<&Cluster>,
    request_timeout: Duration,
) -> Result<(), ClusterError> {
    let basic = user.username.is_some() && user.password.is_some();
    if basic || user.token.is_some() || user.token_file.is_some() || user.auth_provider.is_some() {
        user.exec = None;
        return Ok(());
    }
    let Some(exec) = user.exec.take() else {
        return Ok(());
    };
    let status = run(&exec, cluster, request_timeout).await?;
    user.token = status.token.map(Into::into);
    if let (Some(certificate), Some(key)) = (status.certificate, status.key) {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key).into());
    }
    Ok(())
}

/// `ExecCredential`, as much of it as counts.
#[derive(Deserialize)]
struct Credential {
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    token: Option<String>,
    #[serde(rename = "clientCertificateData")]
    certificate: Option<String>,
    #[serde(rename = "clientKeyData")]
    key: Option<String>,
}

async fn run(
    exec: &ExecConfig,
    cluster: Option<&Cluster>,
    limit: Duration,
) -> Result<Status, ClusterError> {
    let command = exec.command.clone().unwrap_or_default();
    let wrong = |detail: String| ClusterError::Plugin {
        command: if command.is_empty() {
            "of the kubeconfig".to_owned()
        } else {
            command.clone()
        },
        detail,
    };
    if command.is_empty() {
        return Err(wrong(
            "is not named; the user's exec needs a command".to_owned(),
        ));
    }
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(wrong("wants somebody at the keyboard (interactiveMode: Always), and nobody is asked here; log in another way, for example by token".to_owned()));
    }
    let mut program = program(exec, &command, cluster)
        .map_err(|error| wrong(format!("cannot be run: {error}")))?;
    let bounds = Bounds {
        bytes: OUTPUT_LIMIT,
        time: limit,
    };
    let output = process::run(&mut program, &[], &bounds).await;
    let output = output.map_err(|error| match &error {
        ProcessError::Io(reason) if reason.kind() == io::ErrorKind::NotFound => {
            let hint = exec.install_hint.as_deref().unwrap_or_default();
            let hint = clean(hint);
            wrong(
                format!("is not installed; {hint}")
                    .trim_end_matches("; ")
                    .to_owned(),
            )
        }
        ProcessError::Slow(_, printed) => wrong(format!(
            "{error}; it may be waiting for input, which nobody gives it here{}",
            said(exec, printed)
        )),
        ProcessError::Io(_) | ProcessError::Talkative(_) => wrong(error.to_string()),
    })?;
    if !output.status.success() {
        return Err(wrong(format!(
            "failed ({}); it may want input, which nobody gives it here{}",
            output.status,
            said(exec, &output.printed)
        )));
    }
    let unusable = || {
        wrong(format!(
            "printed no usable ExecCredential; expected a token, or a client certificate and key{}",
            said(exec, &output.printed)
        ))
    };
    // Some plugins print YAML, which `kubectl` takes as well.
    let credential: Credential =
        serde_yaml::from_slice(&output.printed.stdout).map_err(|_| unusable())?;
    let status = credential.status.ok_or_else(unusable)?;
    match (&status.token, &status.certificate, &status.key) {
        (Some(_), _, _) | (_, Some(_), Some(_)) => Ok(status),
        _ => Err(unusable()),
    }
}

fn program(exec: &ExecConfig, command: &str, cluster: Option<&Cluster>) -> io::Result<Command> {
    let mut spec = json!({"interactive": false});
    if let Some(cluster) = cluster.filter(|_| exec.provide_cluster_info) {
        let about = ExecAuthCluster::try_from(cluster).map_err(io::Error::other)?;
        spec["cluster"] = serde_json::to_value(about)?;
    }
    let info = json!({
        "apiVersion": exec.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1"),
        "kind": "ExecCredential",
        "spec": spec,
    });
    let variables = exec.env.iter().flatten();
    let variables = variables.filter_map(|entry| Some((entry.get("name")?, entry.get("value")?)));
    let mut program = Command::new(command);
    program
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", info.to_string());
    Ok(program)
}
