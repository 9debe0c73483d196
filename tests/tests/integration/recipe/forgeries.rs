/*!
Archives that are not what was signed, and what the recipe says of each.

They are made entry by entry out of a bundle that passes, so that it is the forgery that is caught. A fault that once was:
a listed file replaced by a link to a place outside, with the same content at the time of the check, passed; and whoever ran
the recipe as root got set-uid files.
*/

mod list;

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Result, ensure};
use list::{Forge, Places};
use schema::bundle::{Opened, PublicKey, SigningKey, TrustedKeys};
use tests::needs;

use super::Office;
use crate::desk::Desk;

const BLOCK: usize = 512;

/// An entry of the archive: its header blocks, and its content with padding.
#[derive(Clone)]
struct Entry {
    name: String,
    header: Vec<u8>,
    content: Vec<u8>,
}

impl Entry {
    /// As another producer might write it.
    fn made(name: &str, kind: u8, link: &str, content: &[u8]) -> Self {
        let mut header = vec![0; BLOCK];
        put(&mut header, 0, name.as_bytes());
        put(
            &mut header,
            100,
            if kind == b'2' { b"0000777" } else { b"0000644" },
        );
        put(&mut header, 108, b"0000000\x000000000");
        put(
            &mut header,
            124,
            format!("{:011o}", content.len()).as_bytes(),
        );
        put(&mut header, 136, b"02263523000");
        put(&mut header, 156, &[kind]);
        put(&mut header, 157, link.as_bytes());
        put(&mut header, 257, b"ustar\x0000");
        put(&mut header, 329, b"0000000\x000000000");
        let mut content = content.to_vec();
        content.resize(content.len().next_multiple_of(BLOCK), 0);
        let mut made = Self {
            name: name.to_owned(),
            header,
            content,
        };
        made.edit(0, &[]);
        made
    }

