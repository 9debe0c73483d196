use std::error::Error;

use serde_json::json;

use super::*;

fn manifests() -> Result<Vec<Manifest>, Box<dyn Error>> {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\nspec: {ports: [1], type: X}\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: us}\n";
    let mut manifests = Manifest::read("config/web.yaml", service.as_bytes())?;
    manifests.extend(Manifest::read("config/us/map.yaml", map.as_bytes())?);
    Ok(manifests)
}

fn cluster(region: &str) -> Cluster {
    Cluster {
        name: region.into(),
        kubeconfig: Vec::new(),
        context: String::new(),
        labels: [("region".to_owned(), region.to_owned())].into(),
        cluster_id: None,
    }
}

fn overlays() -> Result<Overlays, String> {
    let patch = |kind: &str, merge| {
        Ok::<_, String>(Patch {
            target: Target {
                kind: Some(KindName::parse(kind)?),
                ..Target::default()
            },
            merge: Merge::new(merge)?,
        })
    };
    let eu = Overlay {
        selector: "region=eu".parse()?,
        patches: vec![
            patch(
                "Service",
                json!({"spec": {"ports": [2], "type": null, "deep": {"x": null, "y": 1}}}),
            )?,
            patch("Secret", json!({"data": {}}))?,
        ],
        excludes: vec![Target {
            path: Some(PathGlob::parse("config/us/**")?),
            ..Target::default()
        }],
    };
    let all = Overlay {
        patches: vec![patch(
            "Service",
            json!({"metadata": {"labels": {"a": "b"}}}),
        )?],
        selector: "region!=us".parse()?,
        ..Overlay::default()
    };
    Ok(Overlays(vec![eu, all]))
}

#[test]
fn a_cluster_gets_what_its_labels_ask_for() -> Result<(), Box<dyn Error>> {
    let (manifests, overlays) = (manifests()?, overlays()?);
    let eu = overlays.for_cluster(&cluster("eu"), &manifests);
    assert_eq!(eu.len(), 1);
    let expected = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "a", "labels": {"a": "b"}},
        "spec": {"ports": [2], "deep": {"y": 1}},
    });
    assert_eq!(*eu[0].value, expected);
    assert_eq!(manifests[0].value["spec"]["type"], "X");
    Ok(())
}

#[test]
fn what_does_not_differ_is_shared() -> Result<(), Box<dyn Error>> {
    let (manifests, overlays) = (manifests()?, overlays()?);
    let us = overlays.for_cluster(&cluster("us"), &manifests);
    assert!(matches!(us, Cow::Borrowed(_)));
    let ap = overlays.for_cluster(&cluster("ap"), &manifests);
    assert!(!Arc::ptr_eq(&ap[0].value, &manifests[0].value));
    assert!(Arc::ptr_eq(&ap[1].value, &manifests[1].value));
    Ok(())
}

#[test]
fn a_patch_for_nothing_is_told() -> Result<(), Box<dyn Error>> {
    let expected = "patch 2 of overlay 1 in the clusters file is for no object of this bundle";
    assert_eq!(overlays()?.idle(&manifests()?), [expected]);
    Ok(())
}

#[test]
fn an_object_stays_the_one_it_is() {
    for (patch, expected) in [
        (json!({"apiVersion": "v2"}), "may not change apiVersion"),
        (json!({"kind": null}), "may not change kind"),
        (
            json!({"metadata": {"name": "x"}}),
            "may not change metadata.name",
        ),
        (
            json!({"metadata": {"namespace": null}}),
            "may not change metadata.namespace",
        ),
        (
            json!({"metadata": null}),
            "metadata of a merge patch is a mapping",
        ),
        (json!({}), "changes nothing"),
        (json!([1]), "a merge patch is a mapping"),
    ] {
        let refused = Merge::new(patch).err().unwrap_or_default();
        assert!(refused.contains(expected), "{refused}");
    }
}

/// RFC 7386, appendix A, as far as both sides are objects.
#[test]
fn the_examples_of_the_rfc() {
    for (target, patch, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        let mut merged = target.clone();
        if let Value::Object(patch) = &patch {
            merge(&mut merged, patch);
        }
        assert_eq!(merged, expected, "{target} {patch}");
    }
}
