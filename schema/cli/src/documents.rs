/*! What a package needs besides the program: shell completions and manual pages, made from the flags themselves. */

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// Writes the completion script of a shell.
pub fn completions(command: &mut Command, shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // The generator panics where writing fails, which memory does not.
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, command, name, &mut script);
    out.write_all(&script)
}

/// Writes a manual page in roff: of the program, or of the subcommand that `path` leads to.
pub fn man(command: &Command, path: &[String], out: &mut impl Write) -> io::Result<()> {
    let mut command = command.clone();
    command.build();
    for part in path {
        let found = command.find_subcommand(part).cloned();
        command = found.ok_or_else(|| {
            let reason = format!("{} has no subcommand {part:?}", command.get_name());
            io::Error::new(io::ErrorKind::InvalidInput, reason)
        })?;
    }
    Man::new(command).render(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Command {
        Command::new("tool").subcommand(Command::new("build").about("Builds it"))
    }

    #[test]
    fn scripts_and_pages_name_the_program() -> io::Result<()> {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completions(&mut tool(), shell, &mut script)?;
            assert!(
                String::from_utf8_lossy(&script).contains("build"),
                "{shell}"
            );
        }
        let mut page = Vec::new();
        man(&tool(), &["build".to_owned()], &mut page)?;
        assert!(String::from_utf8_lossy(&page).contains("Builds it"));
        let missing = man(&tool(), &["bild".to_owned()], &mut page);
        assert!(
            missing.is_err_and(|error| error.to_string().contains("has no subcommand \"bild\""))
        );
        Ok(())
    }
}
