/*! Rules for pods, for what runs them to an end, and for what they store to and are reached by. */

use cluster::openshift::{items, one_line, text};
use schema::text::escape;
use serde_json::Value;

use super::{Health, conditions, failed, underway};

/// A Job is healthy when it is complete. To kstatus one that has begun is; what was brought is done only when it has ended.
pub(super) fn job(object: &Value) -> Health {
    if conditions::is(object, "Complete", "True") {
        return Ok(());
    }
    if let Some(reason) = conditions::said(object, "Failed", "True") {
        return failed(reason);
    }
    if conditions::is(object, "Suspended", "True") {
        return Ok(());
    }
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    if object["status"]["startTime"].is_null() {
        return underway("it has not started yet");
    }
    let wanted = count("/spec/completions").or_else(|| count("/spec/parallelism"));
    let [succeeded, active, failures] = ["succeeded", "active", "failed"]
        .map(|key| object["status"][key].as_i64().unwrap_or_default());
    underway(format!(
        "{succeeded} of {} pods have succeeded ({active} active, {failures} failed)",
        wanted.unwrap_or(1)
    ))
}

/// A Pod is healthy when it is ready, or has succeeded. A container that crashes, or a node that is missing, may yet come right.
pub(super) fn pod(object: &Value) -> Health {
    let phase = text(object, "/status/phase");
    match phase {
        "Succeeded" => return Ok(()),
        "Failed" => {
            let why = ["/status/message", "/status/reason"];
            let mut why = why
                .into_iter()
                .map(|pointer| one_line(text(object, pointer)));
            let why = why.find(|why| !why.is_empty()).or_else(|| ended(object));
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return failed(format!("its phase is Failed{why}"));
        }
        "" => return underway("its phase is not reported yet"),
        _ => {}
    }
    if let Some(stuck) = stuck(object) {
        return underway(stuck);
    }
    if conditions::reason(object, "PodScheduled") == "Unschedulable"
        && let Some(reason) = conditions::said(object, "PodScheduled", "False")
    {
        return underway(reason);
    }
    conditions::required(object, "Ready")
}

fn containers(object: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    lists.into_iter().flat_map(|list| items(object, list))
}

/// The first container that crashes again and again, or has no image.
fn stuck(object: &Value) -> Option<String> {
    containers(object).find_map(|container| {
        let reason = text(container, "/state/waiting/reason");
        let known = [
            "CrashLoopBackOff",
            "ImagePullBackOff",
            "ErrImagePull",
            "InvalidImageName",
            "CreateContainerConfigError",
        ];
        known.contains(&reason).then(|| {
            let name = escape(text(container, "/name"));
            let message = one_line(text(container, "/state/waiting/message"));
            match message.is_empty() {
                true => format!("container {name}: {reason}"),
                false => format!("container {name}: {reason}: {message}"),
            }
        })
    })
}

/// The first container that ended with an error.
fn ended(object: &Value) -> Option<String> {
    containers(object).find_map(|container| {
        let code = container.pointer("/state/terminated/exitCode")?.as_i64()?;
        let name = escape(text(container, "/name"));
        (code != 0).then(|| format!("container {name} ended with exit code {code}"))
    })
}

pub(super) fn volume_claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Bound" => Ok(()),
        "Lost" => failed("its phase is Lost: its volume is gone"),
        other => phase_is(other, "Bound"),
    }
}

/// A load balancer needs an address; any other Service is healthy when it is there.
pub(super) fn service(object: &Value) -> Health {
    let balances = object["spec"]["type"] == "LoadBalancer";
    match balances && items(object, "/status/loadBalancer/ingress").is_empty() {
        true => underway("its load balancer has no address yet"),
        false => Ok(()),
    }
}

/// Where `status.phase` says all.
pub(super) fn phase_is(phase: &str, wanted: &str) -> Health {
    match phase {
        "" => underway("its phase is not reported yet"),
        phase if phase == wanted => Ok(()),
        phase => underway(format!("its phase is {}, not {wanted}", escape(phase))),
    }
}
