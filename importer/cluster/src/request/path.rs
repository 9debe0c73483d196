/*! Paths of an API server (Kubernetes API conventions), of segments that never lead elsewhere. */

use std::fmt::Write as _;

/// Where the kinds of an API version are: `/api/v1`, `/apis/apps/v1`.
pub fn root(api_version: &str) -> Result<String, String> {
    let (mut path, parts) = match api_version.split_once('/') {
        None => ("/api".to_owned(), vec![api_version]),
        Some((group, version)) if !version.contains('/') => {
            ("/apis".to_owned(), vec![group, version])
        }
        Some(_) => return Err(format!("{api_version:?} cannot be an apiVersion")),
    };
    for part in parts {
        push(&mut path, part)?;
    }
    Ok(path)
}

/// Adds a segment to a path. Some names have colons; a slash in one never leads elsewhere.
pub fn push(path: &mut String, segment: &str) -> Result<(), String> {
    if matches!(segment, "" | "." | "..") {
        return Err(format!("{segment:?} cannot be a name or a namespace"));
    }
    path.push('/');
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        let mut path = String::new();
        assert_eq!(push(&mut path, "system:a/../b?c"), Ok(()));
        assert_eq!(path, "/system:a%2F..%2Fb%3Fc");
        assert!(push(&mut path, "..").is_err());
    }

    #[test]
    fn an_api_version_stays_two_segments() {
        for (api_version, path) in [
            ("v1", "/api/v1"),
            ("apps/v1", "/apis/apps/v1"),
            ("v1?x=y#", "/api/v1%3Fx%3Dy%23"),
            ("a%2f..%2fb/v1", "/apis/a%252f..%252fb/v1"),
        ] {
            assert_eq!(root(api_version).as_deref(), Ok(path));
        }
        for odd in [
            "",
            "/",
            "apps/",
            "/v1",
            "../v1",
            "apps/..",
            "apps/v1/namespaces",
            "apps//v1",
        ] {
            assert!(root(odd).is_err(), "{odd:?}");
        }
    }
}
