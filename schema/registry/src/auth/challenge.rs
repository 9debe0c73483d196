/*!
`WWW-Authenticate`, as RFC 9110 section 11.6.1 writes it: several challenges may share one line, and both they and
their parameters are separated by commas, so this is a small tokenizer rather than a split.

The crate http-auth gives up a whole line over what real registries send, a realm without quotes (`realm=https://…`) or with
letters beyond ASCII, where this reader takes what it understands.
*/

/// One way to log in that the server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// `basic`, `bearer`, …, in lower case.
    pub scheme: String,
    /// Parameters in order, names in lower case.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads one header line; what is malformed ends the reading, what was read before it stands.
pub(crate) fn parse(line: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((name, after)) = token(rest) else {
            return challenges;
        };
        let value = after.trim_start_matches([' ', '\t']);
        // `name = value` is a parameter; a name alone, or followed by another word, opens a challenge.
        let value = value
            .strip_prefix('=')
            .filter(|v| !v.starts_with('=') && !v.trim_end().is_empty());
        match (
            value.map(|v| v.trim_start_matches([' ', '\t'])),
            challenges.last_mut(),
        ) {
            (Some(text), Some(challenge)) => {
                let Some((value, after)) = quoted(text).or_else(|| unquoted(text)) else {
                    return challenges;
                };
                challenge
                    .parameters
                    .push((name.to_ascii_lowercase(), value));
                rest = after;
            }
            (None, _) if after.is_empty() || after.starts_with([' ', '\t', ',']) => {
                challenges.push(Challenge {
                    scheme: name.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                rest = after;
            }
            _ => return challenges,
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 2..)?)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// Also takes characters that should have been quoted (`realm=https://…`), up to a comma or blank.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
    let (value, after) = text.split_at(end);
    (end > 0 && !value.starts_with('"')).then(|| (value.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Challenge {
            scheme: scheme.to_owned(),
            parameters: parameters.iter().map(own).collect(),
        }
    }

    #[test]
    fn real_registries_are_understood() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = [
            ("realm", "https://auth.docker.io/token"),
            ("service", "registry.docker.io"),
            ("scope", "repository:a/b:pull,push"),
        ];
        assert_eq!(parse(hub), [challenge("bearer", &expected)]);
        let two = r#"Basic realm="a \"b\", c" , charset=UTF-8, BEARER realm = "x""#;
        let expected = [
            challenge("basic", &[("realm", "a \"b\", c"), ("charset", "UTF-8")]),
            challenge("bearer", &[("realm", "x")]),
        ];
        assert_eq!(parse(two), expected);
        assert_eq!(parse("Negotiate, Basic realm=x").len(), 2);
        // Without quotes, and beyond ASCII: what a strict reader refuses.
        let bare = "Bearer realm=https://r.io/token,service=r.io";
        let expected = [("realm", "https://r.io/token"), ("service", "r.io")];
        assert_eq!(parse(bare), [challenge("bearer", &expected)]);
        let words = r#"Basic realm="Zugang für alle""#;
        let expected = [("realm", "Zugang für alle")];
        assert_eq!(parse(words), [challenge("basic", &expected)]);
        assert_eq!(
            parse(r#"Bearer realm="never closed"#),
            [challenge("bearer", &[])]
        );
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in ".*") {
            let _ = parse(&line);
        }

        #[test]
        fn what_is_quoted_comes_back(
            schemes in prop::collection::vec(("[a-z]{1,8}", prop::collection::vec(("[a-z]{1,8}", "[ -~]{0,20}"), 1..4)), 1..4)
        ) {
            let quote = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"");
            let line = schemes.iter().map(|(scheme, parameters)| {
                let list: Vec<_> = parameters.iter().map(|(k, v)| format!("{k}=\"{}\"", quote(v))).collect();
                format!("{scheme} {}", list.join(", "))
            }).collect::<Vec<_>>().join(", ");
            let expected: Vec<_> = schemes.into_iter().map(|(scheme, parameters)| Challenge { scheme, parameters }).collect();
            prop_assert_eq!(parse(&line), expected);
        }
    }
}
