mod gates;

use std::{error::Error, fs, path::PathBuf, time::Duration};

use cluster::ClusterId;

use super::*;
use crate::health::Wait;

type Done = Result<(), Box<dyn Error>>;

/// A directory with `all.yaml`, a kubeconfig that has some contexts.
fn place(contexts: &[&str]) -> std::io::Result<tempfile::TempDir> {
    let place = tempfile::tempdir()?;
    fs::write(place.path().join("all.yaml"), kubeconfig(contexts))?;
    Ok(place)
}

fn kubeconfig(contexts: &[&str]) -> String {
    let contexts = contexts
        .iter()
        .map(|context| format!("- name: {context}\n  context: {{cluster: c, user: u}}\n"));
    let contexts: String = contexts.collect();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: somewhere\nclusters:\n- name: c\n  cluster: {{server: 'https://c:6443'}}\n\
         users:\n- name: u\n  user: {{token: opensesame}}\ncontexts:\n{contexts}"
    )
}

/// What a CLUSTERS.yaml comes to, beside a kubeconfig with the contexts canary, a, b and c; `FILE` is its path.
fn load(text: &str) -> Result<Result<Fleet, String>, Box<dyn Error>> {
    let place = place(&["canary", "a", "b", "c"])?;
    let file = place.path().join("CLUSTERS.yaml");
    fs::write(&file, text)?;
    let name = file.display().to_string();
    Ok(Fleet::load(&file).map_err(|error| error.to_string().replace(&name, "FILE")))
}

fn names(fleet: &Fleet) -> Vec<Vec<&str>> {
    let waves = fleet.waves.iter().map(|wave| {
        let members = wave.clusters.iter();
        members.map(|cluster| cluster.name.as_str()).collect()
    });
    waves.collect()
}

#[test]
fn everything_a_clusters_file_may_hold() -> Done {
    let place = place(&["admin@canary", "a", "b", "c"])?;
    fs::create_dir(place.path().join("more"))?;
    fs::write(place.path().join("more/d.yaml"), kubeconfig(&["d"]))?;
    let text = "kubeconfig: all.yaml\nclusters:\n- name: canary\n  context: admin@canary\n  kubeconfig: [more/d.yaml, all.yaml]\n  \
                clusterID: 1f0c\n  labels: {region: eu, tier: canary, example.com/on: no}\n- name: a\n  labels: {tier: edge}\n- name: b\n  \
                labels: {tier: edge}\n- name: c\n- name: d\n  kubeconfig: more/d.yaml\nwaves:\n- clusters: [canary]\n  pause: approval\n\
                - selector: {tier: edge}\n  maxConcurrent: 20\n  maxFailures: 2\n  wait: healthy\n  healthTimeout: 2h\n  pause: 1h30m\n- selector: region=us\n\
                overlays:\n- selector: {region: eu}\n  patch:\n  - target: {kind: UpdateService, name: update-service}\n    \
                merge: {spec: {replicas: 1}}\n  exclude:\n  - {path: \"config/us/**\"}\n";
    let file = place.path().join("CLUSTERS.yaml");
    fs::write(&file, text)?;
    let fleet = Fleet::load(&file)?;

    let label = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let labels = [
        ("region", "eu"),
        ("tier", "canary"),
        ("example.com/on", "no"),
    ]
    .map(label);
    let canary = Cluster {
        name: "canary".into(),
        kubeconfig: vec![
            place.path().join("more/d.yaml"),
            place.path().join("all.yaml"),
        ],
        context: "admin@canary".into(),
        labels: labels.into(),
        cluster_id: ClusterId::new("1f0c"),
    };
    assert_eq!(*fleet.clusters[0], canary);
    assert_eq!(
        fleet.clusters[3].kubeconfig,
        [place.path().join("all.yaml")]
    );
    assert_eq!(
        names(&fleet),
        [vec!["canary"], vec!["a", "b"], vec![], vec!["c", "d"]]
    );
    assert_eq!(fleet.waves[0].pause, Some(Pause::Approval));
    let second = Wave {
        number: 2,
        clusters: fleet.clusters[1..3].to_vec(),
        max_concurrent: 20,
        max_failures: Some(2),
        wait: Some(Wait::Healthy),
        health_timeout: Some(Duration::from_secs(7200)),
        pause: Some(Pause::For(Duration::from_secs(5400))),
        ..Wave::of(2, Vec::new())
    };
    assert_eq!(fleet.waves[1], second);
    assert_eq!(fleet.warnings.len(), 1);
    assert!(
        fleet.warnings[0].starts_with("wave 3 of the clusters file (line 24) is for no cluster"),
        "{:?}",
        fleet.warnings
    );
    Ok(())
}

