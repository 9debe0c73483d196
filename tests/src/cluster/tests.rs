/*! Whether a cluster tells what was written to it: tests that assert that nothing was rest on it. */

use super::*;
use crate::needs;

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
    Cluster::kubeconfig_of(&[east, west]).write(&file)?;
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
