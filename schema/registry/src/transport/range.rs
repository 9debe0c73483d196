/*! Ranges of bytes as registries write them: what an upload has so far, and which part of a blob an answer is. */

/// `0-N` or `bytes=0-N` of an upload's `Range`: how many bytes the registry holds, if it can be continued there.
///
/// `0-0` is what registries also answer for an upload that holds nothing, so it counts as nothing.
pub(crate) fn upload_offset(range: &str, size: u64) -> Option<u64> {
    let bare = range.trim();
    let bare = bare.strip_prefix("bytes=").unwrap_or(bare);
    let last: u64 = bare.strip_prefix("0-")?.parse().ok()?;
    (last > 0 && last < size).then_some(last + 1)
}

/// `bytes A-B/TOTAL` of a `206`: first and last byte, and the total where there is one.
pub(crate) fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let rest = text
        .trim()
        .strip_prefix("bytes")?
        .trim_start_matches([' ', '=']);
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last).then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_registries_write_them() {
        assert_eq!(upload_offset("0-99", 200), Some(100));
        assert_eq!(upload_offset("bytes=0-199", 200), Some(200));
        for bad in ["0-0", "0-200", "1-5", "", "0-", "0-x", "0--1"] {
            assert_eq!(upload_offset(bad, 200), None, "{bad:?}");
        }
        assert_eq!(content_range("bytes 5-9/20"), Some((5, 9, Some(20))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for bad in ["bytes 9-5/20", "bytes */20", "5-9/20", "bytes 5-9", ""] {
            assert_eq!(content_range(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(text in ".*") {
            let _ = (upload_offset(&text, 10), content_range(&text));
        }
    }
}
