/*! Built twice, wherever and by whomever, a bundle is the same. */

use crate::desk::Desk;
use anyhow::Result;
use fakes::{FakeRegistry, registry::Settings};
use schema::{
    Digest,
    bundle::{Opened, PublicKey, TrustedKeys},
};
use std::fs;
use tests::images::{Format, Image as Made, Layer, Remote, Set};

#[test]
fn built_twice_it_is_the_same_and_elsewhere_all_but_the_head() -> Result<()> {
    let desk = Desk::new()?;
    let set = Set::varied()?;
    let registries = [
        FakeRegistry::start(Settings::default())?,
        FakeRegistry::start(Settings {
            directory: Some(desk.at("content")),
            ..Settings::default()
        })?,
    ];
    let config = desk.config_map("one")?;
    let build = |name: &str, registry: &FakeRegistry, reversed: bool| -> Result<Vec<u8>> {
        let mut images: Vec<String> = set
            .images
            .iter()
            .take(5)
            .map(|image| image.reference(&registry.host()))
            .collect();
        if reversed {
            images.reverse();
        }
        let flags = images.iter().flat_map(|image| ["--image", image]);
        let build = desk
            .build()?
            .args(flags)
            .args(["--config".as_ref(), config.as_os_str()]);
        build
            .args(["-o".as_ref(), desk.at(name).as_os_str()])
            .run()?
            .expect_code(0)?;
        Ok(fs::read(desk.at(name))?)
    };
    for registry in &registries {
        set.place(registry)?;
    }
    let first = build("first.tar", &registries[0], false)?;
    assert!(
        first == build("second.tar", &registries[0], true)?,
        "two builds of the same differ"
    );
    let other = build("other.tar", &registries[1], false)?;
    let trusted = TrustedKeys::new(vec![PublicKey::from_pem(&fs::read_to_string(
        desk.public(),
    )?)?])?;
    let start = |name: &str| -> Result<usize> {
        let contents = Opened::path(&desk.at(name))?
            .verify(&trusted)?
            .into_contents();
        Ok(contents.tape().head().len())
    };
    let (ours, theirs) = (&first[start("first.tar")?..], &other[start("other.tar")?..]);
    assert!(first != other, "the source is not written down");
    assert!(
        ours == theirs,
        "the same content from another host is written otherwise"
    );
    Ok(())
}

#[test]
fn another_layer_is_another_bundle() -> Result<()> {
    let desk = Desk::new()?;
    let mut digests = std::collections::BTreeSet::new();
    for seed in [1, 2] {
        let registry = FakeRegistry::start(Settings::default())?;
        let image = Made::single("a/b", "v1", Format::Oci, &[Layer::new(seed, 100)?])?;
        tests::block_on(image.push(&Remote::new(registry.url())?))??;
        let name = desk.at(&format!("{seed}.tar"));
        let build = desk
            .build()?
            .args(["--image", &image.reference(&registry.host())]);
        build
            .args(["-o".as_ref(), name.as_os_str()])
            .run()?
            .expect_code(0)?;
        digests.insert(Digest::of(&fs::read(name)?));
    }
    assert_eq!(digests.len(), 2);
    Ok(())
}
