/*! What is rendered, merged and asked for, field by field, and that no secret is in what is shown. */

use super::{gates::Gates, *};

type Tested = Result<(), Box<dyn std::error::Error>>;

const ACK: &str = "ack-4.15-kube-1.29-api-removals-in-4.16";

fn target(host: &str) -> Target {
    Target {
        host: host.to_owned(),
        prefix: None,
        map: Vec::new(),
        max_nested_paths: None,
        release_image: None,
    }
}

fn secret(auths: Value) -> Result<PullSecret, String> {
    PullSecret::parse(json!({ "auths": auths }).to_string().as_bytes())
}

fn held(config: &Value) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(config.to_string())
}

fn live(config: &Value) -> Value {
    json!({"metadata": {"resourceVersion": "9"}, "data": {".dockerconfigjson": held(config)}})
}

#[test]
fn only_fields_that_were_asked_for_are_rendered() -> Tested {
    let pack = TrustPack {
        registry_ca: Some("PEM".to_owned()),
        update_service: Some("https://osus.site/graph".to_owned()),
        signature_stores: vec!["https://store.site/signatures".to_owned()],
        acknowledged: vec![ACK.parse()?],
        ..TrustPack::default()
    };
    let objects = pack.objects(&target("registry.site:5000"))?;
    assert!(objects.iter().all(|made| made.share == Share::Fields));
    let objects: Vec<_> = objects.into_iter().map(|made| made.object).collect();
    assert_eq!(
        Value::from(objects),
        json!([
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "registry-ca", "namespace": "openshift-config"},
             "data": {"registry.site..5000": "PEM", "updateservice-registry": "PEM"}},
            {"apiVersion": "config.openshift.io/v1", "kind": "Image", "metadata": {"name": "cluster"},
             "spec": {"additionalTrustedCA": {"name": "registry-ca"}}},
            {"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "metadata": {"name": "version"},
             "spec": {"upstream": "https://osus.site/graph", "signatureStores": [{"url": "https://store.site/signatures"}]}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "admin-acks", "namespace": "openshift-config"},
             "data": {ACK: "true"}},
        ])
    );
    assert_eq!(TrustPack::default().objects(&target("r"))?, []);
    let refused = pack.objects(&target("[fd00::1]:5000"));
    let refused = refused.err().map(|error| error.to_string());
    assert!(
        refused
            .is_some_and(|text| text.contains("--registry-ca") && text.contains("[fd00::1]:5000"))
    );
    Ok(())
}

#[test]
fn what_a_cluster_has_stays_and_ours_replaces_what_is_for_the_same_registry() -> Tested {
    let ours = json!({"auth": "dXM6bmV3"});
    let theirs = json!({"auth": "dXM6b2xk", "email": "a@b.example"});
    let site = secret(json!({"registry.site:5000": ours}))?;
    let before = json!({"auths": {
        "quay.io": theirs, "registry.site:5000": theirs, "https://registry.site:5000/v1/": theirs, "registry.site:5000/team": theirs,
        "registry.site": theirs,
    }, "credsStore": "kept"});
    let patch = site.patch(&live(&before))?;
    assert_eq!(patch["metadata"], json!({"resourceVersion": "9"}));
    let after = json!({"auths": {
        "quay.io": theirs, "registry.site:5000": ours, "registry.site:5000/team": theirs, "registry.site": theirs,
    }, "credsStore": "kept"});
    assert_eq!(patch["data"], live(&after)["data"]);
    // What is right already stays byte for byte what it was.
    let again = json!({"data": {".dockerconfigjson": held(&after) }});
    assert_eq!(site.patch(&again)?["data"], again["data"]);
    let spaced = STANDARD_OF_SPACED.to_owned();
    let spaced = json!({"data": {".dockerconfigjson": spaced}});
    assert_eq!(
        secret(json!({"r": {"auth": "YTpi"}}))?.patch(&spaced)?["data"],
        spaced["data"]
    );
    Ok(())
}

/// `{ "auths": {"r": {"auth": "YTpi"} } }`
const STANDARD_OF_SPACED: &str = "eyAiYXV0aHMiOiB7InIiOiB7ImF1dGgiOiAiWVRwaSJ9IH0gfQ==";

#[test]
fn nothing_of_a_secret_is_shown_but_names_of_registries() -> Tested {
    let shown = |text: &str| {
        assert!(
            !text.contains("aHVzaDpodXNo") && !text.contains("hush"),
            "{text}"
        );
    };
    let site = secret(json!({"registry.site:5000": {"auth": "aHVzaDpodXNo", "password": "hush"}}))?;
    shown(&format!("{site:?}"));
    assert_eq!(site.hosts(), "registry.site:5000");
    for (wrong, part) in [
        (
            r#"{"auths": {"r": {"auth": "hush"}}}"#,
            "the entry for r has no auth",
        ),
        (r#"{"auths": {"r": "hush"}}"#, "the entry for r has no auth"),
        (
            r#"{"auths": {"r": {"password": "hush"}}}"#,
            "the entry for r has no auth",
        ),
        (r#"{"auths": {}}"#, "found no registry"),
        (r#"{"hush": "hush"}"#, "found no auths"),
        (r#"["hush"]"#, "found no auths"),
        ("{\"auths\": {\n\"r\": hush}}", "line 2"),
    ] {
        let refused = PullSecret::parse(wrong.as_bytes())
            .err()
            .unwrap_or_default();
        assert!(refused.contains(part), "{wrong}: {refused}");
        shown(&refused);
    }
    for broken in ["%%", "aHVzaA==", "WyJodXNoIl0="] {
        let refused = site.patch(&json!({"data": {".dockerconfigjson": broken}}));
        let refused = refused.err().unwrap_or_default();
        assert!(refused.contains("nothing can be merged"), "{refused}");
        shown(&refused);
    }
    Ok(())
}

#[test]
fn gates_of_the_version_that_a_cluster_is_at_are_asked_for_until_they_are_answered() -> Tested {
    let gates = json!({"data": {
        ACK: "APIs are removed, see https://example.com/6958394\nfor what to do.",
        "ack-4.15-other": "Something else",
        "ack-4.14-before": "Long gone.",
        "not-a-gate": "Nothing.",
    }});
    let acks = json!({"data": {"ack-4.15-other": "false"}});
    let asked = Gates::new(&gates, &acks, "4.15.3");
    let open = asked.open(|_| false);
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(
        open[0].contains("for what to do. To give it, name it: --acknowledge ack-4.15-kube-1.29"),
        "{open:?}"
    );
    let other = |gate: &Gate| gate.as_str() == "ack-4.15-other";
    assert_eq!(asked.open(other).len(), 1);
    assert!(asked.has(ACK) && !asked.has("ack-4.14-before"));
    let acks = json!({"data": {"ack-4.15-other": "true", ACK: "true"}});
    assert_eq!(Gates::new(&gates, &acks, "4.15.3").open(|_| false), [""; 0]);
    assert_eq!(
        Gates::new(&gates, &Value::Null, "4.16.0").open(|_| false),
        [""; 0]
    );
    for wrong in [
        "",
        "ack-4.15",
        "ack-4-x",
        "ack-4.x-y",
        "4.15-x",
        "ack-4.15--x",
        "ack-4.15-x/y",
    ] {
        assert!(wrong.parse::<Gate>().is_err(), "{wrong}");
    }
    Ok(())
}
