/*! What operators write and what clusters are given: manifests in YAML, CLUSTERS.yaml, reports, registries.conf. */

use std::{fs, path::PathBuf};

use fakes::kubeconfig::{Access, Credential, Kubeconfig};
use importer::{apply::ApplyReport, fleet::Fleet};
use proptest::prelude::*;
use registry::RegistriesConf;
use tempfile::TempDir;

use super::{Edit, JSON, edited, edits};

/// Words of YAML.
const YAML: &[&str] = &[
    "---\n",
    "...\n",
    "- ",
    "? ",
    ": ",
    "\n  ",
    "\n\t",
    "&a ",
    "*a ",
    "!!binary ",
    "!a ",
    "|\n",
    ">-\n",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "# ",
    "%YAML 1.1\n",
    "<<: *a\n",
    "~",
    "yes",
    "0o7",
    "1_0",
    ".inf",
    "\u{feff}",
    "\u{2028}",
    "&a [*a, *a]",
    "{{{{{{{{{{{{{{{{",
];

/// Words of TOML.
const TOML: &[&str] = &[
    "[[registry]]\n",
    "[[registry.mirror]]\n",
    "[aliases]\n",
    "[",
    "]",
    "=",
    "'",
    "\"\"\"",
    "\n",
    "# ",
    "prefix = '*.'",
    "location = ''",
    "insecure = 1",
    "blocked = true",
    "2024-01-01",
    "1e9",
    "\\u0000",
];

const MANIFESTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: default, labels: {a: 'b'}}
data:
  text: |
    two
    lines
  folded: >-
    one line
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: &all {a: b}}
  - {apiVersion: v1, kind: Secret, metadata: {name: t}, stringData: *all}
";

const CLUSTERS: &str = "\
clusters:
  - name: east
    kubeconfig: /nowhere/kubeconfig
    context: east
    labels: {part: a, site: '1'}
    clusterID: 00000000-0000-4000-8000-000000000000
  - {name: west, kubeconfig: /nowhere/kubeconfig, context: west}
waves:
  - {clusters: [east]}
  - {selector: 'part notin (a)', maxConcurrent: 2, maxFailures: 1}
";

const CONF: &str = "\
unqualified-search-registries = ['docker.io']
[[registry]]
prefix = '*.old.example'
location = 'new.example/moved'
insecure = true
[[registry.mirror]]
location = 'cache.example:5000'
[aliases]
short = 'old.example/team/app'
";

/// A directory with a kubeconfig, and a list of its clusters with these edits beside it.
fn fleet(edits: Vec<Edit>) -> anyhow::Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let access = |context: &str| Access {
        context: context.to_owned(),
        server: "https://127.0.0.1:1".to_owned(),
        authority: String::new(),
        credential: Credential::Token("token".to_owned()),
        more: serde_json::Map::new(),
    };
    let contexts: Kubeconfig = ["east", "west"].map(access).into_iter().collect();
    contexts.write(&directory.path().join("kubeconfig"))?;
    let place = directory.path().display().to_string();
    let path = directory.path().join("CLUSTERS.yaml");
    let text = CLUSTERS.replace("/nowhere", &place);
    fs::write(&path, edited(text.as_bytes(), edits))?;
    Ok((directory, path))
}

/// What a run over no cluster leaves.
fn report() -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&ApplyReport::new(false, Vec::new()))?)
}

fn failed(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is read of manifests is objects, each with a kind.
    #[test]
    fn manifests_are_refused_or_objects(edits in edits(YAML)) {
        let bytes = edited(MANIFESTS.as_bytes(), edits);
        for object in manifests::read(&bytes).unwrap_or_default() {
            prop_assert!(object.value["kind"].is_string(), "{:?}", object.value);
            prop_assert!(object.value["apiVersion"].is_string(), "{:?}", object.value);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A list of clusters is refused with its name, or no cluster is there twice and each stands in one wave.
    #[test]
    fn lists_of_clusters_are_refused_or_make_sense(edits in edits(YAML)) {
        let (_directory, path) = fleet(edits).map_err(failed)?;
        match Fleet::load(&path) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(fleet) => {
                let mut names: Vec<&str> = fleet.members().map(|cluster| cluster.name.as_str()).collect();
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                prop_assert_eq!(names.len(), count);
            }
        }
    }

    /// A report of an earlier run is refused with its name, or read.
    #[test]
    fn reports_are_refused_by_name(edits in edits(JSON)) {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("report.json");
        fs::write(&path, edited(&report().map_err(failed)?, edits))?;
        if let Err(error) = ApplyReport::read(&path) {
            prop_assert!(error.to_string().contains("report.json"), "{}", error);
        }
    }

    /// A `registries.conf` is refused with its name, or leads every reference to at least one place.
    #[test]
    fn registries_conf_is_refused_by_name_or_leads_somewhere(edits in edits(TOML)) {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("registries.conf");
        fs::write(&path, edited(CONF.as_bytes(), edits))?;
        match RegistriesConf::read(Some(&path)) {
            Err(error) => prop_assert!(error.to_string().contains("registries.conf"), "{}", error),
            Ok(conf) => {
                let reference = "a.old.example/team/app:v1".parse();
                let reference = reference.map_err(|_| TestCaseError::fail("no reference"))?;
                match conf.sources(&reference) {
                    Ok(sources) => prop_assert!(!sources.is_empty()),
                    Err(error) => prop_assert!(error.to_string().contains("registries.conf"), "{}", error),
                }
            }
        }
    }
}

/// The samples are taken as they are: each refusal above is of an edit.
#[test]
fn the_samples_are_sound() -> anyhow::Result<()> {
    assert_eq!(manifests::read(MANIFESTS.as_bytes())?.len(), 3);
    let directory = tempfile::tempdir()?;
    let at = |name: &str, text: &str| -> anyhow::Result<_> {
        let path = directory.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    };
    let (_beside, path) = fleet(Vec::new())?;
    assert_eq!(Fleet::load(&path)?.members().count(), 2);
    fs::write(directory.path().join("report.json"), report()?)?;
    ApplyReport::read(&directory.path().join("report.json"))?;
    let conf = RegistriesConf::read(Some(&at("registries.conf", CONF)?))?;
    let sources = conf.sources(&"a.old.example/team/app:v1".parse()?)?;
    assert_eq!(sources.len(), 2);
    Ok(())
}
