/*! Clusters of many ages and what is said of each. */

use schema::{Digest, bundle::Release};
use serde_json::{Value, json};

use crate::{
    apply::{
        manifests::Manifest,
        skew::{Seen, mirror_kind, warnings},
    },
    options::MirrorConfig,
};

type Tested = Result<(), Box<dyn std::error::Error>>;

fn release(version: &str, previous: &[&str]) -> Result<Release, Box<dyn std::error::Error>> {
    Ok(Release {
        repository: "openshift/release".parse()?,
        tag: format!("{version}-x86_64").parse()?,
        digest: Digest::of(version.as_bytes()),
        version: version.to_owned(),
        verified_by: Vec::new(),
        previous: previous.iter().map(|&version| version.to_owned()).collect(),
    })
}

fn signature() -> Result<Vec<Manifest>, Box<dyn std::error::Error>> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "sha256-1", "namespace": "openshift-config-managed", "labels": { "release.openshift.io/verification-signatures": "" } }
    });
    Ok(Manifest::read(
        "config/signature.json",
        object.to_string().as_bytes(),
    )?)
}

/// A cluster that has reached a version and is asked for another.
fn cluster(version: &str) -> Value {
    json!({ "status": {
        "desired": { "version": "4.99.0" },
        "history": [{ "state": "Partial", "version": "4.99.0" }, { "state": "Completed", "version": version }]
    }})
}

fn seen(cluster_version: &Value) -> Seen<'_> {
    Seen {
        cluster_version: Some(cluster_version),
        serves_idms: true,
        serves_icsp: true,
        icsp_objects: 0,
    }
}

/// All warnings, in lines.
fn said(
    seen: &Seen<'_>,
    wanted: MirrorConfig,
    releases: &[Release],
    manifests: &[Manifest],
) -> String {
    warnings(seen, wanted, releases, manifests).join("\n")
}

#[test]
fn signatures_are_of_no_use_to_what_is_too_old() -> Tested {
    for (version, expected) in [
        ("4.2.36", "too old to read signatures"),
        ("4.3.0", "since its updates of March 2020"),
        ("4.4.0-rc.12", ""),
        ("4.4.0", ""),
        ("4.14.10", ""),
    ] {
        let cluster = cluster(version);
        let told = said(&seen(&cluster), MirrorConfig::None, &[], &signature()?);
        assert!(told.contains(expected), "{version}: {told}");
        assert_eq!(told.is_empty(), expected.is_empty(), "{version}: {told}");
        assert_eq!(said(&seen(&cluster), MirrorConfig::None, &[], &[]), "");
    }
    Ok(())
}

#[test]
fn a_higher_number_alone_is_nothing_to_warn_of() -> Tested {
    for (at, next) in [
        ("4.23.1", "5.0.0"),
        ("5.0.3", "5.1.0"),
        ("5.1.0-ec.1", "5.1.0"),
    ] {
        let cluster = cluster(at);
        let releases = [release(next, &[at])?];
        let told = said(
            &seen(&cluster),
            MirrorConfig::None,
            &releases,
            &signature()?,
        );
        assert_eq!(told, "", "{at}");
        // What it no longer serves is another matter.
        let without = Seen {
            serves_idms: false,
            serves_icsp: false,
            ..seen(&cluster)
        };
        let told = said(&without, MirrorConfig::Idms, &releases, &[]);
        assert!(told.contains("serves neither"), "{at}: {told}");
        // And so is a release that none of both sides knows a way to.
        let far = [release("5.9.0", &["5.8.1"])?];
        let told = said(&seen(&cluster), MirrorConfig::None, &far, &[]);
        assert!(
            told.contains(&format!("cannot be reached from {at}")),
            "{told}"
        );
    }
    Ok(())
}

#[test]
fn the_way_to_another_major_version_is_what_the_cluster_and_the_release_say() -> Tested {
    let mut cluster = cluster("4.23.4");
    let next = release("5.0.0", &["4.23.0"])?;
    let releases = std::slice::from_ref(&next);
    let told = said(&seen(&cluster), MirrorConfig::None, releases, &[]);
    assert!(
        told.contains("cannot be reached from 4.23.4, only from 4.23.0"),
        "{told}"
    );
    cluster["spec"]["channel"] = json!("stable-5.0");
    cluster["status"]["availableUpdates"] =
        json!([{"version": "5.0.0", "image": format!("registry.example/release@{}", next.digest)}]);
    assert_eq!(said(&seen(&cluster), MirrorConfig::None, releases, &[]), "");
    Ok(())
}

#[test]
fn mirror_configuration_is_of_a_kind_that_the_cluster_takes() {
    use MirrorConfig::{Icsp, Idms, None};
    let table = [
        // version, serves IDMS, serves ICSP, ICSP objects, wanted: taken, said
        (
            "4.12.40",
            false,
            true,
            0,
            Idms,
            Icsp,
            "does not serve ImageDigestMirrorSet",
        ),
        ("4.12.40", false, true, 2, Icsp, Icsp, ""),
        (
            "4.13.26",
            true,
            true,
            2,
            Idms,
            Icsp,
            "has 2 ImageContentSourcePolicies, beside which",
        ),
        ("4.13.26", true, true, 0, Idms, Idms, ""),
        (
            "4.13.27",
            true,
            true,
            1,
            Idms,
            Idms,
            "has 1 ImageContentSourcePolicy, deprecated",
        ),
        (
            "4.14.2",
            true,
            true,
            1,
            Idms,
            Icsp,
            "from 4.13.27 and 4.14.3 on",
        ),
        ("4.14.3", true, true, 1, Idms, Idms, "deprecated since 4.13"),
        (
            "4.15.0",
            true,
            false,
            0,
            Icsp,
            Idms,
            "does not serve ImageContentSourcePolicy",
        ),
        ("4.15.0", true, true, 3, None, None, ""),
        ("4.15.0", false, false, 0, Idms, Idms, "serves neither"),
        ("4.15.0", false, false, 0, None, None, ""),
    ];
    for (version, serves_idms, serves_icsp, icsp_objects, wanted, taken, expected) in table {
        let cluster = cluster(version);
        let seen = Seen {
            cluster_version: Some(&cluster),
            serves_idms,
            serves_icsp,
            icsp_objects,
        };
        assert_eq!(mirror_kind(wanted, &seen), taken, "{version}, {wanted:?}");
        let told = said(&seen, wanted, &[], &[]);
        assert!(told.contains(expected), "{version}: {told}");
        assert_eq!(told.is_empty(), expected.is_empty(), "{version}: {told}");
    }
}

