/*!
From a spec to images: bases that components share, layers of their own, and the release image on top.
*/

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use schema::{Digest, Repository, Tag};

use super::{Oddity, Release, ReleaseSpec, payload};
use crate::images::{Compression, Format, Image, Layer, Machine, Random, Set};

/// Base layers for each kind of machine; every component is on one of them.
const BASES: usize = 4;

/// Makes everything.
pub(super) fn release(spec: &ReleaseSpec) -> Result<Release> {
    let bases = bases(spec)?;
    let mut made = BTreeMap::new();
    for (number, name) in spec.names.iter().enumerate() {
        made.insert(name.clone(), component(spec, &bases, number, name)?);
    }
    let mut components: BTreeMap<String, Digest> = made
        .iter()
        .map(|(name, image)| (name.clone(), image.root.digest))
        .collect();
    for (name, of) in &spec.aliases {
        let digest = components.get(of).copied();
        let digest =
            digest.with_context(|| format!("{name} cannot be {of}, which is not there"))?;
        components.insert(name.clone(), digest);
    }
    let image = release_image(spec, &bases, &components)?;
    let there = made
        .into_iter()
        .filter(|(name, _)| !spec.is(&Oddity::Missing(name.clone())));
    let mut images: Vec<Image> = there.map(|(_, image)| image).collect();
    images.push(image.clone());
    if spec.signature_tags {
        let signatures: Result<Vec<Image>> = images.iter().map(Image::signature).collect();
        images.extend(signatures?);
    }
    Ok(Release {
        version: spec.version.clone(),
        tag: tag(spec)?,
        host: spec.host.clone(),
        image,
        component_repository: spec.component_repository()?,
        components,
        images: Set { images },
    })
}

/// `<version>-<arch>` as `oc` names it: the kernel's word for the two common machines, Go's for others.
fn tag(spec: &ReleaseSpec) -> Result<Tag> {
    let machine = match &spec.architectures[..] {
        [one] if one == "amd64" => "x86_64",
        [one] if one == "arm64" => "aarch64",
        [one] => one,
        _ => "multi",
    };
    Ok(format!("{}-{machine}", spec.version).parse()?)
}

/// Base layers by machine. They are the same in every version.
fn bases(spec: &ReleaseSpec) -> Result<BTreeMap<&str, Vec<Layer>>> {
    let size = spec.size / 5 / (BASES * spec.architectures.len()) as u64;
    let of_machine = |architecture| {
        let layers = (0..BASES).map(|number| layer(spec, &["base", architecture], number, size));
        Ok((architecture, layers.collect::<Result<_>>()?))
    };
    let architectures = spec.architectures.iter().map(String::as_str);
    architectures.map(of_machine).collect()
}

/// A component on its base. Every other one is rebuilt for each version, as from one patch release to the next.
fn component(
    spec: &ReleaseSpec,
    bases: &BTreeMap<&str, Vec<Layer>>,
    number: usize,
    name: &str,
) -> Result<Image> {
    let build = if number.is_multiple_of(2) {
        ""
    } else {
        &spec.version
    };
    let mean = spec.size / 5 * 4 / (spec.names.len() * spec.architectures.len()) as u64;
    let own = mean / 2 + Random::new(seed(&["size", name])).number() % mean.max(1);
    let mut machines = Vec::new();
    for (architecture, bases) in bases {
        let layers = 1 + number % 2;
        let mut stack = vec![bases[number % BASES].clone()];
        for part in 0..layers {
            let words = ["own", name, build, architecture];
            stack.push(layer(spec, &words, part, own / layers as u64)?);
        }
        let machine = Machine::new(architecture, stack)
            .label("io.openshift.build.commit.id", &payload::commit(name))
            .label("io.openshift.build.name", name);
        machines.push(machine);
    }
    let by_tag = spec.is(&Oddity::ByTag(name.to_owned()));
    let tag = by_tag.then(|| payload::component_tag(spec, name).parse());
    let repository = spec.component_repository()?;
    Ok(image(repository, tag.transpose()?, spec.format, &machines))
}

fn release_image(
    spec: &ReleaseSpec,
    bases: &BTreeMap<&str, Vec<Layer>>,
    components: &BTreeMap<String, Digest>,
) -> Result<Image> {
    let files = payload::files(spec, components);
    let files = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_bytes()));
    let payload = spilled(spec, Layer::of_files(files, spec.payload_compression)?)?;
    let mut machines = Vec::new();
    for (architecture, bases) in bases {
        let operator = layer(spec, &["operator", &spec.version, architecture], 0, 10_000)?;
        let mut layers = vec![bases[0].clone(), operator];
        if spec.is(&Oddity::StaleBelow) {
            let stale = payload::stale();
            let files = stale.iter().map(|(path, text)| (*path, text.as_bytes()));
            layers.push(Layer::of_files(files, Compression::Gzip)?);
        }
        let place = if spec.is(&Oddity::LowerLayer) {
            1
        } else {
            layers.len()
        };
        layers.insert(place, payload.clone());
        let machine = Machine::new(architecture, layers)
            .label("io.openshift.release", &spec.version)
            .label(
                "io.openshift.release.base-image-digest",
                &Digest::of(b"base").to_string(),
            );
        machines.push(machine);
    }
    let format = match spec.payload_compression {
        Compression::Zstd => Format::Oci,
        _ => spec.format,
    };
    let repository = spec.release_repository.parse()?;
    Ok(image(repository, Some(tag(spec)?), format, &machines))
}

/// A plain image for one machine, a list for several.
fn image(repository: Repository, tag: Option<Tag>, format: Format, machines: &[Machine]) -> Image {
    match machines {
        [machine] => Image::of_machine(repository, tag, format, machine),
        machines => Image::of_machines(repository, tag, format, machines),
    }
}

fn layer(spec: &ReleaseSpec, words: &[&str], number: usize, size: u64) -> Result<Layer> {
    let seed = seed(words).wrapping_add(number as u64);
    let layer = Layer::new(seed, usize::try_from(size)?.max(100))?;
    spilled(spec, layer)
}

fn spilled(spec: &ReleaseSpec, layer: Layer) -> Result<Layer> {
    match &spec.directory {
        Some(directory) => layer.spill(directory),
        None => Ok(layer),
    }
}

/// A number that stands for these words.
fn seed(words: &[&str]) -> u64 {
    let digest = Digest::of(words.join("\n").as_bytes()).hex();
    let digits = digest.bytes().take(16);
    digits.fold(0, |number, digit| {
        number << 4 | u64::from((digit as char).to_digit(16).unwrap_or_default())
    })
}
