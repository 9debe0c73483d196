/*! What is about a release, at registries that refuse it: the release is there, published, and the rest is told. */

use anyhow::{Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};

use super::{Site, TAG};
use crate::outcome::json;

#[test]
fn a_refused_signature_keeps_no_release_from_being_published() -> Result<()> {
    let site = Site::new()?;
    let of_component = site.component.signature()?.root.digest;
    let refused = Action::status(400);
    for digest in [of_component, site.signature.root.digest] {
        let target = FakeRegistry::start(Settings::default())?;
        let path = format!("/manifests/{digest}");
        target.fault(Fault::on("PUT", &path).does(refused.clone()));
        let directory = site.desk.at(&format!("out-{}", digest.hex()));
        let import = site.run("import", &site.bundle, &target.host())?;
        let pushed = import
            .args(["--config-to-dir".as_ref(), directory.as_os_str()])
            .run()?;
        ensure!(pushed.code == Some(30), "{}", pushed.stderr);
        let report = json(&pushed)?;
        assert_eq!(report["config_written"], "done", "{report}");
        ensure!(directory.join("SHA256SUMS").exists());
        assert_eq!(report["releases"][0]["published"], true, "{report}");
        ensure!(report["failures"].to_string().contains(".sig"), "{report}");
        for place in [
            "mirror/openshift/release-images",
            "mirror/openshift/release",
        ] {
            let tags = target.tags(&place.parse()?);
            let tag: schema::Tag = TAG.parse()?;
            assert_eq!(tags.get(&tag), Some(&site.release.root.digest));
        }
    }
    Ok(())
}