#[test]
fn a_release_is_reached_at_once_by_another_of_the_bundle_or_not_at_all() -> Tested {
    let near = release("4.14.20", &["4.14.9", "4.14.10"])?;
    let far = release("4.15.5", &["4.14.19", "4.14.20"])?;
    let farther = release("4.16.1", &["4.15.4", "4.15.5"])?;
    let at = cluster("4.14.10");
    let told = |releases: &[Release]| said(&seen(&at), MirrorConfig::None, releases, &[]);
    assert_eq!(told(std::slice::from_ref(&near)), "");
    assert_eq!(
        told(std::slice::from_ref(&far)),
        "release 4.15.5 cannot be reached from 4.14.10, only from 4.14.20, 4.14.19; bundle a release between them"
    );
    // In whatever order the bundle has them.
    let steps = told(&[farther, far, near.clone()]);
    assert_eq!(
        steps,
        "release 4.16.1 cannot be reached from 4.14.10 at once; upgrade to 4.14.20 of this bundle first\nrelease 4.15.5 cannot be reached from 4.14.10 at once; upgrade to 4.14.20 of this bundle first"
    );
    let older = release("4.14.10-rc.1", &["4.13.0"])?;
    assert!(told(&[older]).contains("OpenShift does not go back"));
    assert!(told(&[release("4.14.30", &[])?]).contains("does not say from which versions"));
    assert_eq!(told(&[release("4.14.10", &[])?]), "");
    // Two architectures are one warning.
    let twice = release("4.15.5", &["4.14.19"])?;
    assert_eq!(told(&[twice.clone(), twice]).lines().count(), 1);
    let many: Vec<_> = (0..12).map(|patch| format!("4.14.{patch}")).collect();
    let many: Vec<_> = many
        .iter()
        .map(String::as_str)
        .filter(|version| *version != "4.14.10")
        .collect();
    let told = told(&[release("4.15.9", &many)?]);
    assert!(
        told.contains("only from 4.14.11, 4.14.9, 4.14.8, 4.14.7, 4.14.6, 6 older ones;"),
        "{told}"
    );
    Ok(())
}

#[test]
fn what_the_clusters_update_service_offers_can_be_reached() -> Tested {
    let far = release("4.15.5", &["4.14.19"])?;
    let image = format!("quay.io/a/b@{}", far.digest);
    for offers in [
        json!({ "availableUpdates": [{ "version": "4.15.5", "image": image }] }),
        json!({ "conditionalUpdates": [{ "release": { "version": "4.15.5", "image": image } }] }),
    ] {
        let mut at = cluster("4.14.10");
        for (name, updates) in offers.as_object().into_iter().flatten() {
            at["status"][name] = updates.clone();
        }
        assert_eq!(
            said(
                &seen(&at),
                MirrorConfig::None,
                std::slice::from_ref(&far),
                &[]
            ),
            ""
        );
    }
    Ok(())
}

#[test]
fn the_step_to_sigstore_signatures_needs_somebodys_word() -> Tested {
    let next = [release("4.21.3", &["4.20.8", "4.19.1"])?];
    for (version, wanted, icsp_objects, held) in [
        ("4.20.8", MirrorConfig::Idms, 0, true),
        ("4.20.8", MirrorConfig::None, 1, true),
        ("4.20.8", MirrorConfig::None, 0, false),
        ("4.19.1", MirrorConfig::Idms, 0, false),
    ] {
        let cluster = cluster(version);
        let seen = Seen {
            icsp_objects,
            ..seen(&cluster)
        };
        let told = said(&seen, wanted, &next, &[]);
        assert_eq!(told.contains("admin-acks"), held, "{version}: {told}");
    }
    Ok(())
}

#[test]
fn what_is_not_openshift_and_what_does_not_say_are_told_apart() -> Tested {
    let plain = Seen::default();
    let told = said(
        &plain,
        MirrorConfig::Idms,
        &[release("4.14.20", &[])?],
        &signature()?,
    );
    assert_eq!(
        told,
        "the cluster has no ClusterVersion, so it is not OpenShift, but 1 object and 1 release of what it is to get are for OpenShift"
    );
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "shop" } });
    let own = Manifest::read("config/a.json", object.to_string().as_bytes())?;
    assert_eq!(said(&plain, MirrorConfig::None, &[], &own), "");
    for odd in [
        json!({}),
        cluster("four"),
        json!({ "status": { "history": "none" } }),
    ] {
        let told = said(
            &seen(&odd),
            MirrorConfig::None,
            &[release("4.14.20", &[])?],
            &signature()?,
        );
        assert!(
            told.starts_with("the cluster does not say which version"),
            "{told}"
        );
    }
    Ok(())
}
