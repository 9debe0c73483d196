use std::{error::Error, fs, sync::Arc};

use cluster::Cluster;
use serde_json::Value;

use super::*;
use crate::fleet::{Overlays, Wave};

type Done = Result<(), Box<dyn Error>>;

const WEB: &str = "# The web.\nkind: Service\napiVersion: v1\nmetadata: {name: web}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'on'}\n";
const MIRROR: &str = "apiVersion: v1\nkind:   X\nmetadata:\n    name: m\n";
const LIST: &str = r#"{"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}"#;

type Files = BTreeMap<String, &'static str>;

/// A bundle's files and the objects in them.
fn bundle() -> Result<(Files, Vec<Manifest>), Box<dyn Error>> {
    let files = [
        ("config/list.json", LIST),
        ("config/web.yaml", WEB),
        ("mirror/m.yaml", MIRROR),
        ("config/empty.yaml", "# nothing\n"),
    ];
    let mut manifests = Vec::new();
    for (path, text) in files {
        manifests.extend(Manifest::read(path, text.as_bytes())?);
    }
    let files = files.map(|(path, text)| (path.to_owned(), text));
    Ok((files.into(), manifests))
}

fn selection(
    only: &[&str],
    exclude: &[&str],
) -> Result<Selection, crate::apply::manifests::select::SelectError> {
    let terms = |terms: &[&str]| {
        terms
            .iter()
            .map(|&term| term.to_owned())
            .collect::<Vec<_>>()
    };
    Selection::parse(&terms(only), &terms(exclude))
}

fn fleet(names: &[&str]) -> Fleet {
    let clusters = names.iter().map(|&name| {
        Arc::new(Cluster {
            name: name.into(),
            ..cluster::testing::cluster()
        })
    });
    let clusters: Vec<_> = clusters.collect();
    Fleet {
        waves: vec![Wave::of(1, clusters.clone())],
        clusters,
        overlays: Overlays::default(),
        warnings: Vec::new(),
    }
}

/// Every file below a directory, with its text.
fn written(directory: &Path) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory)?.display().to_string();
                files.insert(name, fs::read_to_string(path)?);
            }
        }
    }
    Ok(files)
}

fn names(bytes: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let objects = Manifest::read("x", bytes)?.into_iter();
    Ok(objects.map(|object| object.name).collect())
}

#[test]
fn every_cluster_gets_its_tree_and_whole_files_stay_as_they_are() -> Done {
    let (files, manifests) = bundle()?;
    let place = tempfile::tempdir()?;
    let odd = "default/api.example.com:6443/admin";
    let mut trees = Vec::new();
    for run in ["one", "two"] {
        let directory = place.path().join(run);
        let fleet = fleet(&["canary", odd]);
        let count = render(
            &directory,
            &fleet,
            &files,
            &manifests,
            &Selection::default(),
        )?;
        assert_eq!(count, 6);
        trees.push(written(&directory)?);
    }
    assert_eq!(trees[0], trees[1]);
    let tree = &trees[0];
    assert_eq!(tree["canary/config/web.yaml"], WEB);
    assert_eq!(tree["canary/mirror/m.yaml"], MIRROR);
    assert_eq!(tree["canary/config/list.json"], LIST);
    let other = tree
        .keys()
        .filter(|name| name.starts_with("cluster-default-api.example.com-6443-admin-"));
    assert_eq!(other.count(), 3);
    assert_eq!(tree.len(), 7);
    let sums = &tree[CHECKSUMS];
    for (name, text) in tree.iter().filter(|(name, _)| *name != CHECKSUMS) {
        let line = format!("{}  {name}\n", Digest::of(text.as_bytes()).hex());
        assert!(sums.contains(&line), "{line}{sums}");
    }
    assert_eq!(sums.lines().count(), 6);
    Ok(())
}

#[test]
fn a_file_that_loses_an_object_is_written_anew() -> Done {
    let (files, manifests) = bundle()?;
    let selection = selection(&[], &["kind=Service", "mirror/**"])?;
    let kept: Vec<Manifest> = manifests
        .iter()
        .filter(|manifest| selection.keeps(manifest))
        .cloned()
        .collect();
    let tree = tree(&files, &manifests, &kept);
    assert_eq!(
        tree.keys().collect::<Vec<_>>(),
        ["config/list.json", "config/web.yaml"]
    );
    let expected = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"on\"\n";
    assert_eq!(std::str::from_utf8(&tree["config/web.yaml"])?, expected);
    assert!(matches!(tree["config/list.json"], Cow::Borrowed(_)));
    Ok(())
}

#[test]
fn changed_objects_are_in_the_format_of_their_file() -> Done {
    let (files, manifests) = bundle()?;
    let mut kept = manifests.clone();
    for manifest in &mut kept {
        if let Value::Object(object) = std::sync::Arc::make_mut(&mut manifest.value) {
            object.insert("data".into(), serde_json::json!({"mode": "0644"}));
        }
    }
    let whole = tree(&files, &manifests, &kept);
    let json: Value = serde_json::from_slice(&whole["config/list.json"])?;
    assert_eq!(json["kind"], "List");
    assert_eq!(names(&whole["config/list.json"])?, ["a", "b"]);
    assert_eq!(names(&whole["config/web.yaml"])?, ["web", "on"]);
    for manifest in Manifest::read("x", &whole["config/web.yaml"])? {
        assert_eq!(manifest.value["data"]["mode"], "0644");
    }
    kept.retain(|manifest| manifest.name == "a");
    let one = tree(&files, &manifests, &kept);
    let json: Value = serde_json::from_slice(&one["config/list.json"])?;
    assert_eq!(json["metadata"]["name"], "a");
    Ok(())
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() -> Done {
    let (files, manifests) = bundle()?;
    let place = tempfile::tempdir()?;
    fs::write(place.path().join("mine"), "x")?;
    let refused = render(
        place.path(),
        &fleet(&["a"]),
        &files,
        &manifests,
        &Selection::default(),
    );
    assert!(refused.is_err_and(|error| error.to_string().contains("not empty")));
    assert_eq!(written(place.path())?.len(), 1);
    Ok(())
}

#[test]
fn directories_are_named_safely_and_apart() {
    for plain in ["canary", "eu-1.example.com", "A_b"] {
        assert_eq!(directory_name(plain), plain);
    }
    let long = "x".repeat(300);
    let odd = [
        "a/b",
        "a:b",
        "..",
        ".",
        "-rf",
        "../../etc",
        "SHA256SUMS",
        "é",
        "a b",
        "a\u{202e}b",
        &long,
    ];
    let made: Vec<String> = odd.iter().map(|name| directory_name(name)).collect();
    for name in &made {
        assert!(name.starts_with("cluster-") && name.len() < 255, "{name}");
        assert!(
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
            "{name}"
        );
    }
    let distinct: std::collections::BTreeSet<_> = made.iter().collect();
    assert_eq!(distinct.len(), odd.len());
}
