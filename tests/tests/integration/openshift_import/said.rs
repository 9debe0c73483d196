/*!
What people are told of a release: who vouches for it, and what to do next.
*/

use anyhow::Result;
use fakes::{FakeRegistry, registry::Settings};

use super::{FINGERPRINT, Site, TAG};

#[test]
fn a_release_that_nobody_vouches_for_is_called_so_everywhere() -> Result<()> {
    let (vouched, not) = (
        Site::new()?,
        Site::with(|index| {
            index
                .releases
                .iter_mut()
                .for_each(|release| release.verified_by.clear());
        })?,
    );
    let target = FakeRegistry::start(Settings::default())?;
    for (site, unverified) in [(&vouched, false), (&not, true)] {
        let of = |command: &str| site.desk.import(command, &site.bundle);
        let tree = site.desk.at("tree");
        let to = ["--plain-http", "--to", &target.host()].map(str::to_owned);
        let inspected = of("inspect")?.run()?.expect_code(0)?.text();
        assert!(
            inspected.contains(&format!("openshift/release:{TAG}")),
            "{inspected}"
        );
        assert!(
            inspected.contains("Update graph: openshift/graph-data@sha256:"),
            "{inspected}"
        );
        assert_eq!(inspected.contains(FINGERPRINT), !unverified, "{inspected}");
        let texts = [
            inspected,
            of("verify")?.run()?.expect_code(0)?.text(),
            of("extract")?
                .args(["--to-dir".as_ref(), tree.as_os_str()])
                .run()?
                .expect_code(0)?
                .text(),
            of("push")?.args(&to).run()?.expect_code(0)?.text(),
            of("import")?.args(&to).run()?.expect_code(0)?.text(),
        ];
        for text in texts {
            let warned = text.contains("warning: release 4.3.1 is UNVERIFIED: ");
            assert_eq!(warned, unverified, "{text}");
        }
    }
    Ok(())
}

#[test]
fn what_was_unpacked_is_uploaded_by_the_commands_that_are_printed() -> Result<()> {
    let site = Site::new()?;
    let tree = site.desk.at("two words");
    let extract = site.desk.import("extract", &site.bundle)?;
    let said = extract
        .args(["--to-dir".as_ref(), tree.as_os_str()])
        .run()?
        .expect_code(0)?
        .text();
    let place = tree.display();
    let digest = site.release.root.digest;
    let expected = [
        format!(
            "  oc image mirror --from-dir='{place}' 'file://openshift/release:{TAG}*' REGISTRY/openshift/release"
        ),
        format!(
            "  oc image mirror --from-dir='{place}' 'file://openshift/release:sha256-*' REGISTRY/openshift/release"
        ),
        format!(
            "  oc image mirror --from-dir='{place}' 'file://openshift/graph-data' REGISTRY/openshift/graph-data"
        ),
        format!("  oc apply -Rf '{place}/config'"),
        format!(
            "  oc adm upgrade --allow-explicit-upgrade --to-image REGISTRY/openshift/release@{digest}"
        ),
    ];
    let lines: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(lines, expected);
    Ok(())
}

#[test]
fn an_import_prints_what_is_to_be_pasted() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let import = site.desk.import("import", &site.bundle)?;
    let import = import.args([
        "--plain-http",
        "--mirror-config",
        "icsp",
        "--to",
        &target.host(),
    ]);
    let said = import.run()?.expect_code(0)?.text();
    let host = target.host();
    for text in [
        "---\napiVersion: operator.openshift.io/v1alpha1\nkind: ImageContentSourcePolicy\n".to_owned(),
        format!("imageContentSources:\n- mirrors:\n  - {host}/openshift/release\n  source: quay.io/openshift-release-dev/ocp-release\n"),
        "warning: the bundle's manifests (1 Kubernetes object) are neither written down nor applied; --config-to-dir DIR does the one, --apply-config the other\n".to_owned(),
        format!("\nNext:\n  oc adm upgrade --allow-explicit-upgrade --to-image {host}/openshift/release-images@{}\n", site.release.root.digest),
    ] {
        assert!(said.contains(&text), "{text:?} is missing in:\n{said}");
    }
    assert!(
        !said.contains("oc apply"),
        "nothing was written that could be applied:\n{said}"
    );
    Ok(())
}
