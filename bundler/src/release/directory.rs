/*!
Releases among the images of `--from-dir`: recognised by their label, and by a tag that begins with its version, as `oc`
tags them.
*/

use schema::bundle::{Image, Release};

use super::{candidate::Candidate, payload};
use crate::{Error, resolve::Resolved, source::Source, wanted::Wanted};

/// The images of a source directory that are labelled as releases and tagged as `oc` tags them.
pub(super) async fn candidates(images: &[Wanted]) -> Result<Vec<Candidate>, Error> {
    let mut found = Vec::new();
    for wanted in images {
        let (Source::Disk(..), [tag]) = (&wanted.source, wanted.tags.as_slice()) else {
            continue;
        };
        let top = wanted.source.manifest(&wanted.selector).await?;
        match payload::version_label(&wanted.source, &top).await? {
            Some(version) if tag.as_str().starts_with(&version) => found.push(Candidate {
                source: wanted.source.clone(),
                selector: wanted.selector.clone(),
                display_ref: wanted.display_ref.clone(),
                repository: wanted.repository.clone(),
                found: Some((tag.clone(), version)),
            }),
            Some(version) => tracing::warn!(
                "{}:{tag} is labelled as OpenShift release {version}, but its tag does not begin with that; it is taken as any other image, unverified",
                wanted.repository
            ),
            None => {}
        }
    }
    Ok(found)
}

/// With `--platform`, what counts as plain images is one image out of its list: the records then are about that one.
pub fn selected(records: &mut [Release], images: &[Resolved]) {
    for record in records {
        let of_record = |image: &&Image| {
            image.repository == record.repository
                && image.tags.contains(&record.tag)
                && image.selected_from == Some(record.digest)
        };
        let mut images = images.iter().map(|resolved| &resolved.image);
        if let Some(image) = images.find(of_record) {
            record.digest = image.digest;
        }
    }
}