#[test]
fn every_mistake_has_its_place_and_its_sentence() -> Done {
    let with =
        |rest: &str| format!("kubeconfig: all.yaml\nclusters:\n- name: canary\n- name: a\n{rest}");
    for (text, expected) in [
        (
            "clusters: []\n".to_owned(),
            "FILE (line 1, column 11): no cluster is listed",
        ),
        ("waves: []\n".to_owned(), "missing field `clusters`"),
        (
            "apiVersion: v1\nkind: Config\n".to_owned(),
            "FILE (line 1, column 1): a Kubernetes object, not a list of clusters",
        ),
        (
            "clusters: [\n".to_owned(),
            "FILE (line 1, column 11): unclosed bracket",
        ),
        (
            "kubeconfig: none.yaml\nclusters:\n- name: a\n".to_owned(),
            "FILE (line 1, column 13): kubeconfig ",
        ),
        (
            "kubeconfig: []\nclusters:\n- name: a\n".to_owned(),
            "no file is listed",
        ),
        (
            with("  lables: {x: y}\n"),
            "FILE (line 5, column 3): unknown key \"lables\" (did you mean \"labels\"?)",
        ),
        (
            with("  labels: {x: 'a b'}\n"),
            "FILE (line 5, column 15): \"a b\" is not the value of a label",
        ),
        (
            with("  labels: {x=: y}\n"),
            "\"x=\" is not the key of a label",
        ),
        (
            with("  clusterID: ''\n"),
            "FILE (line 5, column 14): clusterID is empty",
        ),
        (
            with("- name: a\n"),
            "FILE (line 5, column 9): there is a cluster \"a\" already, in line 4",
        ),
        (
            with("- name: ''\n"),
            "FILE (line 5, column 9): a cluster without a name",
        ),
        (
            with("- context: b\n"),
            "FILE (line 5, column 3): missing field `name`",
        ),
        (with("- b\n"), "FILE (line 5, column 3): expected a mapping"),
        (
            with("  name: b\n"),
            "FILE (line 5, column 3): duplicate mapping key `name`",
        ),
        (
            with("- name: cannary\n"),
            "FILE (line 5, column 9): there is no context \"cannary\" (did you mean \"canary\"?); the contexts are a, b, c, canary in ",
        ),
        (
            with("- name: x\n  context: y\n"),
            "FILE (line 6, column 12): there is no context \"y\"; the contexts are",
        ),
        (
            with("- name: x\n  context: a\n"),
            "FILE (line 6, column 12): this is the context of cluster \"a\" too",
        ),
        (
            with("waves:\n- clusters: [a]\n  maxconcurrent: 2\n"),
            "FILE (line 7, column 3): unknown key \"maxconcurrent\" (did you mean \"maxConcurrent\"?)",
        ),
        (
            with("waves:\n- clusters: [a]\n  maxFailures: -1\n"),
            "FILE (line 7, column 16): expected a whole number",
        ),
        (
            with("waves:\n- clusters: [a]\n  maxConcurrent: 0\n"),
            "FILE (line 7, column 18): maxConcurrent is 0",
        ),
        (
            with("waves:\n- clusters: [a]\n  pause: soon\n"),
            "FILE (line 7, column 10): \"soon\" is no pause; expected a time such as 90s",
        ),
        (
            with("waves:\n- clusters: [a]\n  pause: -5m\n"),
            "\"-5m\" is no pause",
        ),
        (
            with("waves:\n- clusters: [a]\n  wait: well\n"),
            "FILE (line 7, column 9): nothing can be waited for by the name \"well\"; expected none, applied or healthy",
        ),
        (
            with("waves:\n- clusters: [a]\n  wait: applied\n  healthTimeout: 5m\n"),
            "FILE (line 8, column 18): healthTimeout is for `wait: healthy`",
        ),
        (
            with("waves:\n- clusters: [canery]\n"),
            "FILE (line 6, column 14): there is no cluster \"canery\" (did you mean \"canary\"?)",
        ),
        (
            with("waves:\n- clusters: [a, a]\n"),
            "FILE (line 6, column 17): \"a\" is in this wave already",
        ),
        (
            with("waves:\n- clusters: [a]\n- selector: {}\n"),
            "FILE (line 7, column 13): \"a\" is in wave 1 already",
        ),
        (
            with("waves:\n- {}\n"),
            "FILE (line 6, column 3): a wave without clusters",
        ),
        (
            with("waves:\n- clusters: [a]\n  selector: x=y\n"),
            "FILE (line 7, column 13): a wave has either",
        ),
        (
            with("waves:\n- selector: 'tier in (edge'\n"),
            "FILE (line 6, column 13): \"tier in (edge\": a parenthesis",
        ),
        (
            with("overlays:\n- patch:\n  - target: {kind: X}\n    merge: {metadata: {name: Y}}\n"),
            "FILE (line 8, column 12): a patch may not change metadata.name",
        ),
        (
            with("overlays:\n- patch:\n  - target: {}\n    merge: {a: b}\n"),
            "FILE (line 7, column 13): expected path, kind, namespace or name",
        ),
        (
            with("overlays:\n- exclude:\n  - {path: '['}\n"),
            "FILE (line 7, column 12): not a pattern: unclosed character class",
        ),
        (
            with("overlays:\n- exclude:\n  - {kind: 'a b'}\n"),
            "FILE (line 7, column 12): a kind is letters",
        ),
    ] {
        let refused = load(&text)?
            .err()
            .unwrap_or_else(|| "nothing is wrong".to_owned());
        assert!(refused.contains(expected), "{text}{refused}");
        assert!(
            !refused.contains("opensesame") && !refused.contains('\n'),
            "{refused}"
        );
    }
    let missing = Fleet::load(Path::new("/nowhere/CLUSTERS.yaml"));
    let expected = "/nowhere/CLUSTERS.yaml: it cannot be read: ";
    assert!(missing.is_err_and(|error| error.to_string().starts_with(expected)));
    Ok(())
}

