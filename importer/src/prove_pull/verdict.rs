/*! What the status of a pod, and the events about it, say of the images that it pulls. Pure. */

use cluster::openshift::{among, items, one_line, text};
use serde_json::Value;

use super::cause::Cause;

/// How far the pull of one image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull {
    /// The node has it, whatever becomes of the container.
    Done,
    /// It failed so far; kubelets go on trying.
    Failing {
        /// What is wrong.
        cause: Cause,
        /// The words of the kubelet.
        message: String,
    },
    /// Nothing is known yet, and why.
    Waiting(String),
}

/// Reasons with which a container waits after its image was pulled (kubelet, `pkg/kubelet/kuberuntime`).
const PULLED: [&str; 5] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PostStartHookError",
    "CrashLoopBackOff",
];

/// Reasons with which it waits because it was not (kubelet, `pkg/kubelet/images`).
const FAILED: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// The pull of the image of a container, from its pod and the events about that.
pub fn pull(pod: &Value, events: &[Value], container: &str) -> Pull {
    let statuses = items(pod, "/status/containerStatuses").iter();
    let status = statuses
        .clone()
        .find(|status| text(status, "/name") == container);
    let reason = status.map_or("", |status| text(status, "/state/waiting/reason"));
    let started = status.is_some_and(|status| {
        !text(status, "/imageID").is_empty()
            || !status["state"]["running"].is_null()
            || !status["state"]["terminated"].is_null()
    });
    let of_container = |event: &&Value| {
        text(event, "/involvedObject/fieldPath") == format!("spec.containers{{{container}}}")
    };
    let mut events = events.iter().rev().filter(of_container);
    if started
        || PULLED.contains(&reason)
        || events
            .clone()
            .any(|event| text(event, "/reason") == "Pulled")
    {
        return Pull::Done;
    }
    if FAILED.contains(&reason) {
        let waiting = status.map_or("", |status| text(status, "/state/waiting/message"));
        // A back-off of older kubelets says nothing; the event of the attempt does.
        let attempt = events.find(|event| {
            text(event, "/reason") == "Failed" && text(event, "/message").contains("pull image")
        });
        let attempt = attempt.map_or("", |event| text(event, "/message"));
        let message = match reason {
            "ImagePullBackOff" if !attempt.is_empty() => attempt,
            _ if waiting.is_empty() => attempt,
            _ => waiting,
        };
        let cause = match reason {
            "SignatureValidationFailed" => Cause::Signature,
            "RegistryUnavailable" if Cause::of(message) == Cause::Other => Cause::Unreachable,
            _ => Cause::of(message),
        };
        let message = one_line(message);
        return Pull::Failing {
            cause,
            message: match message.is_empty() {
                true => reason.to_owned(),
                false => format!("{reason}: {message}"),
            },
        };
    }
    Pull::Waiting(waits(pod, reason))
}

/// Why a pod has not begun to pull.
fn waits(pod: &Value, reason: &str) -> String {
    let conditions = pod.pointer("/status/conditions");
    let scheduled = conditions.and_then(|conditions| among(conditions, "PodScheduled"));
    match scheduled {
        Some(scheduled) if scheduled.status == "False" => {
            format!("no node takes the pod: {}", scheduled.text())
        }
        _ if text(pod, "/spec/nodeName").is_empty() => "no node was found for the pod".to_owned(),
        _ if !text(pod, "/status/reason").is_empty() => {
            let (reason, message) = (text(pod, "/status/reason"), text(pod, "/status/message"));
            format!(
                "node {}: {}",
                text(pod, "/spec/nodeName"),
                one_line(&format!("{reason} {message}"))
            )
        }
        _ => {
            let node = text(pod, "/spec/nodeName");
            let reason = if reason.is_empty() {
                "it says nothing yet"
            } else {
                reason
            };
            format!("node {node} has not pulled it: {}", one_line(reason))
        }
    }
}
