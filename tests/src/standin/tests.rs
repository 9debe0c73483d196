/*! Whether the stand-in is like what it stands in for, and fails as it is told to. */

use std::time::Instant;

use reqwest::{Client, Method, header::CONTENT_TYPE};

use super::*;
use crate::{block_on, needs};

type Tested = Result<(), Box<dyn std::error::Error>>;

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

    /// The status and the body of an answer; 0 if there was none.
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
            let Ok(answer) = request.timeout(Duration::from_secs(5)).send().await else {
                return Ok((0, Value::Null));
            };
            let status = answer.status().as_u16();
            let Ok(text) = answer.text().await else {
                return Ok((0, Value::Null));
            };
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
fn it_answers_as_a_real_one_does() -> Tested {
    needs!("kube-apiserver", "etcd", "kubectl");
    let real = crate::cluster::Cluster::openshift("real", "4.16.3")?;
    let standin = Standin::start(2, Faults::default())?;
    let both = [
        Speaker::new(real.admin())?,
        Speaker::new(standin.access(1))?,
    ];
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

#[test]
fn what_does_not_change_keeps_its_version_and_clusters_are_apart() -> Tested {
    let standin = Standin::start(3, Faults::default())?;
    let one = Speaker::new(standin.access(1))?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let (_, first) = one.apply(MAP, "us", &map(json!({"a": "1"})))?;
    let (_, second) = one.apply(MAP, "us", &map(json!({"a": "1"})))?;
    let (_, dry) = one.apply(MAP, "us&dryRun=All", &map(json!({"a": "2"})))?;
    let (_, third) = one.apply(MAP, "us", &map(json!({"a": "2"})))?;
    assert_eq!(
        (version(&first), version(&first)),
        (version(&second), version(&dry))
    );
    assert_ne!(version(&first), version(&third));
    assert_eq!(dry["data"]["a"], "2");
    assert_eq!(
        standin.get(1, MAP).map(|map| map["data"]["a"].clone()),
        Some("2".into())
    );
    assert_eq!((standin.get(0, MAP), standin.get(2, MAP)), (None, None));
    let summary = standin.summary();
    assert_eq!((summary.requests, summary.writes), (4, 3));
    assert_eq!(summary.spans.keys().collect::<Vec<_>>(), [&1]);
    Ok(())
}

#[test]
fn definitions_come_into_force_by_and_by() -> Tested {
    let standin = Standin::start(1, Faults::default().crd_delay(2))?;
    let to = Speaker::new(standin.access(0))?;
    let at = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.example.com";
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "shops.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "shops", "singular": "shop", "kind": "Shop", "listKind": "ShopList"},
            "versions": [{"name": "v1", "served": true, "storage": true}],
        },
    });
    assert_eq!(to.apply(at, "us", &definition)?.0, 201);
    let established =
        || -> Result<Value> { Ok(to.get(at)?.1["status"]["conditions"][1]["status"].clone()) };
    let served = || -> Result<u16> { Ok(to.get("/apis/example.com/v1")?.0) };
    assert_eq!(
        (
            established()?,
            served()?,
            established()?,
            served()?,
            served()?
        ),
        ("False".into(), 404, "True".into(), 404, 200)
    );
    let shop = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "one", "namespace": "default"}});
    assert_eq!(
        to.apply(
            "/apis/example.com/v1/namespaces/default/shops/one",
            "us",
            &shop
        )?
        .0,
        201
    );
    Ok(())
}

#[test]
fn it_fails_as_told() -> Tested {
    let pause = Duration::from_millis(30);
    let on = |action, cluster: usize| Fault::of(action).clusters([cluster]);
    let faults = Faults::default()
        .with(on(Action::RetryAfter(429, 3), 0).times(1))
        .with(on(Action::CutBefore, 1).times(1))
        .with(on(Action::CutAfter, 2).times(1))
        .with(on(Action::Status(401), 3))
        .with(on(Action::Forbid, 4).resource("configmaps"))
        .with(on(Action::Drip(pause), 5))
        .with(on(Action::Slow(pause), 6))
        .with(on(Action::Hang, 7));
    let standin = Standin::start(8, faults)?;
    let speaker = |cluster| Speaker::new(standin.access(cluster));
    let applied = |cluster: usize| -> Result<u16> {
        Ok(speaker(cluster)?
            .apply(MAP, "us", &map(json!({"a": "1"})))?
            .0)
    };
    assert_eq!((applied(0)?, applied(0)?), (429, 201));
    assert_eq!(
        (applied(1)?, standin.get(1, MAP), applied(1)?),
        (0, None, 201)
    );
    assert_eq!(
        (applied(2)?, applied(2)?),
        (0, 200),
        "it was done, though nobody was told"
    );
    assert_eq!((applied(3)?, standin.get(3, MAP)), (401, None));
    let namespace = speaker(4)?.get("/api/v1/namespaces/default")?.0;
    assert_eq!((applied(4)?, namespace), (403, 200));
    for (cluster, least) in [(5, 8 * pause), (6, pause)] {
        let start = Instant::now();
        assert_eq!(applied(cluster)?, 201);
        assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    }
    let summary = standin.summary();
    assert_eq!(summary.statuses[&0], 2, "both that were cut");
    let hanging = speaker(7)?;
    std::thread::scope(|scope| -> Result<()> {
        let asked = scope.spawn(|| hanging.get(MAP));
        standin.wait_for(|now| now.requests > summary.requests)?;
        let answer = asked.join().map_err(|_| anyhow::anyhow!("panicked"))??;
        assert_eq!(answer.0, 0);
        Ok(())
    })?;
    standin.set_faults(Faults::default());
    assert_eq!(applied(7)?, 201);
    let mut stranger = speaker(0)?;
    stranger.access.credential = Credential::Token("expired".to_owned());
    assert_eq!(stranger.get(MAP)?.0, 401);
    let nobody = Speaker::new(standin.silent(0)?)?;
    assert_eq!(nobody.get(MAP)?.0, 0);
    Ok(())
}

#[test]
fn a_share_is_that_share_and_the_same_again() -> Tested {
    let count = |seed: u64| -> Vec<bool> {
        let faults = Faults::default()
            .seed(seed)
            .with(Fault::of(Action::Status(500)).share(0.01));
        let draw = |n: u64| {
            let request = Logged {
                cluster: (n % 200) as usize,
                method: "GET".to_owned(),
                path: "/version".to_owned(),
                dry_run: false,
                status: None,
            };
            let struck = faults.strike(n / 200, &request, "version", &mut Vec::new());
            struck.is_some()
        };
        (0..20_000).map(draw).collect()
    };
    let struck = count(1).into_iter().filter(|struck| *struck).count();
    assert!((150..250).contains(&struck), "{struck}");
    assert_eq!(count(1), count(1));
    assert_ne!(count(1), count(2));
    Ok(())
}
