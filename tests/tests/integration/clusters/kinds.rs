/*! What is waited for, and what can never come: namespaces, kinds, and objects that need them. */

use anyhow::{Context, Result};
use fakes::{FakeFleet, Faults};
use tests::needs;

use super::{Site, map, map_at, real, says};

/// A namespace, a kind, and an object of that kind in that namespace; the files say so in the wrong order.
const SHOP: &str = "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: corner, namespace: shops}\nspec: {open: true}\n";
const SHOPS: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shops}\n";
const KIND: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, listKind: ShopList, plural: shops, singular: shop}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {open: {type: boolean}}}}}}
";

const AT: &str = "/apis/example.com/v1/namespaces/shops/shops/corner";

fn site() -> Result<Site> {
    Site::new(&[
        ("1-shop.yaml", SHOP),
        ("2-map.yaml", &map("shops", "prices", "low")),
        ("3-kind.yaml", KIND),
        ("4-namespace.yaml", SHOPS),
    ])
}

const ALL: [&str; 4] = ["corner", "prices", "shops", "shops.example.com"];

fn each(action: &str) -> Vec<String> {
    ALL.map(|name| format!("{name} {action}")).into()
}

#[test]
fn a_namespace_a_kind_and_what_needs_both_come_in_one_run() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = site()?;
    let (_turn, clusters) = real(&["east"])?;
    let east = clusters.first().context("none")?;
    site.contexts([east.admin()])?;
    // Nothing can be tried yet, and that is no failure.
    let mark = east.mark()?;
    let dry = site.applied(&["east"], &["--dry-run=server"], 0)?;
    assert_eq!(
        dry.actions("east")?,
        [
            "corner skipped",
            "prices skipped",
            "shops created",
            "shops.example.com created"
        ]
    );
    says(
        dry.why("east", "prices")?,
        &["waits for", "namespace shops"],
    );
    says(
        dry.why("east", "corner")?,
        &["waits for", "shops.example.com"],
    );
    assert_eq!(east.writes(mark)?, []);
    assert_eq!(
        site.applied(&["east"], &[], 0)?.actions("east")?,
        each("created")
    );
    assert!(east.get(AT)?.is_some() && east.get(&map_at("shops", "prices"))?.is_some());
    let mark = east.mark()?;
    assert_eq!(
        site.applied(&["east"], &[], 0)?.actions("east")?,
        each("unchanged")
    );
    assert_eq!(east.writes(mark)?, []);
    Ok(())
}

#[test]
fn a_kind_that_takes_its_time_is_waited_for() -> Result<()> {
    let site = site()?;
    let fleet = FakeFleet::start(1, Faults::default())?;
    fleet.establish_after(4);
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    assert_eq!(
        site.applied(&["c0"], &[], 0)?.actions("c0")?,
        each("created")
    );
    assert!(fleet.get(0, AT).is_some());
    Ok(())
}

#[test]
fn what_nothing_brings_fails_alone_and_says_what_is_missing() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let site = Site::new(&[
        ("a.yaml", &map("default", "fine", "1")),
        ("b.yaml", &map("nowhere", "lost", "1")),
        ("c.yaml", SHOP),
        (
            "d.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: odd, namespace: default}\nspec: {ports: none}\n",
        ),
    ])?;
    let (_turn, clusters) = real(&["east", "west"])?;
    site.contexts(clusters.iter().map(|cluster| cluster.admin()))?;
    let outcome = site.applied(&["east", "west"], &[], 41)?;
    for name in ["east", "west"] {
        assert_eq!(
            outcome.actions(name)?,
            ["corner failed", "fine created", "lost failed", "odd failed"]
        );
        says(outcome.why(name, "lost")?, &["namespace nowhere"]);
        says(outcome.why(name, "corner")?, &["Shop", "example.com/v1"]);
        says(outcome.why(name, "odd")?, &["spec"]);
    }
    Ok(())
}
