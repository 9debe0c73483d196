use std::fs;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// A directory with these files; a name may hold directories.
fn directory(files: &[(&str, &str)]) -> io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
        fs::write(path, text)?;
    }
    Ok(dir)
}

/// The error for a directory with these files.
fn refusal(files: &[(&str, &str)]) -> io::Result<String> {
    let dir = directory(files)?;
    let refused = gather(&[dir.path().to_owned()], false);
    Ok(refused.map_or_else(
        |error| error.to_string(),
        |found| format!("taken: {found:?}"),
    ))
}

#[test]
fn files_keep_their_bytes_and_their_place() -> Outcome {
    let dir = directory(&[
        ("d/b/x.yaml", MAP),
        (
            "d/a.json",
            r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"j"}}"#,
        ),
        ("d/.git/x", "?"),
        ("one.yml", MAP),
    ])?;
    let found = gather(&[dir.path().join("one.yml"), dir.path().join("d")], false)?;
    let paths: Vec<_> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.json", "b/x.yaml", "one.yml"]);
    assert_eq!(found[1].bytes, MAP.as_bytes());
    assert_eq!(found[1].objects[0].kind, "ConfigMap");
    Ok(())
}

#[test]
fn what_cannot_be_applied_is_refused_by_name() -> Outcome {
    for (name, text, expected) in [
        (
            "a.yaml",
            "kind: A",
            "a.yaml: document 1 (line 1, column 1): has no apiVersion",
        ),
        ("a.txt", MAP, "a.txt: only *.yaml"),
        ("a b.yaml", MAP, "names may hold only"),
        ("ü/a.yaml", MAP, "names may hold only"),
        (".hidden.yaml", MAP, "holds no manifests"),
        ("kustomization.yaml", "resources: []", "kustomize build"),
        (
            "k.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
            "kustomize build",
        ),
        (
            "i.yaml",
            "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {}\n",
            "--spec",
        ),
    ] {
        let message = refusal(&[(name, text)])?;
        assert!(message.contains(expected), "{name}: {message}");
    }
    Ok(())
}

#[test]
fn secrets_travel_only_when_asked_for() -> Outcome {
    let secret = format!(
        "{MAP}---\napiVersion: v1\nkind: List\nitems: [{{apiVersion: v1, kind: Secret, metadata: {{name: s}}}}]\n"
    );
    let message = refusal(&[("a.yaml", &secret)])?;
    assert!(
        message.contains("a.yaml: document 2 is the Secret \"s\""),
        "{message}"
    );
    let dir = directory(&[("a.yaml", &secret)])?;
    assert_eq!(gather(&[dir.path().to_owned()], true)?[0].objects.len(), 2);
    Ok(())
}

#[test]
fn two_files_for_one_place_are_named_both() -> Outcome {
    let dir = directory(&[("x/a.yaml", MAP), ("y/a.yaml", MAP)])?;
    let refused = gather(&[dir.path().join("x"), dir.path().join("y/a.yaml")], false);
    let message = refused.map_or_else(|error| error.to_string(), |_| String::new());
    assert!(
        message.contains("x/a.yaml and ") && message.contains("y/a.yaml would both"),
        "{message}"
    );
    Ok(())
}

#[test]
fn links_and_giants_are_refused_before_they_are_read() -> Outcome {
    let dir = directory(&[("d/a.yaml", MAP)])?;
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("d/b.yaml"))?;
    let d = dir.path().join("d");
    assert!(
        matches!(gather(std::slice::from_ref(&d), false), Err(ConfigError::Symlink(path)) if path.ends_with("b.yaml"))
    );
    assert!(matches!(
        gather(&[d.join("b.yaml")], false),
        Err(ConfigError::Symlink(_))
    ));
    let giant = dir.path().join("giant.yaml");
    File::create(&giant)?.set_len(1 << 40)?;
    assert!(matches!(
        gather(&[giant], false),
        Err(ConfigError::Unreadable(..))
    ));
    assert!(matches!(
        gather(&[dir.path().join("none")], false),
        Err(ConfigError::Unreadable(..))
    ));
    Ok(())
}
