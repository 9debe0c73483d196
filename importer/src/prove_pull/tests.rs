/*! Kubelets' words as they are reported, what of the cluster they mean, and that a pull counts whatever the container does. */

use cluster::openshift::items;
use serde_json::json;

use super::{
    cause::Cause,
    failure, looked,
    pod::pod,
    pools::Pool,
    told,
    verdict::{Pull, pull},
    *,
};

const DIGEST: &str = "quay.io/openshift-release-dev/ocp-release@sha256:00";

#[test]
fn the_words_of_a_kubelet_tell_which_setting_is_wrong() {
    let mirrored = |why: &str| {
        format!(
            "rpc error: code = Unknown desc = (Mirrors also failed: [registry.site:5000/ocp/openshift/release-images@sha256:00: {why}]): \
             {DIGEST}: pinging container registry quay.io: Get \"https://quay.io/v2/\": dial tcp: lookup quay.io on 10.0.0.2:53: no such host"
        )
    };
    for (message, expected) in [
        (
            mirrored("pinging container registry registry.site:5000: Get \"https://registry.site:5000/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            Cause::Certificate,
        ),
        (
            mirrored("reading manifest sha256:00 in registry.site:5000/ocp/openshift/release-images: unauthorized: authentication required"),
            Cause::Credentials,
        ),
        (
            mirrored("reading manifest sha256:00 in registry.site:5000/ocp/openshift/release-images: manifest unknown"),
            Cause::Missing,
        ),
        (
            mirrored("pinging container registry registry.site:5000: Get \"https://registry.site:5000/v2/\": dial tcp: lookup registry.site on 10.0.0.2:53: no such host"),
            Cause::Name,
        ),
        (
            mirrored("pinging container registry registry.site:5000: Get \"https://registry.site:5000/v2/\": dial tcp 10.1.2.3:5000: connect: connection refused"),
            Cause::Unreachable,
        ),
        (
            format!("rpc error: code = Unknown desc = initializing source docker://{DIGEST}: pinging container registry quay.io: Get \"https://quay.io/v2/\": dial tcp: lookup quay.io: no such host"),
            Cause::Mirrors,
        ),
        (
            "rpc error: code = Unknown desc = copying system image from manifest list: Source image rejected: A signature was required, but no signature exists".to_owned(),
            Cause::Signature,
        ),
        (
            "rpc error: code = Unknown desc = SignatureValidationFailed: Source image rejected: cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature".to_owned(),
            Cause::Signature,
        ),
        (
            "rpc error: code = Unknown desc = choosing an image from manifest list docker://registry.site:5000/a@sha256:00: no image found in image index for architecture arm64, variant \"v8\", OS linux".to_owned(),
            Cause::Architecture,
        ),
        (
            "rpc error: code = Unknown desc = pinging container registry registry.site:5000: Get \"https://registry.site:5000/v2/\": http: server gave HTTP response to HTTPS client".to_owned(),
            Cause::Certificate,
        ),
        (
            "failed to pull and unpack image \"registry.site/a@sha256:00\": failed to resolve reference: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials".to_owned(),
            Cause::Credentials,
        ),
        (
            "failed to resolve reference \"registry.site:5000/a@sha256:00\": registry.site:5000/a@sha256:00: not found".to_owned(),
            Cause::Missing,
        ),
        (
            "rpc error: code = DeadlineExceeded desc = initializing source docker://registry.site:5000/a: dial tcp 10.1.2.3:5000: i/o timeout".to_owned(),
            Cause::Unreachable,
        ),
        ("rpc error: code = Unknown desc = no space left on device".to_owned(), Cause::Other),
    ] {
        assert_eq!(Cause::of(&message), expected, "{message}");
    }
}

fn status(state: Value, image_id: &str) -> Value {
    json!({"spec": {"nodeName": "n1"}, "status": {"containerStatuses": [
        {"name": "other", "imageID": "sha256:1", "state": {"running": {}}},
        {"name": "image-0", "imageID": image_id, "state": state},
    ]}})
}

fn event(reason: &str, message: &str, container: &str) -> Value {
    json!({"reason": reason, "message": message, "involvedObject": {"fieldPath": format!("spec.containers{{{container}}}")}})
}

fn cause(pull: &Pull) -> Option<Cause> {
    match pull {
        Pull::Failing { cause, .. } => Some(*cause),
        _ => None,
    }
}

#[test]
fn a_pull_counts_whatever_becomes_of_the_container() {
    let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "x"}});
    for done in [
        status(
            json!({"terminated": {"exitCode": 127, "reason": "ContainerCannotRun"}}),
            "",
        ),
        status(json!({"running": {"startedAt": "now"}}), ""),
        status(waiting("ContainerCreating"), "quay.io/a@sha256:00"),
        status(waiting("CreateContainerConfigError"), ""),
        status(waiting("CreateContainerError"), ""),
        status(waiting("RunContainerError"), ""),
    ] {
        assert_eq!(pull(&done, &[], "image-0"), Pull::Done, "{done}");
    }
    let creating = status(waiting("ContainerCreating"), "");
    assert!(matches!(pull(&creating, &[], "image-0"), Pull::Waiting(_)));
    let pulled = [event("Pulled", "Successfully pulled image", "image-0")];
    assert_eq!(pull(&creating, &pulled, "image-0"), Pull::Done);
    // Of another container it says nothing.
    let other = [event("Pulled", "Successfully pulled image", "image-1")];
    assert!(matches!(
        pull(&creating, &other, "image-0"),
        Pull::Waiting(_)
    ));
}

