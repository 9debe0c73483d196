/*!
One object under two names: once with the namespace `default`, once without any, which is the same wherever the context of a cluster says
nothing else. Whichever came last would win, on each cluster anew.
*/

use std::collections::BTreeMap;

/// What names an object: file, `apiVersion`, kind, namespace and name.
pub type Name<'o> = (&'o str, &'o str, &'o str, Option<&'o str>, &'o str);

/// The first two of these that are one object in the namespace `default`, in a sentence.
pub fn one_under_two_names<'o>(names: impl IntoIterator<Item = Name<'o>>) -> Option<String> {
    let mut known: BTreeMap<_, (&str, bool)> = BTreeMap::new();
    for (path, api_version, kind, namespace, name) in names {
        let written = match namespace {
            None => false,
            Some("default") => true,
            Some(_) => continue,
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let (first, other) = *known.entry((group, kind, name)).or_insert((path, written));
        if other != written {
            let (with, without) = if written {
                (path, first)
            } else {
                (first, path)
            };
            return Some(format!(
                "{kind} {name} stands in {without} without a namespace and in {with} with the namespace default, which is one object on most clusters; write the namespace in both places, or leave one out"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_and_none_are_one_and_all_else_is_not() {
        let names = |second: Name<'static>| {
            one_under_two_names([("a.yaml", "apps/v1", "Deployment", None, "web"), second])
        };
        let found = names((
            "b.yaml",
            "apps/v1beta1",
            "Deployment",
            Some("default"),
            "web",
        ));
        assert!(
            found.is_some_and(|text| text.contains("in a.yaml without a namespace and in b.yaml")),
        );
        for other in [
            ("b.yaml", "apps/v1", "Deployment", Some("prod"), "web"),
            ("b.yaml", "apps/v1", "Deployment", Some("default"), "other"),
            (
                "b.yaml",
                "example.com/v1",
                "Deployment",
                Some("default"),
                "web",
            ),
            ("b.yaml", "apps/v1", "Deployment", None, "web"),
        ] {
            assert_eq!(names(other), None, "{other:?}");
        }
    }
}
