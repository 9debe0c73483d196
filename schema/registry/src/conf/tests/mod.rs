/*! What the files mean, by tables: the examples of containers-registries.conf(5) and what containers' own tools do with them. */

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn conf(text: &str) -> Result<RegistriesConf, Error> {
    RegistriesConf::of([(PathBuf::from("/x/registries.conf"), text.to_owned())])
}

/// `HOST/REPOSITORY`, with `!` where it is insecure, in the order of asking.
fn sources(conf: &RegistriesConf, reference: &str) -> Result<String, Box<dyn std::error::Error>> {
    let endpoints = conf.sources(&reference.parse()?)?;
    let shown = endpoints.iter().map(|endpoint| {
        let mark = if endpoint.insecure { "!" } else { "" };
        format!("{}/{}{mark}", endpoint.host, endpoint.repository)
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

const MIRRORS: &str = r#"
[[registry]]
prefix = "example.com/foo"
location = "internal.example/bar"
insecure = true
[[registry.mirror]]
location = "mirror.example:5000/m/"
insecure = true
[[registry.mirror]]
location = "other.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "third.example"
pull-from-mirror = "tag-only"

[[registry]]
location = "example.com"

[[registry]]
location = "digests.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "mirror.example/d"

[[registry]]
prefix = "*.wild.example"
[[registry.mirror]]
location = "mirror.example/w"

[[registry]]
prefix = "*.moved.example"
location = "new.example/all"

[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "[fd00::1]:5000/hub"

[[registry]]
location = "bad.example"
blocked = true

[[registry]]
location = "uses-bad.example"
[[registry.mirror]]
location = "bad.example"
"#;

#[test]
fn references_lead_where_skopeo_pulls_them() -> Outcome {
    let conf = conf(MIRRORS)?;
    let digest = schema::Digest::of(b"");
    let table = [
        (
            "example.com/foo/app:1",
            "mirror.example:5000/m/app! third.example/app internal.example/bar/app!",
        ),
        (
            "example.com/foo:1",
            "mirror.example:5000/m! internal.example/bar!",
        ),
        ("example.com/foot:1", "example.com/foot"),
        ("example.com:5000/foo/app:1", "example.com:5000/foo/app"),
        ("digests.example/a:1", "digests.example/a"),
        (
            "a.wild.example/app:1",
            "mirror.example/w/app a.wild.example/app",
        ),
        (
            "a.b.wild.example/app:1",
            "mirror.example/w/app a.b.wild.example/app",
        ),
        ("wild.example/app:1", "wild.example/app"),
        ("mywild.example/app:1", "mywild.example/app"),
        ("a.moved.example/app:1", "new.example/all/app"),
        ("a.moved.example:5000/app:1", "new.example/all/app"),
        (
            "nginx:1",
            "[fd00::1]:5000/hub/library/nginx docker.io/library/nginx",
        ),
        ("uses-bad.example/a:1", "uses-bad.example/a"),
        ("unsaid.example/a:1", "unsaid.example/a"),
    ];
    for (reference, expected) in table {
        // A mirror of a host alone has no name for the prefix itself.
        match sources(&conf, reference) {
            Ok(found) => assert_eq!(found, expected, "{reference}"),
            Err(error) => assert_eq!(reference, "example.com/foo:1", "{error}"),
        }
    }
    assert_eq!(
        sources(&conf, &format!("example.com/foo/app@{digest}"))?,
        "mirror.example:5000/m/app! other.example/app internal.example/bar/app!"
    );
    assert_eq!(
        sources(&conf, &format!("digests.example/a@{digest}"))?,
        "mirror.example/d/a digests.example/a"
    );
    let told = sources(&conf, "bad.example/a:1")
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        told.contains("/x/registries.conf") && told.contains("bad.example is blocked"),
        "{told}"
    );
    Ok(())
}

#[test]
fn targets_may_be_insecure_or_blocked_and_are_not_moved() -> Outcome {
    let conf = conf(MIRRORS)?;
    assert!(conf.target("example.com", &"foo/app".parse()?)?);
    assert!(!conf.target("example.com", &"app".parse()?)?);
    assert!(!conf.target("unsaid.example", &"app".parse()?)?);
    let blocked = conf.target("bad.example", &"app".parse()?);
    assert!(blocked.is_err_and(|error| error.to_string().contains("bad.example is blocked")));
    Ok(())
}

#[test]
fn later_files_replace_what_earlier_ones_say() -> Outcome {
    let files = [
        (
            "/x/a.conf",
            "unqualified-search-registries = ['a.example']\n[aliases]\napp = 'one.example/app'\n[[registry]]\nlocation = 'r.example'\nblocked = true\n",
        ),
        (
            "/x/b.conf",
            "unqualified-search-registries = []\n[aliases]\napp = 'two.example/app'\n[[registry]]\nlocation = 'r.example'\ninsecure = true\n",
        ),
    ];
    let conf =
        RegistriesConf::of(files.map(|(path, text)| (PathBuf::from(path), text.to_owned())))?;
    assert_eq!(sources(&conf, "r.example/a")?, "r.example/a!");
    assert_eq!(
        conf.full_name("app:1")?.as_deref(),
        Some("two.example/app:1")
    );
    assert_eq!(conf.full_name("other")?, None);
    Ok(())
}

#[test]
fn short_names_become_full_or_are_docker_hubs() -> Outcome {
    let aliases =
        "[aliases]\n'fedora' = 'registry.example/fedora'\n'team/app' = 'r.example:5000/x'\n";
    let digest = schema::Digest::of(b"");
    let conf_of = |search: &str| {
        conf(&format!(
            "unqualified-search-registries = {search}\n{aliases}"
        ))
    };
    let none = conf(aliases)?;
    for (typed, full) in [
        ("fedora", Some("registry.example/fedora".to_owned())),
        ("fedora:40", Some("registry.example/fedora:40".to_owned())),
        (
            &format!("fedora:40@{digest}"),
            Some(format!("registry.example/fedora:40@{digest}")),
        ),
        ("team/app:1", Some("r.example:5000/x:1".to_owned())),
        ("docker.io/library/fedora", None),
        ("docker://fedora", None),
        ("localhost/fedora", None),
        ("fedora.example/fedora", None),
        ("[::1]:5000/fedora", None),
        ("nginx", None),
    ] {
        assert_eq!(none.full_name(typed)?, full, "{typed}");
    }
    assert_eq!(
        conf_of("['r.example:5000']")?
            .full_name("nginx:1")?
            .as_deref(),
        Some("r.example:5000/nginx:1")
    );
    assert_eq!(conf_of("['docker.io']")?.full_name("nginx:1")?, None);
    assert_eq!(
        conf_of("['r.example', 'docker.io']")?.full_name("nginx:1")?,
        None
    );
    let told = conf_of("['r.example', 's.example']")?
        .full_name("nginx:1")
        .err()
        .map(|error| error.to_string());
    assert!(told.is_some_and(
        |told| told.contains("/x/registries.conf") && told.contains("r.example/nginx:1")
    ));
    Ok(())
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_name() {
    let table = [
        ("[registries.search]\nregistries = ['a']\n", "version 1"),
        ("a = 1\n\n[[registry]\n", "line 3"),
        ("[[registry]]\nlocation = 5\n", "line 2"),
        (
            "[[registry]]\ninsecure = true\n",
            "neither prefix nor location",
        ),
        ("[[registry]]\nprefix = 'a.example'\n", "has no location"),
        (
            "[[registry]]\nprefix = '*.a.example/x'\nlocation = 'b'\n",
            "neither HOST",
        ),
        ("[[registry]]\nlocation = 'https://a.example'\n", "scheme"),
        (
            "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\n",
            "no location",
        ),
        (
            "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'x'\n",
            "none of all",
        ),
        (
            "[[registry]]\nlocation = 'a'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'all'\n",
            "excludes",
        ),
        (
            "[[registry]]\nlocation = 'a'\n[[registry]]\nlocation = 'a'\nblocked = true\n",
            "two [[registry]] tables",
        ),
    ];
    for (text, words) in table {
        let told = conf(text)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            told.contains("/x/registries.conf") && told.contains(words),
            "{text:?}: {told}"
        );
    }
    for fine in [
        "",
        "# nothing\n",
        "short-name-mode = 'enforcing'\nunknown = 1\n",
        "[[registry]]\nlocation = 'a'\n[[registry]]\nlocation = 'a'\n",
    ] {
        assert!(conf(fine).is_ok(), "{fine:?}");
    }
}
