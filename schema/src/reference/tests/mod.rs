/*! What users type, and what is made of it; the reader of oci-spec is held against this one. */

use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    text.parse::<Reference>()
        .map_or_else(|e| format!("error: {e}"), |r| r.to_string())
}

#[test]
fn defaults_are_docker_hubs() {
    assert_eq!(shown("nginx"), "docker.io/library/nginx:latest");
    assert_eq!(
        shown("docker://docker.io/nginx:1"),
        "docker.io/library/nginx:1"
    );
    assert_eq!(shown("me/app"), "docker.io/me/app:latest");
    assert_eq!(
        shown("oci://r.io/charts/app:1.2.3_up4"),
        "r.io/charts/app:1.2.3_up4"
    );
}

#[test]
fn a_chart_version_with_plus_is_told_what_it_is_stored_as() {
    let digest = Digest::of(b"");
    for (typed, stored) in [
        (
            "r.io:5000/charts/app:1.2.3+up4",
            "r.io:5000/charts/app:1.2.3_up4",
        ),
        ("oci://r.io/app:1+a+b", "r.io/app:1_a_b"),
        (
            &format!("r.io/app:1+a@{digest}"),
            &format!("r.io/app:1_a@{digest}"),
        ),
    ] {
        let told = shown(typed);
        assert!(
            told.contains("cannot hold '+'") && told.ends_with(&format!("write {stored}")),
            "{told}"
        );
    }
    assert!(!shown("r.io/c++/app:1").contains("Helm"));
}

#[test]
fn ports_nesting_and_digests_are_kept() {
    let digest = Digest::of(b"");
    let text = format!("localhost:5000/a/b/c:v1@{digest}");
    assert_eq!(shown(&text), text);
    assert_eq!(
        shown(&format!("quay.io/a/b@{digest}")),
        format!("quay.io/a/b@{digest}")
    );
    let parsed = text.parse::<Reference>().map(|r| r.selector());
    assert_eq!(parsed, Ok(Selector::Digest(digest)));
}

#[test]
fn a_registry_may_be_known_by_its_ipv6_address_only() {
    let digest = Digest::of(b"");
    for text in [
        "[::1]:5000/team/app:v1",
        "[2001:db8::7]/a:1",
        &format!("[::1]:5000/a@{digest}"),
    ] {
        assert_eq!(shown(text), text);
    }
    assert_eq!(shown("docker://[::1]:5000/a"), "[::1]:5000/a:latest");
    for bad in [
        "[::1]:5000",
        "[::1]:5000/",
        "[::1/a",
        "[::1]x/a",
        "[::1]:/a",
        "[::1]:70000/a",
        "[fe80::1%eth0]/a",
        "[a.example]/a",
        "::1/a",
        "[::1]/UPPER",
    ] {
        assert!(
            shown(bad).starts_with("error: "),
            "{bad:?} gave {}",
            shown(bad)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_oci_spec_takes_is_read_alike(
        host in "(localhost|[a-zA-Z0-9._-]{0,6}|[a-z]{1,3}\\.[a-z]{2}|index\\.docker\\.io|docker\\.io)(:[0-9]{0,4})?/",
        path in "[a-zA-Z0-9._/-]{0,8}|[a-z]{1,3}(/[a-z0-9]{1,3}){0,2}",
        end in "(:[A-Za-z0-9._-]{0,4})?(@sha256:[0-9a-f]{64})?",
        hosted in any::<bool>(),
    ) {
        let text = format!("{}{path}{end}", if hosted { &host } else { "" });
        // What looks like a host in upper case is a repository to it, though no registry could have one.
        let theirs = text.parse::<oci_spec::distribution::Reference>().ok();
        let theirs = theirs.filter(|theirs| theirs.repository().parse::<Repository>().is_ok());
        // Numbers that are no whole address are refused here alone.
        let number = |theirs: &oci_spec::distribution::Reference| {
            let name = theirs.registry().split(':').next().unwrap_or_default();
            let last = name.rsplit('.').next().unwrap_or_default();
            last.parse::<u64>().is_ok() || last.to_ascii_lowercase().starts_with("0x")
        };
        prop_assume!(!theirs.as_ref().is_some_and(number));
        match (text.parse::<Reference>(), theirs) {
            (Ok(ours), Some(theirs)) => {
                prop_assert_eq!(&ours.host, theirs.registry());
                prop_assert_eq!(ours.repository.as_str(), theirs.repository());
                prop_assert_eq!(ours.tag.as_ref().map(Tag::as_str), theirs.tag());
                let digest = ours.digest.map(|digest| digest.to_string());
                prop_assert_eq!(digest.as_deref(), theirs.digest());
            }
            (Err(_), None) => {}
            (ours, theirs) => prop_assert!(false, "{text:?}: {ours:?} and {theirs:?}"),
        }
    }
}

#[test]
fn what_belongs_elsewhere_is_told_so_and_no_password_is_repeated() {
    for (typed, told) in [
        ("docker-archive:a.tar", "docker-archive: is no place"),
        ("docker-daemon:a:1", "docker-daemon: is no place"),
        ("user:secret@r.io/a", "looks like a user name"),
        ("127.1:1/a", "its host is no name or address"),
        ("0x7f.1:1/a", "its host is no name or address"),
    ] {
        let shown = shown(typed);
        assert!(shown.contains(told) && !shown.contains("secret"), "{shown}");
    }
    assert_eq!(shown("127.0.0.1:5000/a"), "127.0.0.1:5000/a:latest");
}

#[test]
fn nonsense_and_sha512_get_a_sentence() {
    for bad in [
        "",
        "UPPER/case",
        "a b",
        "host/repo:",
        "host/repo@sha256:12",
        "https://host/repo",
    ] {
        assert!(
            shown(bad).starts_with("error: "),
            "{bad:?} gave {}",
            shown(bad)
        );
    }
    let sha512 = format!("quay.io/a/b@sha512:{}", "0".repeat(128));
    assert!(shown(&sha512).contains("only sha256"), "{}", shown(&sha512));
}
