/*! Heads that would cost far more than they weigh. What they do cost, the benchmark shows. */

use std::fs;

use anyhow::Result;
use tests::heads::{SHAPES, signed};

use crate::{desk::Desk, outcome::fails_with};

/// One of them once took eight gigabytes, another ended the program in the middle of a table.
#[test]
fn a_head_that_lists_too_much_is_refused_whoever_signed_it() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let template = fs::read(bundle)?;
    for (number, shape) in SHAPES.iter().enumerate().filter(|(_, shape)| !shape.honest) {
        let head = desk.file(
            "head.tar",
            signed(&template, &shape.index()?, &desk.signing_key)?,
        )?;
        let unverified = tests::process::Program::importer()?
            .args(["inspect", "--unverified"])
            .args([&head]);
        // A signature changes nothing; a few show it.
        let verify = desk.import("verify", &head)?;
        for program in [unverified, verify]
            .into_iter()
            .take(if number < 3 { 2 } else { 1 })
        {
            let output = program.run()?;
            fails_with(&output, 11, &[]);
            assert!(
                output.stderr.len() < 8 << 10,
                "{}: {}",
                shape.name,
                output.stderr.len()
            );
        }
    }
    Ok(())
}

/// A table of 150,000 lines is large, and nothing else.
#[test]
fn a_large_head_is_read() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let template = fs::read(bundle)?;
    let honest: Vec<_> = SHAPES.iter().filter(|shape| shape.honest).collect();
    assert!(honest.len() > 2, "{honest:?}");
    for shape in &honest[2..] {
        let head = desk.file(
            "head.tar",
            signed(&template, &shape.index()?, &desk.signing_key)?,
        )?;
        let inspect = desk.import("inspect", &head)?;
        let out = desk.at("shown");
        inspect.stdout_file(&out)?.run()?.expect_code(0)?;
        let shown = fs::read_to_string(&out)?;
        assert!(shown.starts_with("VERIFIED"), "{}", shape.name);
    }
    Ok(())
}
