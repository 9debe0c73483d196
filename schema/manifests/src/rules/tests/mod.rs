use serde_json::json;

use super::*;

/// What is said about an object, empty for nothing.
fn fault(value: Value) -> String {
    let text = value.to_string();
    crate::read(text.as_bytes()).map_or_else(|error| error.to_string(), |_| String::new())
}

fn config_map(metadata: Value, rest: Value) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    if let (Some(into), Value::Object(more)) = (value["metadata"].as_object_mut(), metadata) {
        into.extend(more);
    }
    if let (Some(into), Value::Object(more)) = (value.as_object_mut(), rest) {
        into.extend(more);
    }
    value
}

#[test]
fn what_was_copied_from_a_cluster_comes_with_the_command_that_strips_it() {
    for (key, value) in [
        ("uid", json!("6b1b1c3e-0000-4000-8000-000000000000")),
        ("resourceVersion", json!("4711")),
        ("managedFields", json!([{"manager": "kubectl"}])),
        ("creationTimestamp", json!("2024-01-01T00:00:00Z")),
        ("generation", json!(3)),
        ("selfLink", json!("/api/v1/x")),
        ("ownerReferences", json!([{"uid": "x"}])),
    ] {
        let found = fault(config_map(json!({key: value}), json!({})));
        assert!(
            found.contains(&format!("ConfigMap \"a\" has metadata.{key}, which")),
            "{found}"
        );
        assert!(found.contains("yq -i 'del(.metadata.uid,"), "{found}");
    }
    let status = fault(config_map(json!({}), json!({"status": {"phase": "Bound"}})));
    assert!(status.contains("has status, which"), "{status}");
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [config_map(json!({"uid": "x"}), json!({}))]});
    assert!(fault(list).contains("del(.items[].metadata.uid,"));
}

/// `controller-gen`, `kubectl create --dry-run=client -o yaml` and `kubectl create pdb` write these.
#[test]
fn what_generators_leave_empty_is_taken() {
    for (metadata, rest) in [
        (json!({"creationTimestamp": null}), json!({"status": {}})),
        (json!({"managedFields": []}), json!({"status": null})),
        (
            json!({}),
            json!({"status": {"acceptedNames": {"kind": "", "plural": ""}, "conditions": [], "storedVersions": null}}),
        ),
        (
            json!({}),
            json!({"status": {"currentHealthy": 0, "loadBalancer": {}}}),
        ),
    ] {
        assert_eq!(fault(config_map(metadata, rest)), "");
    }
}

#[test]
fn names_follow_the_rules_of_their_kind() {
    let named = |api_version: &str, kind: &str, name: &str| {
        fault(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}))
            .is_empty()
    };
    let long = "a".repeat(64);
    for (api_version, kind, good, bad) in [
        (
            "v1",
            "ConfigMap",
            &["a", "a.b-c.0", &long][..],
            &[
                "Web_Config",
                "a..b",
                "-a",
                "a-",
                "a/b",
                ".a",
                "ä",
                &"a".repeat(254),
            ][..],
        ),
        ("v1", "Namespace", &["a-b", "0"], &["a.b", "A", &long]),
        ("v1", "Service", &["a-b"], &["a.b", "A", &long]),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            &["system:node", "Any Name"],
            &["a/b", "a%b", "..", "."],
        ),
        (
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            &["a:b"],
            &["a/b"],
        ),
        ("user.openshift.io/v1", "Group", &["kube:admin"], &["a/b"]),
        ("acme.example/v1", "Widget", &["a.b"], &["a:b", "A"]),
    ] {
        for name in good {
            assert!(named(api_version, kind, name), "{kind} {name}");
        }
        for name in bad {
            assert!(!named(api_version, kind, name), "{kind} {name}");
        }
    }
    for (api_version, kind) in [
        ("v1/v2/v3", "A"),
        ("V1", "A"),
        ("/v1", "A"),
        ("a/", "A"),
        ("v1", "a b"),
        ("v1", "-A"),
        ("v1", "a.b"),
    ] {
        assert!(!named(api_version, kind, "a"), "{api_version} {kind}");
    }
}

#[test]
fn namespaces_labels_and_annotations_follow_the_rules() {
    for (metadata, expected) in [
        (
            json!({"namespace": "Team_A"}),
            "metadata.namespace is \"Team_A\"",
        ),
        (json!({"namespace": "a.b"}), "metadata.namespace"),
        (
            json!({"labels": {"app": "x".repeat(100)}}),
            "metadata.labels.app has a value of 100 characters",
        ),
        (
            json!({"labels": {"app": "a b"}}),
            "metadata.labels.app has the value \"a b\"",
        ),
        (json!({"labels": {"app": "-a"}}), "metadata.labels.app"),
        (json!({"labels": {"a/b/c": ""}}), "is no key that is taken"),
        (json!({"labels": {"A.b/c": ""}}), "is no key that is taken"),
        (json!({"labels": {"": ""}}), "is no key that is taken"),
        (
            json!({"labels": {"app": 1}}),
            "metadata.labels.app is a number, expected a string",
        ),
        (
            json!({"labels": {"app": null}}),
            "metadata.labels.app is nothing",
        ),
        (
            json!({"labels": ["a"]}),
            "metadata.labels is a list, expected a mapping",
        ),
        (
            json!({"annotations": {"a": true}}),
            "metadata.annotations.a is a boolean",
        ),
        (
            json!({"annotations": {"a b": ""}}),
            "is no key that is taken",
        ),
        (
            json!({"annotations": {"note": "x".repeat(300 << 10)}}),
            "metadata.annotations hold 307204 bytes, more than the 256 KiB",
        ),
    ] {
        let found = fault(config_map(metadata, json!({})));
        assert!(
            found.contains("no cluster takes ConfigMap \"a\""),
            "{found:.300}"
        );
        assert!(found.contains(expected), "{found:.300}");
    }
    let fine = json!({
        "labels": {"app.kubernetes.io/name": "A_b.c", "empty": "", "nothing.example/A": "1"},
        "annotations": {"Example.COM/Any": "any text\nat all"}
    });
    assert_eq!(fault(config_map(fine, json!({}))), "");
    let pods = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"metadata": {"labels": {"app": 1}}}}});
    assert!(fault(pods).contains("spec.template.metadata.labels.app is a number"));
}

