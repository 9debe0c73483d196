/*!
The first thing a newcomer runs must not be the thing nobody runs any more.
*/

use anyhow::{Result, ensure};
use tests::process::{Program, binaries};

#[test]
fn the_demo_runs_and_finds_everything_as_expected() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let programs = binaries()?;
    let demo = Program::at(env!("CARGO_BIN_EXE_demo").as_ref())?
        .env("BUNDLE_BIN_DIR", programs)
        .args([directory.path().join("files")]);
    let output = demo.run()?.expect_code(0)?;
    let said = output.text();
    let commands = said.lines().filter(|line| line.starts_with("$ ")).count();
    ensure!(
        commands >= 9,
        "only {commands} command lines are shown:\n{said}"
    );
    ensure!(said.contains("Everything was as expected"), "{said}");
    Ok(())
}
