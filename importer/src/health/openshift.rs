/*! Rules for OLM's kinds (`operators.coreos.com`), and for OpenShift's operators and pools of machines. */

use cluster::openshift::{is_updated, one_line, text};
use schema::text::escape;
use serde_json::Value;

use super::{
    Health, Lack,
    conditions::{self, required, said},
    failed,
    pods::phase_is,
    underway,
};

/// The version that it asks for is installed.
pub(super) fn subscription(object: &Value) -> Health {
    if let Some(reason) = said(object, "InstallPlanFailed", "True") {
        return failed(reason);
    }
    let kinds = [
        "CatalogSourcesUnhealthy",
        "ResolutionFailed",
        "BundleUnpackFailed",
    ];
    if let Some(reason) = kinds
        .into_iter()
        .find_map(|kind| said(object, kind, "True"))
    {
        return underway(reason);
    }
    let state = text(object, "/status/state");
    let manual = text(object, "/spec/installPlanApproval") == "Manual";
    let pinned = text(object, "/spec/startingCSV");
    let installed = text(object, "/status/installedCSV");
    match state {
        "AtLatestKnown" => Ok(()),
        "UpgradePending" if manual && !pinned.is_empty() && pinned == installed => Ok(()),
        "UpgradePending" | "" if manual && conditions::is(object, "InstallPlanPending", "True") => {
            underway(format!(
                "install plan {} waits for somebody's approval (installPlanApproval: Manual)",
                escape(text(object, "/status/installPlanRef/name"))
            ))
        }
        "" => underway("its state is not reported yet"),
        state => underway(format!("its state is {}, not AtLatestKnown", escape(state))),
    }
}

/// It is installed.
pub(super) fn service_version(object: &Value) -> Health {
    phase_is(text(object, "/status/phase"), "Succeeded").map_err(|lack| with_message(lack, object))
}

/// It is done.
pub(super) fn install_plan(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Failed" => failed(match said(object, "Installed", "False") {
            Some(reason) => format!("its phase is Failed: {reason}"),
            None => "its phase is Failed".to_owned(),
        }),
        "RequiresApproval" => underway("it waits for somebody's approval"),
        other => phase_is(other, "Complete"),
    }
}

/// Adds what `status.message` says.
fn with_message(lack: Lack, object: &Value) -> Lack {
    let message = one_line(text(object, "/status/message"));
    match lack {
        Lack::Underway(reason) if !message.is_empty() => {
            Lack::Underway(format!("{reason}: {message}"))
        }
        lack => lack,
    }
}

/// The catalog answers.
pub(super) fn catalog_source(object: &Value) -> Health {
    match text(object, "/status/connectionState/lastObservedState") {
        "READY" => Ok(()),
        "" => underway("its connection is not reported yet"),
        state => {
            let lack = format!("its connection is {}, not READY", escape(state));
            Err(with_message(Lack::Underway(lack), object))
        }
    }
}

/// Available, and not degraded.
pub(super) fn cluster_operator(object: &Value) -> Health {
    match said(object, "Degraded", "True") {
        Some(reason) => underway(reason),
        None => required(object, "Available"),
    }
}

/// All its machines are at its configuration, and it is not degraded.
pub(super) fn pool(object: &Value) -> Health {
    if let Some(degraded) = said(object, "Degraded", "True") {
        return underway(degraded);
    }
    if is_updated(object) {
        return Ok(());
    }
    if object["spec"]["paused"] == true {
        return underway("it is paused: its nodes stay as they are until it is resumed");
    }
    let count = |key: &str| object["status"][key].as_u64().unwrap_or_default();
    underway(format!(
        "{} of {} nodes updated",
        count("updatedMachineCount"),
        count("machineCount")
    ))
}
