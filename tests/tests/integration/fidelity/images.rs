/*! What is made here must be images to others too: a real client reads them, and a real registry takes them. */

use anyhow::{Context, Result};
use fakes::{FakeRegistry, certificates::Authority, registry::Settings};
use tests::{
    block_on,
    images::{Compression, Format, Remote, Set},
    needs,
    openshift::ReleaseSpec,
    process::Program,
    real::{DockerRegistry, Options, user},
};

#[test]
fn skopeo_reads_them_from_the_embedded_registry_and_from_a_layout() -> Result<()> {
    let skopeo = needs!("skopeo");
    let directory = tempfile::tempdir()?;
    let layout = directory.path().join("layout");
    let set = Set::varied()?;
    set.write_oci_layout(&layout)?;
    let registry = FakeRegistry::start(Settings::default())?;
    set.place(&registry)?;
    let tagged = set
        .images
        .iter()
        .filter_map(|image| Some((image, image.tag.as_ref()?)));
    for (number, (image, tag)) in tagged.enumerate() {
        let mut sources = vec![format!("docker://{}", image.reference(&registry.host()))];
        // skopeo finds only OCI types in an OCI layout.
        if image.root.media_type.as_str().contains(".oci.") {
            sources.push(format!(
                "oci:{}:{}:{tag}",
                layout.display(),
                image.repository
            ));
        }
        for (side, source) in sources.iter().enumerate() {
            let to = directory.path().join(format!("copy-{number}-{side}"));
            let copy = Program::at(&skopeo)?.args([
                "copy",
                "--all",
                "--insecure-policy",
                "--src-tls-verify=false",
                source,
            ]);
            copy.args([format!("dir:{}", to.display())])
                .run()?
                .expect_code(0)?;
            assert_eq!(
                std::fs::read(to.join("manifest.json"))?,
                image.root.bytes.as_ref(),
                "{source}"
            );
        }
    }
    Ok(())
}

/// The images must please a real registry, and a real registry must start in each way that tests use.
#[test]
fn a_real_registry_takes_images_and_a_release() -> Result<()> {
    needs!("docker-registry");
    let directory = tempfile::tempdir()?;
    let authority = Authority::new()?;
    let options = Options {
        basic: true,
        tls: Some(authority.server()?),
    };
    let registry = DockerRegistry::start(directory.path(), &options)?;
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes())?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()?;
    let anonymous = Remote {
        url: registry.url(),
        client,
        login: None,
    };
    let set = Set::varied()?;
    let refused = block_on(set.push(&anonymous))?.err();
    let refused = refused.context("a push without a login was taken")?;
    assert!(format!("{refused:#}").contains("401"), "{refused:#}");
    let remote = Remote {
        login: Some(user()),
        ..anonymous
    };
    block_on(set.push(&remote))??;
    for (version, format, compression) in [
        ("4.3.0", Format::Docker, Compression::Gzip),
        ("4.3.1", Format::Oci, Compression::Zstd),
    ] {
        let spec = ReleaseSpec::new(version)
            .components(2)
            .architectures(&["amd64", "s390x"])
            .format(format)
            .payload_compression(compression);
        block_on(spec.signature_tags().make()?.images.push(&remote))??;
    }
    Ok(())
}
