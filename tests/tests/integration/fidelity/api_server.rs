/*! The fake API server beside a real one: the same requests to both, and what an importer could go by in the answers. */

use std::time::Duration;

use anyhow::Result;
use fakes::{
    FakeFleet, Faults,
    kubeconfig::{Access, Credential},
};
use reqwest::{Client, Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tests::{block_on, cluster::Cluster, needs};

const MAP: &str = "/api/v1/namespaces/default/configmaps/shop";
const SET: &str = "/apis/config.openshift.io/v1/imagedigestmirrorsets/shop";

/// Speaks to one cluster, real or not, and shows what of the answers an importer could go by.
struct Speaker {
    client: Client,
    access: Access,
}

impl Speaker {
    fn new(access: Access) -> Result<Self> {
        let root = reqwest::Certificate::from_pem(access.authority.as_bytes())?;
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, access })
    }

    /// The status and the body of an answer, null if it is not JSON.
    fn ask(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<(u16, Value)> {
        let Credential::Token(token) = &self.access.credential else {
            anyhow::bail!("not a token");
        };
        let url = format!("{}{path}", self.access.server);
        let mut request = self.client.request(method, url).bearer_auth(token);
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        block_on(async {
            let answer = request.timeout(Duration::from_secs(5)).send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
        })?
    }

    fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.ask(Method::GET, path, "", &Value::Null)
    }

    fn apply(&self, path: &str, flags: &str, object: &Value) -> Result<(u16, Value)> {
        let path = format!("{path}?fieldManager={flags}");
        self.ask(Method::PATCH, &path, "application/apply-patch+yaml", object)
    }
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop", "namespace": "default"}, "data": data})
}

fn set(mirror: &str) -> Value {
    json!({
        "apiVersion": "config.openshift.io/v1", "kind": "ImageDigestMirrorSet",
        "metadata": {"name": "shop", "labels": {"made-by": "us"}},
        "spec": {"imageDigestMirrors": [{"mirrors": [mirror], "source": "quay.io/shop"}]},
    })
}

/// An answer without what differs between any two servers: times, numbers, and the words around a refusal.
fn comparable(answer: (u16, Value)) -> Value {
    let (status, mut body) = answer;
    if body["kind"] == "Status" {
        let causes = body["details"]["causes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fields: Value = causes
            .iter()
            .map(|cause| json!([cause["reason"], cause["field"]]))
            .collect();
        return json!([status, body["reason"], body["details"]["kind"], fields]);
    }
    let metadata = body.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        for changing in ["uid", "resourceVersion", "creationTimestamp", "selfLink"] {
            metadata.remove(changing);
        }
        let owners = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut);
        if let Some(owners) = owners {
            for owner in owners.iter_mut().filter_map(Value::as_object_mut) {
                assert!(owner.remove("time").is_some());
            }
            // A real one sorts them by time, too.
            owners.sort_by_cached_key(Value::to_string);
        }
    }
    json!([status, body])
}

