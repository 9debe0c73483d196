/*! The forgeries: entries of other kinds, modes, owners, names and targets, and whatever else an archive can hold. */

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{BLOCK, Entry};

pub(super) type Forge = Box<dyn Fn(&mut Vec<Entry>)>;

/// Where things stand in the bundle that is forged, and outside it.
pub(super) struct Places {
    config: usize,
    pub(super) blob: usize,
    link: usize,
    tag: usize,
    other_manifest: String,
    outside: PathBuf,
}

impl Places {
    pub(super) fn of(entries: &[Entry], outside: PathBuf) -> Result<Self> {
        let find = |what: &str, test: &dyn Fn(&Entry) -> bool| {
            entries
                .iter()
                .position(test)
                .with_context(|| format!("the bundle has no {what}"))
        };
        let kind = |entry: &Entry| entry.header[entry.header.len() - BLOCK + 156];
        let tag = find("tag", &|entry| entry.name == "v2/shop/app/manifests/v1")?;
        let target = &entries[tag].header[157..228];
        let other = find("other manifest", &|entry| {
            entry.name.starts_with("v2/shop/app/manifests/sha256:")
                && !entry.name.as_bytes().ends_with(target)
        })?;
        let other_manifest = entries[other].name.rsplit('/').next().unwrap_or_default();
        Ok(Self {
            config: find("manifest for clusters", &|entry| {
                entry.name.starts_with("config/")
            })?,
            blob: find("blob", &|entry| {
                entry.name.contains("/blobs/") && kind(entry) == b'0'
            })?,
            link: find("linked blob", &|entry| {
                entry.name.contains("/blobs/") && kind(entry) == b'1'
            })?,
            tag,
            other_manifest: other_manifest.to_owned(),
            outside,
        })
    }

    /// Instead of a listed entry, one of another kind with its name.
    fn replaced(&self, at: usize, kind: u8, link: &str) -> Forge {
        let link = link.to_owned();
        Box::new(move |entries| {
            let name = entries[at].name.clone();
            entries[at] = Entry::made(&name, kind, &link, b"");
        })
    }

    fn edited(&self, at: usize, field: usize, bytes: &'static [u8]) -> Forge {
        Box::new(move |entries| entries[at].edit(field, bytes))
    }

    fn added(
        &self,
        at: Option<usize>,
        name: &str,
        kind: u8,
        link: &str,
        content: &'static [u8],
    ) -> Forge {
        let (name, link) = (name.to_owned(), link.to_owned());
        Box::new(move |entries| {
            let at = at.unwrap_or(entries.len());
            entries.insert(at, Entry::made(&name, kind, &link, content));
        })
    }

    fn extended(&self, kind: u8, record: &'static str) -> Forge {
        let at = self.config;
        Box::new(move |entries| entries[at].pax(kind, record))
    }

