/*!
Everything that both programs write, on machines that others use too.

Others may have put something where a name can be foreseen: a link in `/tmp`, a pipe, a directory of theirs. So the directory
that an output goes into is opened once, what is below it is reached through its descriptor and never through a link, and
what is there already is looked at by descriptor before it is trusted:

- a new file is made exclusively; what is unfinished has mode 0600 (directories 0700) until it gets its name by a rename;
- what an interrupted run left is resumed only if it belongs to the user who runs the program, nobody else may write
  to it, it has one name, and it carries our mark: an archive begins as its kind does, a directory holds a journal
  of what was written into it. A file that is not in the journal is never removed, and named;
- where a file is to be, a link, a directory, a socket or a disk is refused; pipes and character devices are written to.

The directories on the way to an output are the user's word, links included.
*/

mod directory;
mod error;
mod file;
mod input;
mod lock;
mod partial;
mod path;
mod stream;
#[cfg(test)]
mod tests;

use rustix::{
    fs::Mode,
    process::{geteuid, umask},
};

pub use directory::Tree;
pub use error::Error;
pub use file::{Fresh, Growing, replace};
pub use input::is_one_of;
pub use path::{Destination, OutputPath};
pub use stream::Stream;

/// Whose files are ours.
fn user() -> u32 {
    geteuid().as_raw()
}

/// The bits that this process takes off a mode, for what gets its mode after it was made.
fn masked(mode: u32) -> u32 {
    // There is no way to ask but to set it; what is made in between is the more private for it.
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask);
    mode & !mask.as_raw_mode()
}

/// Why something that is there may not be taken for our own.
fn why_not_ours(owner: u32, mode: u32) -> Option<String> {
    if owner != user() {
        return Some(format!("it belongs to user {owner}, not to {}", user()));
    }
    let others = mode & 0o022 != 0;
    others.then(|| format!("others may write to it (mode {:04o})", mode & 0o7777))
}
