/*! Whether the clusters are what tests take them for. */

use std::collections::BTreeMap;

use super::*;
use crate::{needs, process::Output};

type Tested = Result<(), Box<dyn std::error::Error>>;

const CONFIG_MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: default}\ndata: {a: b}\n";
const AT: &str = "/api/v1/namespaces/default/configmaps/shop";

#[test]
fn clusters_are_apart_and_tell_what_was_written() -> Tested {
    needs!("kube-apiserver", "etcd", "kubectl");
    let clusters = Cluster::fleet(&["east", "west"], Cluster::start)?;
    let [east, west] = &clusters[..] else {
        return Err("not two".into());
    };
    let file = east.file("both");
    Kubeconfig::merged(&[east, west]).write(&file)?;
    let apply = |flags: &[&str]| -> Result<String> {
        let manifest = east.file("shop.yaml");
        fs::write(&manifest, CONFIG_MAP)?;
        let kubectl = Program::at(&tool("kubectl")?)?.env("KUBECONFIG", &file);
        let apply = kubectl.args(["apply", "--server-side", "--context", "east", "-f"]);
        let output = apply.args([&manifest]).args(flags).run()?;
        Ok(output.expect_code(0)?.text())
    };
    let (before, elsewhere) = (east.mark()?, west.mark()?);
    assert_eq!(
        apply(&["--dry-run=server"])?,
        "configmap/shop serverside-applied (server dry run)\n"
    );
    assert!(east.writes(before)?.is_empty() && east.get(AT)?.is_none());
    apply(&[])?;
    let stored = east.get(AT)?.context("it is not there")?;
    assert_eq!(stored["data"], serde_json::json!({"a": "b"}));
    assert_eq!(west.get(AT)?, None);
    let written = east.writes(before)?;
    let [write] = &written[..] else {
        return Err(format!("not one write: {written:#?}").into());
    };
    let told = (
        write.verb.as_str(),
        write.user.as_str(),
        write.resource.as_str(),
        write.name.as_str(),
    );
    assert_eq!(told, ("patch", "admin", "configmaps", "shop"));
    assert_eq!(
        (write.namespace.as_str(), write.code),
        ("default", Some(201))
    );
    assert!(west.requests(elsewhere)?.is_empty());
    // Applied again it stays what it was.
    apply(&[])?;
    let again = east.get(AT)?.context("it is gone")?;
    assert_eq!(
        again["metadata"]["resourceVersion"],
        stored["metadata"]["resourceVersion"]
    );
    Ok(())
}

#[test]
fn users_are_who_they_are() -> Tested {
    needs!("kube-apiserver", "etcd", "kubectl");
    let cluster = Cluster::start("east")?;
    cluster.apply(CONFIG_MAP)?;
    let asked = |access: Access| -> Result<Output> {
        let file = cluster.file("other");
        let only = Kubeconfig::from_iter([access.named("other")]).current("other");
        only.write(&file)?;
        let kubectl = cluster.kubectl()?.env("KUBECONFIG", &file);
        let get = kubectl.args(["get", "configmap", "shop", "-o", "jsonpath={.data.a}"]);
        get.run()
    };
    let certificate = |user: &str, group| -> Result<Access> {
        let identity = cluster.certificate(user, group)?;
        Ok(cluster.access(Credential::Certificate(identity)))
    };
    for access in [
        cluster.admin(),
        cluster.admin().with("tls-server-name", "localhost"),
        certificate("carol", Some("system:masters"))?,
    ] {
        assert_eq!(asked(access)?.expect_code(0)?.text(), "b");
    }
    let expired = cluster.access(Credential::Token("expired".to_owned()));
    let stranger = Authority::new()?;
    let unknown = "certificate signed by unknown authority";
    for (access, words) in [
        (certificate("dave", None)?, "User \"dave\" cannot get"),
        (cluster.plain(), "User \"plain\" cannot get"),
        (expired, "must be logged in"),
        (cluster.admin().trusting(stranger.pem()), unknown),
        (
            cluster.admin().with("tls-server-name", "elsewhere"),
            "not elsewhere",
        ),
    ] {
        let said = asked(access)?.expect_code(1)?.stderr;
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    Ok(())
}

#[test]
fn a_cluster_hangs_goes_away_and_comes_back() -> Tested {
    needs!("kube-apiserver", "etcd", "kubectl");
    let mut cluster = Cluster::start("east")?;
    cluster.apply(CONFIG_MAP)?;
    let asked = |cluster: &Cluster| -> Result<String> {
        let get = cluster.kubectl()?.args(["get", "configmap", "shop"]);
        let get = get.args(["--request-timeout=1s"]);
        Ok(get.run()?.expect_code(1)?.stderr)
    };
    cluster.freeze()?;
    let said = asked(&cluster)?;
    assert!(said.to_lowercase().contains("timeout"), "{said}");
    cluster.thaw()?;
    assert!(cluster.get(AT)?.is_some());
    let url = cluster.url();
    cluster.stop();
    let said = asked(&cluster)?;
    assert!(said.contains("refused"), "{said}");
    cluster.restart()?;
    assert_eq!(cluster.url(), url);
    assert!(cluster.get(AT)?.is_some());
    Ok(())
}

#[test]
fn openshift_is_known_by_its_kinds_and_says_what_it_runs() -> Tested {
    needs!("kube-apiserver", "etcd", "kubectl");
    let versions = BTreeMap::from([("old", "4.12.9"), ("new", "4.16.3")]);
    for cluster in Cluster::fleet(&["old", "new"], |name| {
        Cluster::openshift(name, versions[name])
    })? {
        let version = cluster.version()?;
        let history = &version["status"]["history"][0];
        assert_eq!(history["version"], versions[cluster.name()]);
        assert_eq!(version["spec"]["clusterID"], Cluster::id(cluster.name()));
        cluster.say(&serde_json::json!({"desired": {"version": "4.99.0"}}))?;
        assert_eq!(cluster.version()?["status"]["desired"]["version"], "4.99.0");
        let kinds = cluster
            .kubectl()?
            .args(["api-resources", "--cached=false", "-o", "name"])
            .run()?
            .text();
        assert_eq!(
            kinds.contains("imagedigestmirrorsets.config.openshift.io"),
            cluster.name() == "new",
            "{kinds}"
        );
        assert!(
            kinds.contains("imagecontentsourcepolicies.operator.openshift.io"),
            "{kinds}"
        );
    }
    Ok(())
}
