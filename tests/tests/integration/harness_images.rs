/*!
Made images must be images to others too: a real client reads them from disk and from the embedded registry.
*/

use anyhow::Result;
use tests::{
    images::Set,
    needs,
    process::Program,
    registry::{Embedded, Settings},
};

#[test]
fn skopeo_reads_them_from_the_embedded_registry_and_from_a_layout() -> Result<()> {
    let skopeo = needs!("skopeo");
    let directory = tempfile::tempdir()?;
    let layout = directory.path().join("layout");
    let set = Set::varied()?;
    set.write_oci_layout(&layout)?;
    let registry = Embedded::start(Settings::default())?;
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

#[test]
fn a_mirror_directory_links_manifests_as_oc_does() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir()?;
    let set = Set::varied()?;
    set.write_mirror(directory.path())?;
    for image in &set.images {
        let repository = directory.path().join("v2").join(image.repository.as_str());
        let digest = image.root.digest.to_string();
        let (blob, manifest) = (
            repository.join("blobs").join(&digest),
            repository.join("manifests").join(&digest),
        );
        assert_eq!(blob.metadata()?.ino(), manifest.metadata()?.ino());
        if let Some(tag) = &image.tag {
            assert_eq!(
                std::fs::read_link(repository.join("manifests").join(tag.as_str()))?.as_os_str(),
                digest.as_str()
            );
        }
    }
    Ok(())
}

/// What bounds and benchmarks rest on; slow without optimisation, so it runs on request.
#[test]
#[ignore = "writes 0.5 GB"]
fn forty_images_have_half_a_gigabyte() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let set = Set::forty(directory.path())?;
    assert_eq!(set.images.len(), 40);
    assert!(
        (450_000_000..550_000_000).contains(&set.size()),
        "{}",
        set.size()
    );
    Ok(())
}
