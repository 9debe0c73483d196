/*! Commands that are printed to be pasted into a shell. */

use std::path::Path;

use schema::text::is_hidden;

/// A word as a shell takes it: quoted where it must be, and in the form `$'…'` where it holds what is not to be shown.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(is_hidden) {
        let spelled = text.chars().map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if is_hidden(c) => {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                bytes.map(|byte| format!("\\{byte:03o}")).collect()
            }
            c => c.to_string(),
        });
        return format!("$'{}'", spelled.collect::<String>());
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Applies every manifest below a directory, with `oc` or `kubectl`.
pub fn apply(program: &str, directory: &Path) -> String {
    format!("{program} apply -Rf {}", path(directory))
}

/// Tells a cluster to take a release, `REGISTRY/REPOSITORY@sha256:…`.
pub fn upgrade(image: &str) -> String {
    format!(
        "oc adm upgrade --allow-explicit-upgrade --to-image {}",
        word(image)
    )
}

/// A path as a word that no program takes for a flag.
pub fn path(path: &Path) -> String {
    let text = path.display().to_string();
    if text.starts_with('-') {
        return word(&format!("./{text}"));
    }
    word(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        for (text, quoted) in [
            ("media/one", "media/one"),
            ("registry:5000/a@sha256:0", "registry:5000/a@sha256:0"),
            ("two words", "'two words'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("", "''"),
            ("a\n'\u{202e}", r"$'a\012\'\342\200\256'"),
        ] {
            assert_eq!(word(text), quoted);
        }
        let flag = apply("kubectl", Path::new("-x"));
        assert_eq!(flag, "kubectl apply -Rf ./-x");
    }
}