    /// Puts bytes into its last header block and mends the checksum.
    fn edit(&mut self, at: usize, bytes: &[u8]) {
        let start = self.header.len() - BLOCK;
        let block = &mut self.header[start..];
        put(block, at, bytes);
        put(block, 148, b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        put(block, 148, format!("{sum:07o}\0").as_bytes());
    }

    /// A PAX header before it; `kind` is `x`, or `g` for one that is meant for all that follow.
    fn pax(&mut self, kind: u8, record: &str) {
        let record = format!("{} {record}\n", record.len() + 4);
        let before = Self::made("PaxHeader", kind, "", record.as_bytes());
        self.header = [
            before.header,
            before.content,
            std::mem::take(&mut self.header),
        ]
        .concat();
    }
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The entries of a bundle, the head included.
fn entries(bundle: &Path, key: &Path) -> Result<Vec<Entry>> {
    let bytes = fs::read(bundle)?;
    let trusted = TrustedKeys::new(vec![PublicKey::from_pem(&fs::read_to_string(key)?)?])?;
    let contents = Opened::path(bundle)?.verify(&trusted)?.into_contents();
    let tape = contents.tape();
    let mut entries = Vec::new();
    let mut at = 0;
    let mut take = |name: String, header: usize, content: usize| {
        let (start, end) = (at + header, at + header + content.next_multiple_of(BLOCK));
        entries.push(Entry {
            name,
            header: bytes[at..start].to_vec(),
            content: bytes[start..end].to_vec(),
        });
        at = end;
    };
    for (name, content) in tape.head_files() {
        take(name, BLOCK, content.len());
    }
    for placed in tape.placements() {
        let header = (placed.content - placed.header) as usize;
        take(
            placed.file.path.to_string(),
            header,
            placed.file.stored() as usize,
        );
    }
    Ok(entries)
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let parts = entries
        .iter()
        .flat_map(|entry| [&entry.header, &entry.content]);
    let mut bytes: Vec<u8> = parts.flatten().copied().collect();
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

#[test]
fn nothing_is_extracted_of_an_archive_that_is_not_what_the_index_lists() -> Result<()> {
    needs!("openssl");
    let office = Office::open("good.tar")?;
    let key = office.desk.public();
    let good = entries(&office.bundle, &key)?;
    ensure!(
        archive(&good) == fs::read(&office.bundle)?,
        "the entries do not make the bundle"
    );
    let outside = office.desk.at("outside");
    fs::create_dir(&outside)?;
    fs::copy(office.desk.at("one.yaml"), outside.join("same.yaml"))?;
    let places = Places::of(&good, outside.clone())?;
    for (what, forge) in places.frame() {
        let mut forged = good.clone();
        forge(&mut forged);
        let bundle = office.desk.at("forged.tar");
        fs::write(&bundle, archive(&forged))?;
        let output = office.check(&bundle, &key)?;
        let said = format!("{}{}", output.text(), output.stderr);
        ensure!(
            output.code.is_some_and(|code| code != 0),
            "{what} was accepted: {said}"
        );
        ensure!(
            !said.contains("every file is what"),
            "{what} was called good: {said}"
        );
        let checked = office.desk.at("checked");
        ensure!(
            !checked.join("v2").exists() && !checked.join("config").exists(),
            "{what} was extracted: {said}"
        );
        for entry in walkdir::WalkDir::new(&checked) {
            let kind = entry?.metadata()?;
            let odd = kind.file_type().is_fifo()
                || kind.file_type().is_char_device()
                || kind.permissions().mode() & 0o7000 != 0;
            ensure!(
                !odd && !kind.is_symlink(),
                "{what} left something odd behind"
            );
        }
        let names = fs::read_dir(&outside)?.count();
        ensure!(names == 1, "{what} wrote outside");
        // Our own reader agrees.
        let verify = office.desk.import("verify", &bundle)?.run()?;
        ensure!(
            verify.code.is_some_and(|code| code != 0),
            "{what} is good for the importer"
        );
    }
    Ok(())
}

#[test]
fn altered_content_and_foreign_signatures_are_caught() -> Result<()> {
    needs!("openssl");
    let office = Office::open("good.tar")?;
    let key = office.desk.public();
    let good = entries(&office.bundle, &key)?;
    let places = Places::of(&good, office.desk.at("outside"))?;
    let blob = good[places.blob].name.clone();
    let stranger = SigningKey::generate()?.sign(b"something else")?;
    let sums = |entries: &mut Vec<Entry>| {
        // As if a blob had been replaced and its checksum mended.
        entries[2].content[0] ^= 1;
    };
    let forgeries: [(&str, &str, Forge); 5] = [
        (
            "a replaced blob",
            &format!("{blob}: FAILED"),
            Box::new(move |entries| entries[places.blob].content[0] ^= 1),
        ),
        ("a mended SHA256SUMS", "SHA256SUMS: FAILED", Box::new(sums)),
        (
            "an altered index",
            "Signature Verification Failure",
            Box::new(|entries| entries[0].content[50] ^= 1),
        ),
        (
            "a signature over something else",
            "Signature Verification Failure",
            Box::new(move |entries| entries[1].content[..64].copy_from_slice(&stranger.bytes)),
        ),
        (
            "a signature with another name",
            "Signature",
            Box::new(|entries| entries[1].edit(11, b"0123456789abcdef")),
        ),
    ];
    for (what, by, forge) in forgeries {
        let mut forged = good.clone();
        forge(&mut forged);
        let bundle = office.desk.at("forged.tar");
        fs::write(&bundle, archive(&forged))?;
        let output = office.check(&bundle, &key)?;
        let said = format!("{}{}", output.text(), output.stderr);
        ensure!(
            output.code.is_some_and(|code| code != 0),
            "{what} was accepted: {said}"
        );
        ensure!(
            said.contains(by) && !said.contains("every file is what"),
            "{what}: {said}"
        );
    }
    let other = Desk::new()?;
    let output = office.check(&office.bundle, &other.public())?;
    ensure!(output.code != Some(0), "the wrong key was accepted");
    let bytes = fs::read(&office.bundle)?;
    let cut = office.desk.at("cut.tar");
    fs::write(&cut, &bytes[..bytes.len() - 2000])?;
    ensure!(
        office.check(&cut, &key)?.code != Some(0),
        "a cut bundle was accepted"
    );
    Ok(())
}
