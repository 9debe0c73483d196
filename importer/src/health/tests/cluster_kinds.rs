/*! OLM's kinds, and OpenShift's operators and pools. */

use serde_json::json;

use super::{condition, object, table};

#[test]
fn what_olm_installs() {
    let whole = object(
        "operators.coreos.com/v1alpha1",
        "Subscription",
        json!({"spec": {}, "status": {"state": "AtLatestKnown"}}),
    );
    let pending = condition("InstallPlanPending", "True", "RequiresApproval", "");
    let unwell = condition(
        "CatalogSourcesUnhealthy",
        "True",
        "UnhealthyCatalogSourceFound",
        "one is down",
    );
    table(
        &whole,
        &[
            (
                json!({"status": {"state": "UpgradeAvailable"}}),
                "its state is UpgradeAvailable, not AtLatestKnown",
            ),
            (
                json!({
                    "spec": {"installPlanApproval": "Manual"},
                    "status": {"state": "UpgradePending", "installPlanRef": {"name": "install-x"}, "conditions": [pending]},
                }),
                "install plan install-x waits for somebody's approval (installPlanApproval: Manual)",
            ),
            // Held at a version on purpose.
            (
                json!({
                    "spec": {"installPlanApproval": "Manual", "startingCSV": "web.v1"},
                    "status": {"state": "UpgradePending", "installedCSV": "web.v1", "conditions": [pending]},
                }),
                "",
            ),
            (
                json!({"status": {"conditions": [unwell]}}),
                "CatalogSourcesUnhealthy is True: one is down (UnhealthyCatalogSourceFound)",
            ),
            (
                json!({"status": {"conditions": [condition("InstallPlanFailed", "True", "InstallComponentFailed", "no such CRD")]}}),
                "FAILED InstallPlanFailed is True: no such CRD (InstallComponentFailed)",
            ),
            (json!({"status": null}), "its state is not reported yet"),
        ],
    );
    let version = object(
        "operators.coreos.com/v1alpha1",
        "ClusterServiceVersion",
        json!({"status": {"phase": "Succeeded"}}),
    );
    table(
        &version,
        &[(
            json!({"status": {"phase": "Pending", "message": "requirements not met"}}),
            "its phase is Pending, not Succeeded: requirements not met",
        )],
    );
    let plan = object(
        "operators.coreos.com/v1alpha1",
        "InstallPlan",
        json!({"status": {"phase": "Complete"}}),
    );
    table(
        &plan,
        &[
            (
                json!({"status": {"phase": "RequiresApproval"}}),
                "it waits for somebody's approval",
            ),
            (
                json!({"status": {"phase": "Failed", "conditions": [condition("Installed", "False", "", "no rights")]}}),
                "FAILED its phase is Failed: Installed is False: no rights",
            ),
        ],
    );
    let catalog = object(
        "operators.coreos.com/v1alpha1",
        "CatalogSource",
        json!({"status": {"connectionState": {"lastObservedState": "READY"}}}),
    );
    table(
        &catalog,
        &[(
            json!({"status": {"connectionState": {"lastObservedState": "TRANSIENT_FAILURE"}, "message": "no pull"}}),
            "its connection is TRANSIENT_FAILURE, not READY: no pull",
        )],
    );
}

#[test]
fn operators_and_pools_of_openshift() {
    let well = [
        condition("Available", "True", "", ""),
        condition("Degraded", "False", "", ""),
    ];
    let operator = object(
        "config.openshift.io/v1",
        "ClusterOperator",
        json!({"status": {"conditions": well}}),
    );
    let unwell = [
        condition("Available", "True", "", ""),
        condition("Degraded", "True", "Broken", "no quorum"),
    ];
    table(
        &operator,
        &[
            (
                json!({"status": {"conditions": unwell}}),
                "Degraded is True: no quorum (Broken)",
            ),
            (
                json!({"status": {"conditions": []}}),
                "Available is not reported yet",
            ),
        ],
    );
    let pool = object(
        "machineconfiguration.openshift.io/v1",
        "MachineConfigPool",
        json!({
            "spec": {"paused": false, "configuration": {"name": "rendered-1"}},
            "status": {
                "observedGeneration": 2, "machineCount": 3, "updatedMachineCount": 1, "configuration": {"name": "rendered-1"},
                "conditions": [condition("Updated", "True", "", ""), condition("Degraded", "False", "", "")],
            },
        }),
    );
    let degraded = [
        condition("Updated", "True", "", ""),
        condition("Degraded", "True", "", "node a"),
    ];
    table(
        &pool,
        &[
            (
                json!({"spec": {"configuration": {"name": "rendered-2"}}}),
                "1 of 3 nodes updated",
            ),
            (
                json!({"spec": {"paused": true, "configuration": {"name": "rendered-2"}}}),
                "it is paused: its nodes stay as they are until it is resumed",
            ),
            (
                json!({"status": {"conditions": degraded}}),
                "Degraded is True: node a",
            ),
        ],
    );
}
