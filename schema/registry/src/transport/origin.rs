/*!
Where a `Location` header leads, and whether that is still the registry: the one place that decides which requests may
carry an `Authorization`.
*/

use url::Url;

/// Scheme, host and port are the same: credentials may go there.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// `HOST[:PORT]`, the port where it is not the scheme's own.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Resolves a `Location` against the URL that was asked; `None` where it is no place to go.
///
/// A registry behind a proxy that ends TLS often writes `http://` for itself: on the same host that is read as https.
/// Any other step down from https is refused.
pub(crate) fn resolve(asked: &Url, location: &str) -> Option<Url> {
    let mut url = asked.join(location).ok()?;
    if asked.scheme() == "https" && url.scheme() == "http" {
        let itself = url.host_str() == asked.host_str()
            && (url.port().is_none() || url.port() == asked.port());
        if !itself {
            return None;
        }
        let port = asked.port();
        url.set_scheme("https").ok()?;
        url.set_port(port).ok()?;
    }
    let usable = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none();
    (usable && url.host_str().is_some()).then_some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(asked: &str, location: &str) -> Option<String> {
        resolve(&Url::parse(asked).ok()?, location).map(|url| url.to_string())
    }

    #[test]
    fn locations_are_joined_and_never_step_down_from_https() {
        let asked = "https://r:5000/v2/a/blobs/uploads/";
        let table = [
            (
                "/v2/a/blobs/uploads/1?_state=x%3D",
                Some("https://r:5000/v2/a/blobs/uploads/1?_state=x%3D"),
            ),
            ("1?x=y", Some("https://r:5000/v2/a/blobs/uploads/1?x=y")),
            ("https://other/u", Some("https://other/u")),
            ("http://r:5000/u", Some("https://r:5000/u")),
            ("http://r/u", Some("https://r:5000/u")),
            ("http://r:81/u", None),
            ("http://other/u", None),
            ("file:///etc/passwd", None),
            ("https://me:pw@other/u", None),
        ];
        for (location, expected) in table {
            assert_eq!(resolved(asked, location).as_deref(), expected, "{location}");
        }
        assert_eq!(
            resolved("http://r/", "http://other/u").as_deref(),
            Some("http://other/u")
        );
    }

    proptest! {
        #[test]
        fn any_header_is_survived(text in ".*") {
            let _ = resolved("https://r/", &text);
        }

        #[test]
        fn https_stays_https(location in "(https?:)?(//[a-z:@0-9]{0,8})?/[a-z?=]{0,8}") {
            prop_assert!(resolved("https://r:5/v2/", &location).is_none_or(|url| url.starts_with("https:")));
        }
    }
}
