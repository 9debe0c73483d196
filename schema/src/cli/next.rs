/*!
What to type next: how a directory of images gets into a registry and a release onto a cluster, ready to paste.

Both programs write such directories, so both say the same. `REGISTRY` is for the reader to fill in.
*/

use std::{collections::BTreeMap, path::Path};

use crate::{
    Repository,
    bundle::{BundlePath, Index, Release},
};

/// Repositories for which the command is spelled out.
const SHOWN: usize = 5;

/// The commands for an image tree at `directory` and the manifests at `config`, if there are any, each on a line of its own.
pub fn next_commands(index: &Index, directory: &Path, config: Option<&Path>) -> String {
    let from = shell_quoted(&directory.to_string_lossy());
    let mut repositories: BTreeMap<&Repository, Vec<&Release>> = BTreeMap::new();
    for image in &index.images {
        repositories.entry(&image.repository).or_default();
    }
    for release in &index.releases {
        repositories
            .entry(&release.repository)
            .or_default()
            .push(release);
    }
    let mut said = String::new();
    let mut plain = 0;
    for (repository, releases) in repositories {
        plain += usize::from(releases.is_empty());
        if plain > SHOWN && releases.is_empty() {
            continue;
        }
        for pattern in patterns(index, repository, &releases) {
            said.push_str(&format!(
                "  oc image mirror --from-dir={from} 'file://{repository}{pattern}' REGISTRY/{repository}\n"
            ));
        }
    }
    if plain > SHOWN {
        let rest = plain - SHOWN;
        said.push_str(&format!("  … and likewise for {rest} more repositories\n"));
    }
    if let Some(config) = config {
        let config = shell_quoted(&config.to_string_lossy());
        said.push_str(&format!("  oc apply -Rf {config}\n"));
    }
    for Release {
        repository, digest, ..
    } in &index.releases
    {
        said.push_str(&upgrade_command(&format!("REGISTRY/{repository}"), digest));
    }
    said
}

/// The command that starts the update of a cluster to a release at `repository`, which begins with the registry.
pub fn upgrade_command(repository: &str, digest: &crate::Digest) -> String {
    format!("  oc adm upgrade --allow-explicit-upgrade --to-image {repository}@{digest}\n")
}

/// What `oc image mirror` is to match after the repository: nothing, for all its tags; or the tags of each release, with
/// the architecture, since `4.3.1*` also takes 4.3.10, and those of signatures, which no version matches.
fn patterns(index: &Index, repository: &Repository, releases: &[&Release]) -> Vec<String> {
    let tags = index.files.iter().filter_map(|file| match &file.path {
        BundlePath::Tag(at, tag) if at == repository => Some(tag.as_str()),
        _ => None,
    });
    let (mut attached, mut others) = (false, false);
    for tag in tags {
        if tag.starts_with("sha256-") {
            attached = true;
        } else if !releases
            .iter()
            .any(|release| tag.starts_with(release.tag.as_str()))
        {
            others = true;
        }
    }
    if releases.is_empty() || others {
        return vec![String::new()];
    }
    let of_releases = releases.iter().map(|release| format!(":{}*", release.tag));
    of_releases
        .chain(attached.then(|| ":sha256-*".to_owned()))
        .collect()
}

/// A word as a shell takes it: in single quotes where it holds more than plain characters.
pub fn shell_quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_odd_words_are_quoted() {
        assert_eq!(shell_quoted("a/b-1.tar"), "a/b-1.tar");
        assert_eq!(shell_quoted("it's here"), r"'it'\''s here'");
        assert_eq!(shell_quoted(""), "''");
        assert_eq!(shell_quoted("$x"), "'$x'");
    }
}
