/*! What the two programs make of an altered bundle, on a sample of all positions: refused, named, and nothing published. */

use super::small::{END, Small};
use crate::desk::Desk;
use anyhow::{Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tests::process::{Output, Program};

/// Positions all over the bundle: a few in the head, and the header, content and padding of every entry.
fn sample(small: &Small) -> Vec<usize> {
    let head = [
        0,
        124,
        156,
        600,
        small.head() - 1100,
        small.head() - 1024 + 20,
        small.head() - 512,
        small.head() - 1,
    ];
    let of_entry = |pair: &[(usize, String)]| {
        let (start, end) = (pair[0].0, pair[1].0);
        let content = (end > start + 512).then_some([start + 512, end - 1]);
        [start + 7, start + 150]
            .into_iter()
            .chain(content.into_iter().flatten())
            .collect::<Vec<_>>()
    };
    let entries = small.regions.windows(2).flat_map(of_entry);
    let end = small.bytes.len();
    head.into_iter()
        .chain(entries)
        .chain([end - 1024, end - 1])
        .collect()
}

/// The ways in which an importer reads a bundle, altered or not.
struct Importers {
    desk: Desk,
    bundle: PathBuf,
}

impl Importers {
    /// Verifies, and pushes into an empty registry, from a file and from a pipe.
    fn try_all(&self, bytes: &[u8]) -> Result<[(Output, FakeRegistry); 4]> {
        fs::write(&self.bundle, bytes)?;
        let (file, stdin) = (self.bundle.as_path(), Path::new("-"));
        let run = |program: Program, registry: FakeRegistry| -> Result<(Output, FakeRegistry)> {
            Ok((program.stdin_file(file)?.run()?, registry))
        };
        let pushed = |from: &Path| {
            let registry = FakeRegistry::start(Settings::default())?;
            run(self.desk.push(from, &registry.host())?, registry)
        };
        let verified = |from: &Path| {
            let registry = FakeRegistry::start(Settings::default())?;
            run(self.desk.import("verify", from)?, registry)
        };
        Ok([
            verified(file)?,
            verified(stdin)?,
            pushed(file)?,
            pushed(stdin)?,
        ])
    }

    /// All four ways are refused, with one of the exit codes and a sentence that names the entry, and nothing is tagged.
    fn refuses(&self, what: &str, bytes: &[u8], codes: &[i32], entry: &str) -> Result<()> {
        for (output, registry) in self.try_all(bytes)? {
            let said = output.stderr.trim_end();
            let last = said.lines().last().unwrap_or_default();
            let code = output.code.is_some_and(|code| codes.contains(&code));
            ensure!(
                code && last.contains(entry),
                "{what}: exit code {:?}: {said}",
                output.code
            );
            ensure!(
                said.matches("error: ").count() == 1 && last.starts_with("error: "),
                "{what}: not one sentence at the end: {said}"
            );
            ensure!(output.stdout.is_empty(), "{what}: {}", output.text());
            ensure!(!registry.has_tags(), "{what}, and there is a tag");
        }
        Ok(())
    }
}

#[test]
fn the_programs_refuse_and_publish_nothing() -> Result<()> {
    let small = Small::new()?;
    let desk = Desk::with_key(&small.key)?;
    let importers = Importers {
        bundle: desk.at("small.tar"),
        desk,
    };
    let positions = sample(&small);
    ensure!(positions.len() >= 40, "only {} positions", positions.len());
    for at in positions {
        let mut bytes = small.bytes.to_vec();
        bytes[at] ^= 0x10;
        match small.entry(at) {
            Some(entry) => importers.refuses(&format!("byte {at}"), &bytes, &[11], entry)?,
            None => importers.refuses(&format!("byte {at}"), &bytes, &[10, 11], "")?,
        }
    }
    for length in [
        0,
        3,
        512,
        small.head(),
        small.head() + 1,
        small.bytes.len() - 1,
    ] {
        importers.refuses(
            &format!("{length} bytes"),
            &small.bytes[..length],
            &[11],
            small.entry(length).unwrap_or_default(),
        )?;
    }
    importers.refuses(
        "a byte too much",
        &[&small.bytes, &b"\n"[..]].concat(),
        &[11],
        END,
    )?;

    // The bundle itself is good, so each refusal was for the alteration.
    let [_, _, (_, from_file), (_, from_pipe)] = importers.try_all(&small.bytes)?;
    for registry in [from_file, from_pipe] {
        for repository in ["a", "b/c"] {
            registry.check_complete(&repository.parse()?, &"v1".parse()?)?;
        }
    }
    Ok(())
}