#[test]
fn a_back_off_is_explained_by_the_attempt_before_it() {
    let back_off = status(
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"a\""}}),
        "",
    );
    let failed = [
        event(
            "Failed",
            "Failed to pull image \"a\": reading manifest: unauthorized",
            "image-0",
        ),
        event("Failed", "Error: ErrImagePull", "image-0"),
        event("BackOff", "Back-off pulling image \"a\"", "image-0"),
    ];
    let found = pull(&back_off, &failed, "image-0");
    assert_eq!(cause(&found), Some(Cause::Credentials), "{found:?}");
    assert_eq!(cause(&pull(&back_off, &[], "image-0")), Some(Cause::Other));
    let err = |message: &str, reason: &str| {
        status(
            json!({"waiting": {"reason": reason, "message": message}}),
            "",
        )
    };
    let x509 = pull(
        &err("x509: certificate has expired", "ErrImagePull"),
        &[],
        "image-0",
    );
    assert_eq!(cause(&x509), Some(Cause::Certificate));
    let signature = pull(&err("", "SignatureValidationFailed"), &[], "image-0");
    assert_eq!(cause(&signature), Some(Cause::Signature));
}

#[test]
fn what_no_node_takes_and_what_was_deleted_by_others_is_said_so() {
    let pool = |name: &str| Pool {
        name: name.to_owned(),
        selector: Value::Null,
    };
    let proof = Proof {
        namespace: "default".to_owned(),
        images: vec![DIGEST.to_owned()],
        pools: Vec::new(),
        limit: Duration::from_secs(9),
    };
    let pending = json!({
        "metadata": {"annotations": {"offline-bundle/pool": "pool infra"}},
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."}]},
    });
    let pools = [pool("pool infra"), pool("pool worker")];
    let all = looked(&[pending], &[], &proof, &pools);
    let all: Vec<_> = all
        .into_iter()
        .map(|(one, pull)| told(one, pull, 9))
        .collect();
    let sentence = failure(&all).unwrap_or_default();
    assert!(
        sentence.starts_with("pool infra cannot pull quay.io/")
            && sentence.contains("within 9 s: no node takes the pod: 0/3 nodes")
            && sentence.ends_with("(2 of 2 pulls failed)"),
        "{sentence}"
    );
    assert!(
        all[1]
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("its pod is gone"))
    );
    assert_eq!(failure(&[]), None);
}

#[test]
fn a_pod_asks_for_the_nodes_of_its_pool_and_for_nothing_that_a_restricted_namespace_refuses() {
    let pool = Pool {
        name: "pool worker".to_owned(),
        selector: json!({
            "matchLabels": {"node-role.kubernetes.io/worker": ""},
            "matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}],
        }),
    };
    let made = pod(
        "run",
        0,
        &pool,
        &[DIGEST.to_owned(), "b".to_owned()],
        Duration::from_secs(60),
    );
    let terms = &made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    assert_eq!(
        terms[0]["matchExpressions"],
        json!([
            {"key": "node-role.kubernetes.io/worker", "operator": "In", "values": [""]},
            {"key": "gpu", "operator": "DoesNotExist"},
        ])
    );
    assert_eq!(made["spec"]["activeDeadlineSeconds"], 120);
    let containers = items(&made, "/spec/containers");
    assert_eq!(containers.len(), 2);
    for container in containers {
        assert_eq!(container["imagePullPolicy"], "Always");
        assert_eq!(
            container["securityContext"]["allowPrivilegeEscalation"],
            false
        );
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"])
        );
    }
    assert_eq!(made["spec"]["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        made["spec"]["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for wrong in ["", "a", "=b", "a==b", "a=b,"] {
        assert!(wrong.parse::<Pool>().is_err(), "{wrong}");
    }
}