#[test]
fn contexts_by_name_never_the_current_one() -> Done {
    let place = place(&["somewhere", "else"])?;
    let file = place.path().join("all.yaml");
    let named = |contexts: &[&str]| {
        let contexts: Vec<String> = contexts.iter().map(|&context| context.to_owned()).collect();
        Fleet::from_contexts(&contexts, Some(&file))
    };
    let fleet = named(&["somewhere", "else"])?;
    assert_eq!(names(&fleet), [["somewhere", "else"]]);
    assert_eq!(fleet.clusters[1].context, "else");
    assert_eq!(fleet.clusters[1].kubeconfig, std::slice::from_ref(&file));
    let listed = format!("else, somewhere in {}", file.display());
    for (contexts, expected) in [
        (
            &[][..],
            format!(
                "no cluster is named: give --context once for each cluster, or --clusters CLUSTERS.yaml; the contexts are {listed}"
            ),
        ),
        (
            &["elsee"],
            format!(
                "there is no context \"elsee\" (did you mean \"else\"?); the contexts are {listed}"
            ),
        ),
        (
            &["else", "else"],
            "the context \"else\" is named twice; name each cluster once".to_owned(),
        ),
    ] {
        let refused = named(contexts).err().map(|error| error.to_string());
        assert_eq!(refused, Some(expected));
    }
    Ok(())
}

#[test]
fn kubeconfigs_are_found_where_kubectl_finds_them() -> Done {
    let place = place(&["a"])?;
    fs::create_dir(place.path().join(".kube"))?;
    fs::write(place.path().join(".kube/config"), kubeconfig(&["home"]))?;
    fs::write(place.path().join("b.yaml"), kubeconfig(&["b", "a"]))?;
    let at = |name: &str| place.path().join(name);
    let contexts = |listed: &[&str]| -> Result<String, FleetError> {
        let listed = listed.iter().map(|name| match *name {
            "" => PathBuf::new(),
            name => at(name),
        });
        let found = Kubeconfigs::found(listed.collect(), Some(place.path().to_owned()))?;
        Ok(found.contexts()?.to_string())
    };
    let shown = |names: &str, files: &[&str]| {
        let files: Vec<String> = files
            .iter()
            .map(|file| at(file).display().to_string())
            .collect();
        format!("{names} in {}", files.join(", "))
    };
    assert_eq!(contexts(&[])?, shown("home", &[".kube/config"]));
    assert_eq!(contexts(&[""])?, shown("home", &[".kube/config"]));
    assert_eq!(
        contexts(&["all.yaml", "", "gone.yaml", "b.yaml"])?,
        shown("a, b", &["all.yaml", "b.yaml"])
    );
    let none = contexts(&["gone.yaml"])
        .err()
        .map(|error| error.to_string());
    let expected = format!(
        "there is no kubeconfig at {}; give one with --kubeconfig",
        at("gone.yaml").display()
    );
    assert_eq!(none, Some(expected));
    Ok(())
}

#[test]
fn a_broken_kubeconfig_gives_nothing_away() -> Done {
    let place = tempfile::tempdir()?;
    let file = place.path().join("broken.yaml");
    fs::write(
        &file,
        "users:\n- user: {token: opensesame}\ncontexts: opensesame\n",
    )?;
    let refused = Fleet::from_contexts(&["a".to_owned()], Some(&file));
    let expected = format!(
        "kubeconfig {}: it is not a kubeconfig (line 3, column 11)",
        file.display()
    );
    assert_eq!(refused.err().map(|error| error.to_string()), Some(expected));
    Ok(())
}

#[test]
fn what_is_not_wanted_leaves_its_wave() -> Done {
    let text = "kubeconfig: all.yaml\nclusters:\n- name: a\n- name: b\n- name: c\nwaves:\n- clusters: [b]\n- clusters: [c]\n";
    let mut fleet = load(text)??;
    fleet.retain(|cluster| cluster.name != "b");
    assert_eq!(names(&fleet), [vec![], vec!["c"], vec!["a"]]);
    Ok(())
}