#[test]
fn it_answers_as_a_real_one_does() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let real = Cluster::openshift("real", "4.16.3")?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    let both = [Speaker::new(real.admin())?, Speaker::new(fleet.access(1))?];
    let same = |what: &str, ask: &dyn Fn(&Speaker) -> Result<(u16, Value)>| -> Result<Value> {
        let [real, ours] = [comparable(ask(&both[0])?), comparable(ask(&both[1])?)];
        assert_eq!(ours, real, "{what}");
        Ok(real)
    };
    same("nothing is there", &|to| to.get(MAP))?;
    same("dry", &|to| {
        to.apply(MAP, "us&dryRun=All", &map(json!({"a": "1"})))
    })?;
    same("still nothing", &|to| to.get(MAP))?;
    same("created", &|to| {
        to.apply(MAP, "us", &map(json!({"a": "1", "b": "1"})))
    })?;
    same("unchanged", &|to| {
        to.apply(MAP, "us", &map(json!({"a": "1", "b": "1"})))
    })?;
    let conflict = same("conflict", &|to| {
        to.apply(MAP, "them", &map(json!({"a": "2", "c": "2"})))
    })?;
    assert_eq!(
        conflict,
        json!([409, "Conflict", null, [["FieldManagerConflict", ".data.a"]]])
    );
    same("shared", &|to| {
        to.apply(MAP, "them", &map(json!({"a": "1", "c": "2"})))
    })?;
    same("forced", &|to| {
        to.apply(MAP, "them&force=true", &map(json!({"a": "2", "c": "2"})))
    })?;
    same("given up", &|to| {
        to.apply(MAP, "us", &map(json!({"c": "2"})))
    })?;
    let merge = "application/merge-patch+json";
    same("merged", &|to| {
        to.ask(
            Method::PATCH,
            &format!("{MAP}?fieldManager=hand"),
            merge,
            &json!({"data": {"c": "3"}}),
        )
    })?;
    same("conflict with a hand", &|to| {
        to.apply(MAP, "them", &map(json!({"a": "2", "c": "2"})))
    })?;
    same("custom", &|to| to.apply(SET, "us", &set("one")))?;
    same("custom, changed", &|to| to.apply(SET, "us", &set("two")))?;
    same("custom, conflict", &|to| {
        to.apply(SET, "them", &set("three"))
    })?;
    let lost = "/api/v1/namespaces/nowhere/configmaps/shop";
    let mut elsewhere = map(json!({}));
    elsewhere["metadata"]["namespace"] = "nowhere".into();
    same("no namespace", &|to| to.apply(lost, "us", &elsewhere))?;
    same("no manager", &|to| to.apply(MAP, "", &map(json!({}))))?;
    same("no such version", &|to| {
        Ok((to.get("/apis/config.openshift.io/v9")?.0, Value::Null))
    })?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}});
    let at = "/api/v1/namespaces/fresh";
    same("a namespace", &|to| {
        let (status, body) = to.apply(at, "us", &namespace)?;
        Ok((status, body["status"]["phase"].clone()))
    })?;
    same("a namespace that is deleted", &|to| {
        let (status, body) = to.ask(Method::DELETE, at, "", &Value::Null)?;
        let dated = body["metadata"]["deletionTimestamp"].is_string();
        Ok((status, json!([body["status"]["phase"], dated])))
    })?;
    let late = "/api/v1/namespaces/fresh/configmaps/shop";
    let mut into_it = map(json!({}));
    into_it["metadata"]["namespace"] = "fresh".into();
    let refused = same("too late", &|to| to.apply(late, "us", &into_it))?;
    let cause = json!(["NamespaceTerminating", "metadata.namespace"]);
    assert_eq!(refused, json!([403, "Forbidden", "configmaps", [cause]]));
    same("applied all the same", &|to| {
        let (status, body) = to.apply(at, "us", &namespace)?;
        Ok((status, body["status"]["phase"].clone()))
    })?;
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "patch", "resource": "configmaps", "namespace": "default", "name": "shop"}},
    });
    same("may I", &|to| {
        let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (status, body) = to.ask(Method::POST, reviews, "application/json", &review)?;
        Ok((status, body["status"]["allowed"].clone()))
    })?;
    for path in [
        "/apis/config.openshift.io/v1",
        "/apis/machineconfiguration.openshift.io/v1",
    ] {
        // Names, kinds and scopes; a real one knows further verbs and short names.
        same(path, &|to| {
            let (status, body) = to.get(path)?;
            let resources = body["resources"].as_array().cloned().unwrap_or_default();
            let mut told: Vec<String> = resources
                .iter()
                .map(|one| format!("{} {} {}", one["name"], one["kind"], one["namespaced"]))
                .collect();
            told.sort();
            Ok((
                status,
                json!({"groupVersion": body["groupVersion"], "resources": told}),
            ))
        })?;
    }
    Ok(())
}
