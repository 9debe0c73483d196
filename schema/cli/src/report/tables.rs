/*! Tables of what a bundle holds, as both programs show it: images, and OpenShift releases in a line each. */

use std::collections::HashMap;

use schema::{
    Digest, Repository, Tag,
    bundle::{Image, Index},
    text::{Align, Table, joined},
};

/// How much of each image a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The beginning of digests.
    Short,
    /// Whole digests, and where each image came from.
    Full,
}

impl Detail {
    fn digest(self, digest: &Digest) -> String {
        let mut text = digest.to_string();
        if self == Self::Short {
            text.truncate(19);
        }
        text
    }
}

/// Images, a line each.
pub fn images<'i>(images: impl IntoIterator<Item = &'i Image>, detail: Detail) -> Table {
    let source = (detail == Detail::Full).then_some(("SOURCE", Align::Left));
    let columns = [
        ("IMAGE", Align::Left),
        ("TAGS", Align::Left),
        ("DIGEST", Align::Left),
        ("PLATFORMS", Align::Left),
        ("ATTACHED", Align::Right),
    ];
    let mut table = Table::new(columns.into_iter().chain(source));
    for image in images {
        // Without its column, the last cell is left out.
        table.row([
            image.repository.to_string(),
            joined(&image.tags),
            detail.digest(&image.digest),
            joined(&image.platforms),
            image.attached.len().to_string(),
            image.source.clone(),
        ]);
    }
    table
}

/// Releases, a line each instead of two hundred images.
pub fn releases(index: &Index, detail: Detail) -> Table {
    let parts = ReleaseParts::of(index);
    let mut counts = vec![(0_usize, 0_usize); index.releases.len()];
    for image in &index.images {
        if let Some(position) = parts.position(image) {
            let (components, attached) = &mut counts[position];
            *components += usize::from(image.digest != index.releases[position].digest);
            *attached += image.attached.len();
        }
    }
    let mut table = Table::new([
        ("RELEASE", Align::Left),
        ("IMAGE", Align::Left),
        ("DIGEST", Align::Left),
        ("COMPONENTS", Align::Right),
        ("ATTACHED", Align::Right),
        ("SIGNED BY", Align::Left),
    ]);
    for (release, (components, attached)) in index.releases.iter().zip(counts) {
        table.row([
            release.version.clone(),
            format!("{}:{}", release.repository, release.tag),
            detail.digest(&release.digest),
            match index.missing_of(release).count() {
                0 => components.to_string(),
                missing => format!("{components}, {missing} MISSING"),
            },
            attached.to_string(),
            match release.verified_by.as_slice() {
                [] => "UNVERIFIED".to_owned(),
                keys => keys.join(", "),
            },
        ]);
    }
    table
}

/// Which images are parts of which release, found without comparing every image with every release.
#[derive(Debug)]
pub struct ReleaseParts<'i>(HashMap<(&'i Repository, &'i str), usize>);

impl<'i> ReleaseParts<'i> {
    /// By the releases of an index.
    pub fn of(index: &'i Index) -> Self {
        let mut positions = HashMap::new();
        for (position, release) in index.releases.iter().enumerate() {
            let key = (&release.repository, release.tag.as_str());
            positions.entry(key).or_insert(position);
        }
        Self(positions)
    }

    /// Whether an image belongs to a release: is its own image, or a component, which has the release's tag before its name.
    pub fn contain(&self, image: &Image) -> bool {
        self.position(image).is_some()
    }

    fn position(&self, image: &Image) -> Option<usize> {
        let tags = image.tags.iter().map(Tag::as_str);
        let starts = tags.flat_map(|tag| {
            let dashes = tag.match_indices('-').map(|(at, _)| &tag[..at]);
            dashes.chain([tag])
        });
        let found = starts.filter_map(|start| self.0.get(&(&image.repository, start)));
        found.min().copied()
    }
}

#[cfg(test)]
mod tests {
    use schema::bundle::Release;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn image(tags: &[&str], content: &str) -> Result<Image, Box<dyn std::error::Error>> {
        let tags = tags.iter().map(|tag| tag.parse());
        Ok(Image {
            repository: "openshift/release".parse()?,
            digest: Digest::of(content.as_bytes()),
            tags: tags.collect::<Result<_, _>>()?,
            source: format!("quay.io/{content}"),
            platforms: Vec::new(),
            selected_from: None,
            attached: Vec::new(),
        })
    }

    fn release(tag: &str, content: &str) -> Result<Release, Box<dyn std::error::Error>> {
        Ok(Release {
            repository: "openshift/release".parse()?,
            tag: tag.parse()?,
            digest: Digest::of(content.as_bytes()),
            version: tag.to_owned(),
            verified_by: Vec::new(),
            previous: Vec::new(),
        })
    }

    #[test]
    fn components_are_counted_with_their_release_and_no_other() -> Outcome {
        let index = Index {
            format: String::new(),
            created: String::new(),
            creator: String::new(),
            files: Vec::new(),
            images: vec![
                image(&["4.3.1"], "one")?,
                image(&["4.3.1-etcd"], "etcd")?,
                image(&["4.3.10-etcd"], "other")?,
                image(&["4.3"], "shorter")?,
            ],
            manifests: Vec::new(),
            objects: Vec::new(),
            assumes: Vec::new(),
            releases: vec![release("4.3.1", "one")?, release("4.3.10", "ten")?],
            update_graph: None,
            missing: Vec::new(),
        };
        let parts = ReleaseParts::of(&index);
        let found: Vec<_> = index
            .images
            .iter()
            .map(|image| parts.position(image))
            .collect();
        assert_eq!(found, [Some(0), Some(0), Some(1), None]);
        let text = releases(&index, Detail::Short).to_string();
        let counts: Vec<_> = text
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().skip(3).collect::<Vec<_>>())
            .collect();
        assert_eq!(counts, [["1", "0", "UNVERIFIED"], ["1", "0", "UNVERIFIED"]]);
        Ok(())
    }

    #[test]
    fn whole_digests_and_sources_are_for_those_who_ask_for_them() -> Outcome {
        let one = image(&["v1"], "one")?;
        let short = images([&one], Detail::Short).to_string();
        let full = images([&one], Detail::Full).to_string();
        let digest = one.digest.to_string();
        assert!(!short.contains(&digest) && short.contains(&digest[..19]));
        assert!(full.contains(&digest) && full.contains("quay.io/one"));
        assert!(!short.contains("quay.io"));
        Ok(())
    }
}
