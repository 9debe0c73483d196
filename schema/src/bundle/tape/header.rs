/*!
Tar headers, written from the index and never read.

ustar (POSIX.1-1988) with every free field fixed; a PAX extended header (POSIX.1-2001) before it only where a name,
a link name or a size does not fit. `schema/README.md` lists the fields.
*/

use tar::{EntryType, Header};

use crate::bundle::{
    Error,
    index::{File, FileKind},
};

/// A tar block, in bytes.
pub(crate) const BLOCK: u64 = 512;
/// Zero bytes at the end: two blocks.
pub(crate) const END: u64 = 2 * BLOCK;
/// 1980-01-01T00:00:00Z: a time that every file system can keep, and that is nobody's.
const MTIME: u64 = 315_532_800;
/// The largest size that eleven octal digits hold, plus one: 8 GiB.
const USTAR_SIZE: u64 = 8 << 30;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// The header blocks of a listed file.
pub(crate) fn of(file: &File) -> Result<Vec<u8>, Error> {
    let path = file.path.to_string();
    match file.kind() {
        FileKind::Regular => blocks(&path, EntryType::Regular, file.size, None),
        FileKind::HardLink(target) => blocks(&path, EntryType::Link, 0, Some(&target.to_string())),
        FileKind::Symlink(digest) => {
            blocks(&path, EntryType::Symlink, 0, Some(&digest.to_string()))
        }
    }
}

/// The header block of a file in the head, which always fits.
pub(crate) fn of_head(path: &str, size: u64) -> Result<Vec<u8>, Error> {
    blocks(path, EntryType::Regular, size, None)
}

/// Bytes from the end of the content to the next block.
pub(crate) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

fn blocks(path: &str, kind: EntryType, size: u64, link: Option<&str>) -> Result<Vec<u8>, Error> {
    let split = split(path);
    let long_link = link.filter(|link| link.len() > NAME);
    let mut records = Vec::new();
    if split.is_none() {
        record(&mut records, "path", path);
    }
    if let Some(link) = long_link {
        record(&mut records, "linkpath", link);
    }
    if size >= USTAR_SIZE {
        record(&mut records, "size", &size.to_string());
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        let length = records.len() as u64;
        out.extend(ustar(
            (None, "PaxHeader"),
            EntryType::XHeader,
            length,
            None,
        )?);
        records.resize(length.next_multiple_of(BLOCK) as usize, 0);
        out.append(&mut records);
    }
    let short_size = if size >= USTAR_SIZE { 0 } else { size };
    let short_name = split.unwrap_or((None, first(path)));
    out.extend(ustar(short_name, kind, short_size, link.map(first))?);
    Ok(out)
}

/// Prefix and name, parted at the last `/` that lets both fit; no prefix where none is needed.
fn split(path: &str) -> Option<(Option<&str>, &str)> {
    if path.len() <= NAME {
        return Some((None, path));
    }
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
    let at = slashes.find(|&at| at <= PREFIX && path.len() - at - 1 <= NAME)?;
    Some((Some(&path[..at]), &path[at + 1..]))
}

/// What stands in the ustar field when PAX holds the whole; our paths are ASCII.
fn first(text: &str) -> &str {
    text.get(..NAME).unwrap_or(text)
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts itself (POSIX.1-2001, "pax Extended Header").
fn record(out: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend(format!("{length} {key}={value}\n").into_bytes());
}

fn ustar(
    (prefix, name): (Option<&str>, &str),
    kind: EntryType,
    size: u64,
    link: Option<&str>,
) -> Result<[u8; BLOCK as usize], Error> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(if kind.is_symlink() { 0o777 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(size);
    let fields = header
        .as_ustar_mut()
        .ok_or_else(|| Error::Invalid("a ustar header could not be made".to_owned()))?;
    put(&mut fields.name, name);
    put(&mut fields.prefix, prefix.unwrap_or_default());
    put(&mut fields.linkname, link.unwrap_or_default());
    put(&mut fields.dev_major, "0000000");
    put(&mut fields.dev_minor, "0000000");
    header.set_cksum();
    Ok(*header.as_bytes())
}

fn put(field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_split_is_at_the_last_slash_that_fits() {
        let name = "n".repeat(100);
        assert_eq!(split(&name), Some((None, name.as_str())));
        let long = format!("a/{}/{}", "b".repeat(80), "c".repeat(60));
        let at = long.len() - 61;
        assert_eq!(split(&long), Some((Some(&long[..at]), &long[at + 1..])));
        assert_eq!(
            split(&format!("{}/x/{}", "p".repeat(150), "n".repeat(101))),
            None
        );
        assert_eq!(split(&format!("{}/{name}", "p".repeat(156))), None);
    }

    #[test]
    fn a_record_counts_its_own_length() {
        for size in [1, 80, 85, 86, 87, 88, 89, 90, 985, 986, 987, 988, 990, 1000] {
            let mut out = Vec::new();
            record(&mut out, "path", &"x".repeat(size));
            let told = out
                .split(|&b| b == b' ')
                .next()
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            assert_eq!(told, Some(out.len()));
        }
    }

    proptest! {
        /// What the widely used reader makes of our headers is what we meant.
        #[test]
        fn the_tar_crate_reads_back_name_link_and_size(
            path in "[a-z]{1,60}(/[a-z:]{1,120}){0,4}", link in "[a-z/]{1,200}", size in any::<u64>().prop_map(|n| n >> 14),
        ) {
            for (kind, size, link) in [(EntryType::Regular, size, None), (EntryType::Link, 0, Some(link.as_str()))] {
                let mut bytes = blocks(&path, kind, size, link)?;
                bytes.extend([0; END as usize]);
                let mut archive = tar::Archive::new(bytes.as_slice());
                let entry = archive.entries()?.next().ok_or_else(|| TestCaseError::fail("no entry"))??;
                prop_assert!(entry.path_bytes().as_ref() == path.as_bytes());
                prop_assert_eq!(entry.size(), size);
                prop_assert!(entry.link_name_bytes().as_deref() == link.map(str::as_bytes));
            }
        }
    }
}