#[test]
fn some_kinds_have_rules_of_their_own() {
    let object = |text: Value| fault(text);
    let long = "x".repeat(53);
    for (value, told) in [
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": long}}),
            "at most 52",
        ),
        (
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}, "spec": {"group": "c", "names": {"plural": "a"}}}),
            "expected \"a.c\"",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "a"}, "spec": {"template": {"metadata": {"labels": {"a": 1}}}}}),
            "spec.template.metadata.labels.a is a number",
        ),
        (
            json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": {"metadata": {"labels": {"a": 1}}}}),
            "template.metadata.labels.a is a number",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"a": 1}}}),
            "spec.selector.a is a number",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "immutable": "true"}),
            "immutable is neither true nor false",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": "x"}}),
            "metadata.finalizers is no list of strings",
        ),
    ] {
        let found = object(value);
        assert!(found.contains(told), "{found}");
    }
    let fine = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["x/y"]}, "immutable": true});
    assert_eq!(object(fine), "");
}

/// Its command line is for a program that has templates of its own.
#[test]
fn a_template_that_need_not_be_helms_is_no_fault_of_a_manifest_that_can_be_read() {
    let deployment = |argument: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": [{"args": [argument]}]}}}});
    assert_eq!(fault(deployment(r#"--fmt={{ template "x" . }}"#)), "");
    assert!(fault(deployment("{{ .Values.image }}")).contains("Helm template"));
}

#[test]
fn bags_hold_texts_up_to_a_mebibyte() {
    let mebibyte = "x".repeat(1 << 20);
    let kibibyte = "eHh4".repeat(256);
    let secret = |rest: Value| {
        let mut value = config_map(json!({}), rest);
        value["kind"] = "Secret".into();
        value
    };
    assert_eq!(
        fault(config_map(json!({}), json!({"data": {"a": mebibyte}}))),
        ""
    );
    assert_eq!(
        fault(secret(
            json!({"data": {"a": kibibyte}, "stringData": {"b": "x".repeat((1 << 20) - 768)}})
        )),
        ""
    );
    assert_eq!(fault(secret(json!({"data": {"a": "eHg\n=\n"}}))), "");
    for (value, expected) in [
        (
            config_map(json!({}), json!({"data": {"a": mebibyte, "b": "x"}})),
            "data holds 1048577 bytes, more than the 1 MiB",
        ),
        (
            config_map(
                json!({}),
                json!({"data": {"a": mebibyte}, "binaryData": {"b": "eA=="}}),
            ),
            "more than the 1 MiB",
        ),
        (
            config_map(json!({}), json!({"data": {"port": 8080}})),
            "data.port is a number, expected a string; put it in quotes",
        ),
        (
            config_map(json!({}), json!({"data": {"a": {"b": "c"}}})),
            "data.a is a mapping",
        ),
        (
            config_map(json!({}), json!({"data": {"a b": ""}})),
            "data.a b is no key",
        ),
        (
            config_map(json!({}), json!({"data": {"..a": ""}})),
            "data...a is no key",
        ),
        (
            config_map(
                json!({}),
                json!({"data": {"a": ""}, "binaryData": {"a": ""}}),
            ),
            "is in data as well",
        ),
        (
            config_map(json!({}), json!({"binaryData": {"a": "a b"}})),
            "is not base64",
        ),
        (secret(json!({"data": {"a": "plain"}})), "is not base64"),
        (
            secret(json!({"stringData": {"a": true}})),
            "stringData.a is a boolean",
        ),
        (
            secret(json!({"data": {"a": kibibyte}, "stringData": {"b": mebibyte}})),
            "more than the 1 MiB",
        ),
    ] {
        let found = fault(value);
        assert!(found.contains(expected), "{found:.300}");
    }
    let large = json!({"apiVersion": "ex.io/v1", "kind": "Blob", "metadata": {"name": "a"}, "spec": {"a": "x".repeat(2_000_000)}});
    assert!(fault(large).contains("more than the 1.5 MiB"));
}

#[test]
fn faults_are_placed_in_yaml() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n  data:\n    a: 1\n";
    let found =
        crate::read(text.as_bytes()).map_or_else(|error| error.to_string(), |_| String::new());
    assert!(
        found.starts_with(
            "document 1 (line 9, column 5): no cluster takes ConfigMap \"a\": data.a is a number"
        ),
        "{found}"
    );
}