    /// Everything that is refused before a single file is extracted.
    pub(super) fn frame(&self) -> Vec<(&'static str, Forge)> {
        let Self {
            config,
            blob,
            link,
            tag,
            ..
        } = *self;
        let same = self.outside.join("same.yaml").display().to_string();
        let evil = self.outside.join("evil").display().to_string();
        let away = self.outside.display().to_string();
        vec![
            (
                "a file that is a link to a place outside",
                self.replaced(config, b'2', &same),
            ),
            (
                "one that climbs there",
                self.replaced(config, b'2', &format!("../../../../../../../../..{same}")),
            ),
            (
                "a file that is a hard link to a place outside",
                self.replaced(config, b'1', &same),
            ),
            (
                "a hard link to another file",
                self.replaced(link, b'1', "bundle.json"),
            ),
            (
                "a hard link to a tag",
                self.replaced(link, b'1', "v2/shop/app/manifests/v1"),
            ),
            ("a character device", self.replaced(config, b'3', "")),
            ("a block device", self.replaced(config, b'4', "")),
            ("a directory", self.replaced(config, b'5', "")),
            ("a named pipe", self.replaced(config, b'6', "")),
            (
                "a tag of another manifest",
                self.replaced(tag, b'2', &self.other_manifest),
            ),
            ("a tag outside", self.replaced(tag, b'2', &same)),
            ("a set-uid file", self.edited(blob, 100, b"0004755")),
            ("a set-gid manifest", self.edited(config, 100, b"0002644")),
            (
                "a file for all to write",
                self.edited(config, 100, b"0000666"),
            ),
            ("somebody's file", self.edited(config, 108, b"0001750")),
            ("some group's file", self.edited(config, 116, b"0001750")),
            (
                "a file of another time",
                self.edited(config, 136, b"02263523001"),
            ),
            (
                "an absolute name",
                self.edited(config, 0, b"/config/one.yaml"),
            ),
            (
                "a name with a dot",
                self.edited(config, 0, b"./config/one.yaml"),
            ),
            (
                "a name that goes up and down",
                self.edited(config, 0, b"config/x/../one.yaml"),
            ),
            (
                "an extra file",
                self.added(
                    None,
                    "config/more.yaml",
                    b'0',
                    "",
                    b"kind: ClusterRoleBinding",
                ),
            ),
            (
                "an extra directory",
                self.added(None, "config/", b'5', "", b""),
            ),
            (
                "a file above",
                self.added(None, "../evil", b'0', "", b"evil"),
            ),
            (
                "a file elsewhere",
                self.added(None, &evil, b'0', "", b"evil"),
            ),
            (
                "a link that the tree is written through",
                self.added(Some(2), "v2", b'2', &away, b""),
            ),
            (
                "a link that the signature is written through",
                self.added(Some(1), "signatures", b'2', &away, b""),
            ),
            (
                "an index that is a link first",
                self.added(Some(0), "bundle.json", b'2', &evil, b""),
            ),
            (
                "a name that looks like two lines",
                self.added(
                    None,
                    "config/a\n-rw-r--r-- 0/0 0 1980-01-01 00:00:00 config/b",
                    b'0',
                    "",
                    b"",
                ),
            ),
            (
                "a name that looks like a remark of tar",
                self.added(None, "config/a Creating directory: b", b'0', "", b"x"),
            ),
            (
                "a link that looks like one",
                self.added(None, " Creating directory: b", b'2', &away, b""),
            ),
            (
                "a comment in PAX",
                self.extended(b'x', "comment=more of it"),
            ),
            ("a time in PAX", self.extended(b'x', "mtime=315532800.5")),
            (
                "a capability in PAX",
                self.extended(b'x', "SCHILY.xattr.user.a=1"),
            ),
            (
                "a comment for all in PAX",
                self.extended(b'g', "comment=more of it"),
            ),
            (
                "the same name in PAX",
                self.extended(b'x', "path=config/one.yaml"),
            ),
            (
                "a file twice",
                Box::new(move |entries| entries.push(entries[config].clone())),
            ),
            (
                "the index twice",
                Box::new(|entries| entries.push(entries[0].clone())),
            ),
            (
                "a missing file",
                Box::new(move |entries| drop(entries.remove(config))),
            ),
            (
                "another order",
                Box::new(move |entries| entries.swap(blob, config)),
            ),
            (
                "more zeros",
                Box::new(|entries| {
                    entries.push(Entry {
                        name: String::new(),
                        header: Vec::new(),
                        content: vec![0; BLOCK],
                    })
                }),
            ),
            (
                "another archive behind it",
                Box::new(|entries| {
                    let behind = Entry::made("config/more.yaml", b'0', "", b"x");
                    let end = Entry {
                        header: vec![0; 2 * BLOCK],
                        ..behind.clone()
                    };
                    entries.push(Entry {
                        content: [behind.header, behind.content].concat(),
                        ..end
                    });
                }),
            ),
        ]
    }
}
