/*!
`--render-to-dir`: what each cluster would get, as files, for those who roll out by Git.

```text
DIR/SHA256SUMS
DIR/<cluster>/config/…      as in the bundle
DIR/<cluster>/mirror/…      as rendered by the import
```

A file that a cluster gets whole stays byte for byte what it was; one that an overlay or a selection touches is written anew,
without its comments. The same objects give the same bytes, so that Git shows nothing where nothing changed.
*/

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use schema::{
    Digest,
    bundle::{self, CHECKSUMS, Unpacking, checksums},
};
use serde_json::{Value, json};

use super::manifests::{Manifest, Selection};
use crate::fleet::Fleet;

/// Most bytes of a cluster's name that its directory keeps; file systems allow 255.
const READABLE: usize = 200;

/// Writes the tree; `directory` must be absent or empty, and has its name only when it is whole. `files` are the files that
/// `manifests`, all of their objects in order, were read from. Returns how many files there are for clusters.
pub fn render<B: AsRef<[u8]>>(
    directory: &Path,
    fleet: &Fleet,
    files: &BTreeMap<String, B>,
    manifests: &[Manifest],
    selection: &Selection,
) -> Result<usize, bundle::Error> {
    let selected = manifests
        .iter()
        .filter(|manifest| selection.keeps(manifest));
    let selected: Vec<_> = selected.cloned().collect();
    // What holds Secrets is for their owner's eyes; an overlay makes none of anything else.
    let secret = manifests
        .iter()
        .filter(|manifest| manifest.kind == "Secret");
    let secret: BTreeSet<&str> = secret.map(|manifest| manifest.path.as_str()).collect();
    let clusters = fleet.clusters.iter();
    let private = clusters.flat_map(|cluster| {
        let below = directory_name(&cluster.name);
        secret.iter().map(move |path| format!("{below}/{path}"))
    });
    let target = Unpacking::into(directory)?.keeping_private(private);
    target.clear()?;
    let mut sums = BTreeMap::new();
    for cluster in &fleet.clusters {
        let kept = fleet.overlays.for_cluster(cluster, &selected);
        let below = directory_name(&cluster.name);
        for (path, bytes) in tree(files, manifests, &kept) {
            let path = format!("{below}/{path}");
            target.plain(&path, &bytes)?;
            sums.insert(path, Digest::of(&bytes));
        }
    }
    let text = checksums(sums.iter().map(|(path, digest)| (path, *digest)));
    target.plain(CHECKSUMS, text.as_bytes())?;
    target.finish()?;
    Ok(sums.len())
}

/// The files of one cluster: those that `kept`, some of `all` or changed ones in the same order, come from.
pub fn tree<'a, B: AsRef<[u8]>>(
    files: &'a BTreeMap<String, B>,
    all: &[Manifest],
    kept: &[Manifest],
) -> BTreeMap<String, Cow<'a, [u8]>> {
    let (all, kept) = (by_file(all), by_file(kept));
    let written = kept.into_iter().map(|(path, objects)| {
        let original = files.get(path).filter(|_| all.get(path) == Some(&objects));
        let bytes = match original {
            Some(bytes) => Cow::Borrowed(bytes.as_ref()),
            None => Cow::Owned(anew(path, &objects).into_bytes()),
        };
        (path.to_owned(), bytes)
    });
    written.collect()
}

fn by_file(manifests: &[Manifest]) -> BTreeMap<&str, Vec<&Value>> {
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for manifest in manifests {
        files
            .entry(&manifest.path)
            .or_default()
            .push(&manifest.value);
    }
    files
}

/// A file with these objects, in the format that its name promises.
fn anew(path: &str, objects: &[&Value]) -> String {
    if !path.to_ascii_lowercase().ends_with(".json") {
        return manifests::write::documents(objects.iter().copied());
    }
    match objects {
        [object] => format!("{object:#}\n"),
        many => {
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": many });
            format!("{list:#}\n")
        }
    }
}

/// A name for a directory, the cluster's own where that is one, else with a hash that keeps it apart from all others.
pub(crate) fn directory_name(cluster: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let plain = cluster.len() <= READABLE
        && cluster.chars().all(safe)
        && !cluster.starts_with(['.', '-'])
        && cluster != CHECKSUMS;
    if plain {
        return cluster.to_owned();
    }
    let words = cluster.split(|c| !safe(c)).filter(|word| !word.is_empty());
    let mut readable = words.collect::<Vec<_>>().join("-");
    readable.truncate(READABLE);
    let readable = readable.trim_matches(['.', '-']);
    let hash = Digest::of(cluster.as_bytes()).hex();
    format!("cluster-{readable}-{}", &hash[..10])
}
