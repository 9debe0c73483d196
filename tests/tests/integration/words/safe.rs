/*! Names and texts that could drive a terminal, or pass for lines of their own, wherever they come out. */

use std::path::PathBuf;

use anyhow::Result;
use schema::text::is_hidden;
use tests::process::Output;

use crate::desk::Desk;

/// Ends a line, clears the screen, turns the direction round, and hides a character of no width.
const NAME: &str = "a\n\u{1b}[2J\u{9b}1m\u{202e}\u{200b}b: VERIFIED";

/// As it is to be shown.
const SHOWN: &str = r"a\n\u{1b}[2J\u{9b}1m\u{202e}\u{200b}b: VERIFIED";

fn harmless(output: &Output) -> bool {
    let hidden = |text: &str| text.chars().any(|c| c != '\n' && is_hidden(c));
    !hidden(&output.text()) && !hidden(&output.stderr)
}

fn bundle(desk: &Desk) -> Result<PathBuf> {
    let bundle = desk.at(&format!("{NAME}.tar"));
    let build = desk
        .build()?
        .args(["--config"])
        .args([desk.config_map("a")?]);
    let built = build.args(["-o"]).args([&bundle]).run()?.expect_code(0)?;
    assert!(harmless(&built), "{built:?}");
    assert!(built.text().contains(SHOWN), "{}", built.text());
    Ok(bundle)
}

/// A file name once reached the terminal as it was, and its second half looked like a line of the report.
#[test]
fn a_file_name_is_one_word_of_one_line() -> Result<()> {
    let desk = Desk::new()?;
    let bundle = bundle(&desk)?;
    let verified = desk.import("verify", &bundle)?.run()?.expect_code(0)?;
    assert!(harmless(&verified), "{verified:?}");
    let text = verified.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains(&format!("{SHOWN}.tar: VERIFIED, signed by")),
        "{text}"
    );
    let to = desk.at(&format!("{NAME}.dir"));
    let extracted = desk
        .import("extract", &bundle)?
        .args(["--to-dir"])
        .args([&to])
        .run()?;
    assert!(harmless(&extracted.expect_code(0)?));
    Ok(())
}

#[test]
fn errors_and_log_lines_are_lines_whatever_they_quote() -> Result<()> {
    let desk = Desk::new()?;
    let bundle = bundle(&desk)?;
    for format in ["text", "json"] {
        let verify = desk
            .import("verify", &bundle)?
            .args(["--log-format", format, "-v"]);
        let output = verify.run()?.expect_code(0)?;
        assert!(
            output.stderr.contains("signature verified"),
            "{}",
            output.stderr
        );
        assert!(harmless(&output), "{}", output.stderr);
        if format == "json" {
            let mut names = Vec::new();
            for line in output.stderr.lines() {
                let line: serde_json::Value = serde_json::from_str(line)?;
                names.extend(line["fields"]["bundle"].as_str().map(str::to_owned));
            }
            assert!(!names.is_empty(), "no line names the bundle");
            assert!(names.iter().all(|name| name.contains(NAME)), "{names:?}");
        }
    }
    let missing = desk.at(&format!("{NAME} is not there"));
    let output = desk.import("verify", &missing)?.run()?.expect_code(1)?;
    assert!(harmless(&output), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    let flag = format!("--{NAME}");
    let output = desk
        .import("verify", &bundle)?
        .args([flag])
        .run()?
        .expect_code(2)?;
    assert!(harmless(&output), "{}", output.stderr);
    Ok(())
}
