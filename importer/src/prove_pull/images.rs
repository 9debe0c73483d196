/*! Which images a proof pulls: a release and one of its components, by digest and by the names that clusters know them by. */

use schema::{
    Reference,
    bundle::{Image, Index, Release},
};

use crate::Error;

/// A release of the bundle and one of its components; one image of a bundle without releases.
pub fn of_bundle(index: &Index) -> Result<Vec<String>, Error> {
    let images: Vec<String> = match index.releases.first() {
        Some(release) => {
            let whole = index
                .images
                .iter()
                .find(|image| image.digest == release.digest);
            let whole = whole.and_then(by_digest);
            whole.into_iter().chain(component(index, release)).collect()
        }
        None => index
            .images
            .iter()
            .find_map(by_digest)
            .into_iter()
            .collect(),
    };
    match images {
        images if images.is_empty() => Err(Error::Usage(
            "--prove-pull: no image of the bundle has a name that clusters could pull it by; name one with --prove-image".to_owned(),
        )),
        images => Ok(images),
    }
}

/// A component of a release.
pub fn component(index: &Index, release: &Release) -> Option<String> {
    let prefix = format!("{}-", release.tag);
    let mut components = index.images.iter().filter(|image| {
        image.digest != release.digest
            && image.repository == release.repository
            && image
                .tags
                .iter()
                .any(|tag| tag.as_str().starts_with(&prefix))
    });
    components.find_map(by_digest)
}

/// An image as its source calls it, by digest; none for what came from a directory.
fn by_digest(image: &Image) -> Option<String> {
    if ["file:", "oci:", "dir:"]
        .iter()
        .any(|scheme| image.source.starts_with(scheme))
    {
        return None;
    }
    let source: Reference = image.source.parse().ok()?;
    Some(format!(
        "{}/{}@{}",
        source.host, source.repository, image.digest
    ))
}
